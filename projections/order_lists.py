"""Orders by customer, by restaurant and by driver, support's search, the offers that stand and what drivers earned."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.driver import events as driver_events
from domain.event import Event
from domain.geo import Position
from domain.order import events
from domain.order.events import Dropoff
from domain.order.state import DispatchStatus, Status
from projections.log import Logged
from projections.order_steps import OFFER_ENDS, moves
from projections.paging import Page, cut, read_cursor
from projections.projection import Projection
from projections.results import shown
from projections.rows import FIXED, Document, Edits, insert

METADATA = MetaData(schema="order_lists")
ORDERS = Table(
    "orders",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("dispatch", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("region", Text, nullable=False, info=FIXED),
    Column("customer_id", Uuid, nullable=False, info=FIXED),
    Column("customer_name", Text, nullable=False, info=FIXED),
    Column("restaurant_id", Uuid, nullable=False, info=FIXED),
    Column("restaurant_name", Text, nullable=False, info=FIXED),
    Column("restaurant_position", JSONB, nullable=False, info=FIXED),
    Column("driver_id", Uuid),
    Column("driver_name", Text),
    Column("items", JSONB, nullable=False, info=FIXED),
    Column("dropoff", JSONB, nullable=False, info=FIXED),
    Column("delivery_distance_m", Float, nullable=False, info=FIXED),
    Column("currency", Text, nullable=False, info=FIXED),
    Column("delivery_fee_minor", BigInteger, nullable=False, info=FIXED),
    Column("tip_minor", BigInteger, nullable=False, info=FIXED),
    Column("total_minor", BigInteger, nullable=False, info=FIXED),
    Column("prep_seconds", Integer, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False, info=FIXED),
    Column("promised_at", DateTime(timezone=True), nullable=False, info=FIXED),
    Column("eta_at", DateTime(timezone=True), nullable=False),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("ready_at", DateTime(timezone=True)),
    Column("picked_up_at", DateTime(timezone=True)),
    Column("delivered_at", DateTime(timezone=True)),
    postgresql_with={"fillfactor": 60},
)
# `status` is in no index, so that its changes stay within their page; `open` changes once.
Index("by_customer", ORDERS.c.customer_id, ORDERS.c.placed_at, ORDERS.c.order_id)
Index("by_restaurant", ORDERS.c.restaurant_id, ORDERS.c.placed_at, ORDERS.c.order_id)
Index("by_restaurant_open", ORDERS.c.restaurant_id, ORDERS.c.placed_at, postgresql_where=ORDERS.c.open)
Index("by_driver", ORDERS.c.driver_id, ORDERS.c.placed_at, postgresql_where=ORDERS.c.driver_id.is_not(None))
Index("by_time", ORDERS.c.placed_at, ORDERS.c.order_id)
_WORDS = func.to_tsvector(literal_column("'simple'"), ORDERS.c.customer_name + " " + ORDERS.c.restaurant_name)
Index("by_words", _WORDS, postgresql_using="gin")

OFFERS = Table(
    "offers",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("offer_id", Uuid, nullable=False),
    Column("driver_id", Uuid, nullable=False, index=True),
    Column("sequence", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("distance_m", Float, nullable=False),
    Column("travel_seconds", Float, nullable=False),
)
EARNINGS = Table(
    "earnings",
    METADATA,
    Column("driver_id", Uuid, primary_key=True),
    Column("finished_at", DateTime(timezone=True), primary_key=True),
    Column("order_id", Uuid, primary_key=True),
    Column("currency", Text, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("tip_minor", BigInteger, nullable=False),
)


class ItemSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an order in a list."""

    name: str
    quantity: int
    notes: str = ""


class OrderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One order in a list, with what any of the three sides needs; the API shows each side its part."""

    order_id: UUID
    version: int
    status: Status
    dispatch: DispatchStatus
    open: bool
    """Neither delivered nor over: somebody still has to do something with the food."""
    region: str
    customer_id: UUID
    customer_name: str
    restaurant_id: UUID
    restaurant_name: str
    restaurant_position: Position
    driver_id: UUID | None
    driver_name: str | None
    items: tuple[ItemSummary, ...]
    dropoff: Dropoff
    delivery_distance_m: float
    currency: str
    delivery_fee_minor: int
    tip_minor: int
    total_minor: int
    prep_seconds: int
    placed_at: datetime
    promised_at: datetime
    eta_at: datetime
    confirmed_at: datetime | None
    ready_at: datetime | None
    picked_up_at: datetime | None
    delivered_at: datetime | None


class OfferView(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that stands, as its driver sees it. `distance_m` and `travel_seconds` lead to the restaurant."""

    order_id: UUID
    offer_id: UUID
    driver_id: UUID
    sequence: int
    expires_at: datetime
    distance_m: float
    travel_seconds: float
    region: str
    status: Status
    restaurant_id: UUID
    restaurant_name: str
    restaurant_position: Position
    dropoff: Dropoff
    delivery_distance_m: float
    currency: str
    delivery_fee_minor: int
    tip_minor: int
    prep_seconds: int
    confirmed_at: datetime | None
    ready_at: datetime | None


