"""What each customer, restaurant and driver was told, newest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, Connection, DateTime, MetaData, Table, Text, Uuid, delete, select
from sqlalchemy import text as sql

from domain.event import Event
from domain.order import events
from projections import rows
from projections.log import Logged
from projections.paging import Page, cut, read_cursor
from projections.projection import Projection
from projections.results import shown

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


class Addressed(Entry, frozen=True, kw_only=True):
    """One message and who got it."""

    subject_id: UUID


def entries(c: Connection, subject_id: UUID, *, before: str | None = None, limit: int = 20) -> Page[Entry]:
    """A page of the subject's messages, newest first."""
    read_to = _read_to(c, subject_id)
    query = select(ENTRIES).where(ENTRIES.c.subject_id == subject_id)
    if before is not None:
        query = query.where(ENTRIES.c.position < read_cursor(before, tuple[int])[0])
    rows = c.execute(query.order_by(ENTRIES.c.position.desc()).limit(limit + 1)).mappings()
    items = [shown(Entry, row, read=row["position"] <= read_to) for row in rows]
    return cut(items, limit, "position")


def unread(c: Connection, subject_id: UUID) -> int:
    """How many messages came after the subject's read mark."""
    query = select(ENTRIES.c.position).where(
        ENTRIES.c.subject_id == subject_id, ENTRIES.c.position > _read_to(c, subject_id)
    )
    return len(c.execute(query.limit(1_000)).all())


def about(c: Connection, order_id: UUID, subject_ids: Sequence[UUID]) -> list[Addressed]:
    """All that these subjects were told about an order, oldest first."""
    found = c.execute(_ABOUT, {"order_id": order_id, "subject_ids": list(subject_ids)})
    return [shown(Addressed, row) for row in found.mappings()]


# The key is subject and position: an order's positions are found in the log, so that no inbox is read from end to end.
_ABOUT = sql("""
SELECT e.subject_id, e.position, e.kind, e.order_id, e.text, e.link, e.occurred_at,
    e.position <= coalesce(m.position, 0) AS read
FROM public.events l
JOIN inbox.entries e ON e.position = l.position AND e.subject_id = ANY(:subject_ids)
LEFT JOIN public.inbox_read_marks m ON m.subject_id = e.subject_id
WHERE l.originator_id = :order_id AND e.order_id = :order_id
ORDER BY e.position, e.subject_id
""")


def _read_to(c: Connection, subject_id: UUID) -> int:
    mark = sql("SELECT position FROM public.inbox_read_marks WHERE subject_id = :subject_id")
    return c.execute(mark, {"subject_id": subject_id}).scalar() or 0


def apply(connection: Connection, batch: Sequence[Logged]) -> None:
    """Write a message for each side that an event concerns; who the sides are is remembered per order."""
    parties = rows.Edits[UUID](PARTIES)
    told: list[rows.Document] = []
    concerned = [logged for logged in batch if type(logged.event) in _CONCERNING]
    known = _known_parties(connection, {logged.stream_id for logged in concerned})
    for logged in concerned:
        event, order_id = logged.event, logged.stream_id
        key: rows.Document = {"order_id": order_id}
        if isinstance(event, events.Placed):
            known[order_id] = {name: getattr(event, name) for name in _NAMED} | {"driver_id": None}
            parties.add(order_id, key | known[order_id])
        if isinstance(event, events.DriverAssigned):
            known[order_id]["driver_id"] = event.driver_id
            parties.change(order_id, key, {"driver_id": event.driver_id})
        told += (_entry(logged, known[order_id], message) for message in _MESSAGES.get(type(event), ()))
        if isinstance(event, events.DriverUnassigned | events.Cancelled):
            known[order_id]["driver_id"] = None
            parties.change(order_id, key, {"driver_id": None})
    parties.write(connection)
    rows.insert(connection, ENTRIES, [entry for entry in told if entry["subject_id"] is not None])


def unfold(connection: Connection, past: Sequence[Logged]) -> None:
    """Remove what an order's events told anybody, and who its sides are."""
    told = {
        getattr(logged.event, name, None) for logged in past for name in ("customer_id", "restaurant_id", "driver_id")
    }
    ours = ENTRIES.c.subject_id.in_(told - {None}) & ENTRIES.c.position.in_([logged.position for logged in past])
    connection.execute(delete(ENTRIES).where(ours))
    connection.execute(delete(PARTIES).where(PARTIES.c.order_id.in_({logged.stream_id for logged in past})))


