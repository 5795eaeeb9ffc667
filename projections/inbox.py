"""What each customer, restaurant and driver was told, newest first."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, Connection, DateTime, MetaData, Table, Text, Uuid, select
from sqlalchemy import text as sql

from projections.paging import Page, cut, read_cursor

METADATA = MetaData(schema="inbox")
ENTRIES = Table(
    "entries",
    METADATA,
    Column("subject_id", Uuid, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("text", Text, nullable=False),
    Column("link", Text),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
)
PARTIES = Table(
    "parties",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("customer_id", Uuid, nullable=False),
    Column("restaurant_id", Uuid, nullable=False),
    Column("restaurant_name", Text, nullable=False),
    Column("driver_id", Uuid),
    postgresql_with={"fillfactor": 70},
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `kind` is stable (`order_confirmed`), `text` is English, `link` a path of the API."""

    position: int
    kind: str
    order_id: UUID
    text: str
    link: str | None
    occurred_at: datetime
    read: bool


def entries(c: Connection, subject_id: UUID, *, before: str | None = None, limit: int = 20) -> Page[Entry]:
    """A page of the subject's messages, newest first."""
    read_to = _read_to(c, subject_id)
    query = select(ENTRIES).where(ENTRIES.c.subject_id == subject_id)
    if before is not None:
        query = query.where(ENTRIES.c.position < read_cursor(before, tuple[int])[0])
    rows = c.execute(query.order_by(ENTRIES.c.position.desc()).limit(limit + 1)).mappings()
    items = [msgspec.convert(dict(row) | {"read": row["position"] <= read_to}, Entry) for row in rows]
    return cut(items, limit, "position")


def unread(c: Connection, subject_id: UUID) -> int:
    """How many messages came after the subject's read mark."""
    query = select(ENTRIES.c.position).where(
        ENTRIES.c.subject_id == subject_id, ENTRIES.c.position > _read_to(c, subject_id)
    )
    return len(c.execute(query.limit(1_000)).all())


def _read_to(c: Connection, subject_id: UUID) -> int:
    mark = sql("SELECT position FROM public.inbox_read_marks WHERE subject_id = :subject_id")
    return c.execute(mark, {"subject_id": subject_id}).scalar() or 0