class StatusCount(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's orders in one status, per currency."""

    status: Status
    currency: str
    orders: int
    total_minor: int


class Earnings(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver earned, per currency, in minor units."""

    currency: str
    deliveries: int
    fee_minor: int
    tip_minor: int


def by_customer(
    c: Connection,
    customer_id: UUID,
    *,
    status: Status | None = None,
    since: datetime | None = None,
    before: str | None = None,
    limit: int = 20,
) -> Page[OrderSummary]:
    """A customer's orders, newest first. `before` is a page's `next_cursor`; a bad one raises InvalidInput."""
    wanted = [ORDERS.c.customer_id == customer_id]
    return _page(c, wanted, status=status, placed_from=since, before=before, limit=limit)


def by_restaurant(
    c: Connection, restaurant_id: UUID, *, open_only: bool = False, before: str | None = None, limit: int = 20
) -> Page[OrderSummary]:
    """A restaurant's orders, newest first; its work list with `open_only`."""
    wanted = [ORDERS.c.restaurant_id == restaurant_id]
    return _page(c, wanted, open_only=open_only, before=before, limit=limit)


def by_driver(
    c: Connection, driver_id: UUID, *, open_only: bool = False, before: str | None = None, limit: int = 20
) -> Page[OrderSummary]:
    """The orders that a driver was last assigned to, newest first; those carried now with `open_only`."""
    wanted = [ORDERS.c.driver_id == driver_id]
    return _page(c, wanted, open_only=open_only, before=before, limit=limit)


def search(
    c: Connection,
    *,
    status: Status | None = None,
    customer_id: UUID | None = None,
    restaurant_id: UUID | None = None,
    driver_id: UUID | None = None,
    placed_from: datetime | None = None,
    placed_to: datetime | None = None,
    text: str | None = None,
    before: str | None = None,
    limit: int = 20,
) -> Page[OrderSummary]:
    """Support's search, newest first. `text` is an order's id, or beginnings of words in the two names."""
    named = ((ORDERS.c.customer_id, customer_id), (ORDERS.c.restaurant_id, restaurant_id), (ORDERS.c.driver_id, driver_id))
    wanted = [column == key for column, key in named if key is not None]
    if placed_to is not None:
        wanted.append(ORDERS.c.placed_at < placed_to)
    if text is not None and text.strip():
        wanted.append(_mentions(text))
    return _page(c, wanted, status=status, placed_from=placed_from, before=before, limit=limit)


def offers_for(c: Connection, driver_id: UUID, *, now: datetime | None = None) -> list[OfferView]:
    """The offers that await a driver's answer, the first to expire first; with `now`, only those not expired."""
    shared = [ORDERS.c[name] for name in OfferView.__struct_fields__ if name not in OFFERS.c]
    query = (
        select(OFFERS, *shared)
        .join_from(OFFERS, ORDERS, OFFERS.c.order_id == ORDERS.c.order_id)
        .where(OFFERS.c.driver_id == driver_id)
        .order_by(OFFERS.c.expires_at)
    )
    if now is not None:
        query = query.where(OFFERS.c.expires_at > now)
    return [shown(OfferView, row) for row in c.execute(query).mappings()]


def status_breakdown(c: Connection, customer_id: UUID, since: datetime) -> list[StatusCount]:
    """Count a customer's orders placed since then by status."""
    query = (
        select(
            ORDERS.c.status,
            ORDERS.c.currency,
            func.count().label("orders"),
            func.sum(ORDERS.c.total_minor).cast(BigInteger).label("total_minor"),
        )
        .where(ORDERS.c.customer_id == customer_id, ORDERS.c.placed_at >= since)
        .group_by(ORDERS.c.status, ORDERS.c.currency)
        .order_by(ORDERS.c.status, ORDERS.c.currency)
    )
    return [shown(StatusCount, row) for row in c.execute(query).mappings()]


def earnings_since(
    c: Connection, driver_id: UUID, since: datetime, *, until: datetime | None = None
) -> list[Earnings]:
    """Sum up what a driver earned from `since` to before `until`; empty when nothing was delivered."""
    query = (
        select(
            EARNINGS.c.currency,
            func.count().label("deliveries"),
            func.sum(EARNINGS.c.fee_minor).cast(BigInteger).label("fee_minor"),
            func.sum(EARNINGS.c.tip_minor).cast(BigInteger).label("tip_minor"),
        )
        .where(EARNINGS.c.driver_id == driver_id, EARNINGS.c.finished_at >= since)
        .group_by(EARNINGS.c.currency)
        .order_by(EARNINGS.c.currency)
    )
    if until is not None:
        query = query.where(EARNINGS.c.finished_at < until)
    return [shown(Earnings, row) for row in c.execute(query).mappings()]


def _page(
    c: Connection,
    wanted: list[ColumnElement[bool]],
    *,
    status: Status | None = None,
    open_only: bool = False,
    placed_from: datetime | None = None,
    before: str | None,
    limit: int,
) -> Page[OrderSummary]:
    if status is not None:
        wanted.append(ORDERS.c.status == status.value)
    if open_only:
        wanted.append(ORDERS.c.open)
    if placed_from is not None:
        wanted.append(ORDERS.c.placed_at >= placed_from)
    if before is not None:
        placed_at, order_id = read_cursor(before, tuple[datetime, UUID])
        wanted.append(tuple_(ORDERS.c.placed_at, ORDERS.c.order_id) < tuple_(placed_at, order_id))
    newest_first = select(ORDERS).where(*wanted).order_by(ORDERS.c.placed_at.desc(), ORDERS.c.order_id.desc())
    rows = c.execute(newest_first.limit(limit + 1)).mappings()
    return cut([shown(OrderSummary, row) for row in rows], limit, "placed_at", "order_id")


def _mentions(text: str) -> ColumnElement[bool]:
    try:
        return ORDERS.c.order_id == UUID(text.strip())
    except ValueError:
        words = "".join(char if char.isalnum() else " " for char in text).split()
        query = " & ".join(f"{word}:*" for word in words)
        return _WORDS.op("@@")(func.to_tsquery(literal_column("'simple'"), query))


def apply(connection: Connection, batch: Sequence[Logged]) -> None:
    """Fold events into one row per order, one per standing offer and one per delivery paid."""
    orders = Edits[UUID](ORDERS)
    offers = Edits[UUID](OFFERS)
    earned: list[Document] = []
    for logged in batch:
        event, key = logged.event, {"order_id": logged.stream_id}
        if isinstance(event, driver_events.DeliveryFinished):
            earned.append(_earned(logged.stream_id, event, logged.occurred_at))
        elif isinstance(event, events.Placed):
            orders.add(logged.stream_id, key | _placed(event, logged.occurred_at))
        elif logged.topic.startswith("order."):
            changes = {"version": logged.version} | _changes(event, logged.occurred_at)
            orders.change(logged.stream_id, key, changes)
        if isinstance(event, events.DriverOffered):
            fields = {name: getattr(event, name) for name in event.__struct_fields__ if name in OFFERS.c}
            offers.add(logged.stream_id, key | fields)
        elif isinstance(event, OFFER_ENDS):
            offers.remove(logged.stream_id, key)
    orders.write(connection)
    offers.write(connection)
    insert(connection, EARNINGS, earned)


PROJECTION = Projection("order_lists", METADATA, apply)


def _placed(event: events.Placed, at: datetime) -> Document:
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name in ORDERS.c}
    prices = {name: getattr(event.price, name) for name in event.price.__struct_fields__ if name in ORDERS.c}
    items = [{"name": line.name, "quantity": line.quantity, "notes": line.notes} for line in event.lines]
    own = {"version": 1, "open": True, "items": items, "placed_at": at, "eta_at": event.promised_at}
    return fields | prices | moves(event) | own


def _changes(event: Event, at: datetime) -> Document:
    changed: Document = moves(event)
    match event:
        case events.Confirmed():
            changed |= {"confirmed_at": at, "prep_seconds": event.prep_seconds}
        case events.ReadyForPickup():
            changed["ready_at"] = at
        case events.DriverAssigned():
            changed |= {"driver_id": event.driver_id, "driver_name": event.driver_name}
        case events.DriverUnassigned():
            changed |= {"driver_id": None, "driver_name": None}
        case events.PickedUp():
            changed["picked_up_at"] = at
        case events.Delivered():
            changed |= {"delivered_at": at, "open": False}
        case events.Rejected():
            changed["open"] = False
        case events.Cancelled():
            changed |= {"open": False, "driver_id": None, "driver_name": None}
        case events.EtaRevised():
            changed["eta_at"] = event.eta_at
    return changed


def _earned(driver_id: UUID, event: driver_events.DeliveryFinished, at: datetime) -> Document:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return {"driver_id": driver_id, "finished_at": at} | fields