PROJECTION = Projection("inbox", METADATA, apply, skips_failures=True, unfold=unfold)

_NAMED = ("customer_id", "restaurant_id", "restaurant_name")


def _known_parties(connection: Connection, order_ids: set[UUID]) -> dict[UUID, rows.Document]:
    columns = ("order_id", *_NAMED, "driver_id")
    found = rows.fetch(connection, PARTIES, "order_id", order_ids, columns)
    return {row[0]: dict(zip(columns[1:], row[1:], strict=True)) for row in found}


class _Message(NamedTuple):
    to: str
    kind: str
    text: str
    """Filled in with the event's fields and `restaurant`. Names nobody: messages are kept, names are not for ever."""
    link: str | None = None


def _entry(logged: Logged, parties: rows.Document, message: _Message) -> rows.Document:
    event: Any = logged.event
    words = {name: getattr(event, name) for name in event.__struct_fields__}
    reason = str(words.get("reason") or "no reason given")
    words |= {"restaurant": parties["restaurant_name"], "reason": reason}
    asked = message.to == "asked_driver"
    return {
        "subject_id": event.driver_id if asked else parties[f"{message.to}_id"],
        "position": logged.position,
        "kind": message.kind,
        "order_id": logged.stream_id,
        "text": message.text.format_map(words),
        "link": message.link and message.link.format(order_id=logged.stream_id),
        "occurred_at": logged.occurred_at,
    }


_TRACKING = "/v1/orders/{order_id}/stream"
_MESSAGES: dict[type[Event], tuple[_Message, ...]] = {
    events.Placed: (
        _Message("customer", "order_placed", "{restaurant} has your order and will answer soon."),
        _Message("restaurant", "order_received", "A new order waits for your answer."),
    ),
    events.Confirmed: (_Message("customer", "order_confirmed", "{restaurant} confirmed your order."),),
    events.Rejected: (_Message("customer", "order_rejected", "{restaurant} cannot take your order: {reason}."),),
    events.PreparationStarted: (_Message("customer", "order_in_preparation", "{restaurant} is preparing your order."),),
    events.ReadyForPickup: (_Message("driver", "order_ready", "The order at {restaurant} is ready for pick-up."),),
    events.DriverOffered: (
        _Message("asked_driver", "delivery_offered", "A delivery from {restaurant} is offered to you."),
    ),
    events.OfferExpired: (_Message("asked_driver", "offer_expired", "The offer from {restaurant} has expired."),),
    events.OfferWithdrawn: (
        _Message("asked_driver", "offer_withdrawn", "The offer from {restaurant} was taken back: {reason}."),
    ),
    events.NoDriverFound: (
        _Message("customer", "no_driver_available", "No driver is available yet; the search goes on."),
    ),
    events.DriverAssigned: (_Message("customer", "driver_assigned", "A driver has taken your order."),),
    events.DriverUnassigned: (
        _Message("customer", "driver_changing", "Your driver cannot come; we are looking for another one."),
        _Message("asked_driver", "delivery_withdrawn", "The delivery from {restaurant} was taken off you: {reason}."),
    ),
    events.DriverArrived: (_Message("restaurant", "driver_arrived", "The driver has arrived for an order."),),
    events.PickedUp: (_Message("customer", "order_picked_up", "Your order is on its way: follow it live.", _TRACKING),),
    events.DriverLostContact: (
        _Message(
            "customer",
            "driver_unreachable",
            "Your driver, who has your order, cannot be reached at the moment. Support sees it too.",
            _TRACKING,
        ),
    ),
    events.Delivered: (_Message("customer", "order_delivered", "Your order was delivered. Enjoy!"),),
    events.Cancelled: (
        _Message("customer", "order_cancelled", "Your order from {restaurant} was cancelled: {reason}."),
        _Message("restaurant", "order_cancelled", "An order was cancelled: {reason}."),
        _Message("driver", "delivery_cancelled", "The delivery from {restaurant} was cancelled: {reason}."),
    ),
    events.PaymentRefunded: (_Message("customer", "payment_refunded", "Your payment was returned."),),
    events.ReviewRequested: (_Message("customer", "review_requested", "How was your order from {restaurant}?"),),
}
_CONCERNING = frozenset(_MESSAGES)
