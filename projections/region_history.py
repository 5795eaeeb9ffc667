"""Who was on duty in a region, and which orders were open there, at any moment: for replays, beside positions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Index,
    MetaData,
    Table,
    Text,
    Uuid,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from domain.driver import events
from domain.event import Event
from domain.order import events as order_events
from projections import rows
from projections.log import Logged
from projections.projection import Projection
from projections.results import shown
from projections.rows import FIXED

METADATA = MetaData(schema="region_history")
DRIVERS = Table(
    "drivers",
    METADATA,
    Column("driver_id", Uuid, primary_key=True),
    Column("region", Text, nullable=False, info=FIXED),
    Column("on_shift", Boolean, nullable=False),
    Column("silent", Boolean, nullable=False),
    Column("suspended", Boolean, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Index("drivers_on_duty", "region", postgresql_where=literal_column("on_shift")),
    postgresql_with={"fillfactor": 60},
)
"""How each is now, and since when."""
SPANS = Table(
    "spans",
    METADATA,
    Column("driver_id", Uuid, primary_key=True),
    Column("since", DateTime(timezone=True), primary_key=True),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("region", Text, nullable=False),
    Column("silent", Boolean, nullable=False),
    Column("suspended", Boolean, nullable=False),
    Index("spans_by_end", "region", "until"),
)
"""How they were on duty before; rows are only ever added."""
ORDERS = Table(
    "orders",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("region", Text, nullable=False, info=FIXED),
    Column("placed_at", DateTime(timezone=True), nullable=False, info=FIXED),
    Column("closed_at", DateTime(timezone=True)),
    Index("orders_by_end", "region", "closed_at"),
)


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """A driver on duty from `since` to before `until`; None where it lasts."""

    driver_id: UUID
    since: datetime
    until: datetime | None
    silent: bool
    suspended: bool


def on_duty(c: Connection, region: str, since: datetime, until: datetime, *, limit: int) -> list[Duty]:
    """Tell who was on duty between two moments, driver by driver, each in order."""
    past = select(*(SPANS.c[name] for name in Duty.__struct_fields__)).where(
        SPANS.c.region == region, SPANS.c.until > since, SPANS.c.since < until
    )
    lasting = select(
        DRIVERS.c.driver_id, DRIVERS.c.since, null().label("until"), DRIVERS.c.silent, DRIVERS.c.suspended
    ).where(DRIVERS.c.region == region, DRIVERS.c.on_shift, DRIVERS.c.since < until)
    both = union_all(past, lasting).subquery()
    query = select(both).order_by(both.c.driver_id, both.c.since).limit(limit)
    return [shown(Duty, row) for row in c.execute(query).mappings()]


def open_orders(c: Connection, region: str, since: datetime, until: datetime, *, limit: int) -> list[UUID]:
    """Tell which orders were open between two moments, the oldest first."""
    query = (
        select(ORDERS.c.order_id)
        .where(
            ORDERS.c.region == region,
            or_(ORDERS.c.closed_at.is_(None), ORDERS.c.closed_at > since),
            ORDERS.c.placed_at < until,
        )
        .order_by(ORDERS.c.placed_at, ORDERS.c.order_id)
        .limit(limit)
    )
    return list(c.execute(query).scalars())


def apply(connection: Connection, batch: Sequence[Logged]) -> None:
    """Fold drivers' duty into spans, and orders into when they were open."""
    _fold_drivers(connection, [logged for logged in batch if type(logged.event) in _DUTY])
    orders = rows.Edits[UUID](ORDERS)
    for logged in batch:
        key = {"order_id": logged.stream_id}
        if isinstance(logged.event, order_events.Placed):
            placed = {"region": logged.event.region, "placed_at": logged.occurred_at, "closed_at": None}
            orders.add(logged.stream_id, key | placed)
        elif isinstance(logged.event, _CLOSING):
            orders.change(logged.stream_id, key, {"closed_at": logged.occurred_at})
    orders.write(connection)


PROJECTION = Projection("region_history", METADATA, apply)


def _fold_drivers(connection: Connection, batch: Sequence[Logged]) -> None:
    edits = rows.Edits[UUID](DRIVERS)
    spans: list[rows.Document] = []
    known = {logged.stream_id for logged in batch if not isinstance(logged.event, events.Registered)}
    found = rows.fetch(connection, DRIVERS, "driver_id", known, _NAMES)
    now: dict[UUID, dict[str, Any]] = {row[0]: dict(zip(_NAMES, row, strict=True)) for row in found}
    for logged in batch:
        driver_id, event, at = logged.stream_id, logged.event, logged.occurred_at
        if isinstance(event, events.Registered):
            now[driver_id] = {"driver_id": driver_id, "region": event.region, "since": at} | _OFF
            edits.add(driver_id, dict(now[driver_id]))
            continue
        before = now.get(driver_id)
        if before is None:
            continue
        # Clocks of two machines may differ: a span never ends before it began.
        after = before | _DUTY[type(event)] | {"since": max(at, before["since"])}
        if before["on_shift"] and after["since"] > before["since"]:
            spans.append({name: before[name] for name in _KEPT} | {"until": after["since"]})
        now[driver_id] = after
        edits.change(driver_id, {"driver_id": driver_id}, {name: after[name] for name in (*_OFF, "since")})
    rows.insert(connection, SPANS, spans)
    edits.write(connection)


_OFF = {"on_shift": False, "silent": False, "suspended": False}
_NAMES = tuple(column.name for column in DRIVERS.columns)
_KEPT = ("driver_id", "region", "since", "silent", "suspended")
_DUTY: dict[type[Event], rows.Document] = {
    events.Registered: {},
    events.ShiftStarted: {"on_shift": True, "silent": False},
    events.ShiftEnded: {"on_shift": False, "silent": False},
    events.WentSilent: {"silent": True},
    events.CameBack: {"silent": False},
    events.Suspended: {"suspended": True},
    events.Reinstated: {"suspended": False},
}
_CLOSING = (order_events.Delivered, order_events.Rejected, order_events.Cancelled)
