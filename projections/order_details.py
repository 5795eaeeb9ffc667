"""One order now: everything that its customer, restaurant, driver and support are shown."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    exists,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.event import Event, PersonalText, Role
from domain.geo import Position
from domain.order import events
from domain.order.events import CostBearer, Dropoff, EtaBreakdown, Line, Price
from domain.order.state import DispatchStatus, PaymentStatus, Status
from projections import scrubbing
from projections.log import Logged
from projections.order_steps import OFFER_ENDS, moves
from projections.projection import Projection
from projections.results import shown
from projections.rows import FIXED, Document, Edits

METADATA = MetaData(schema="order_details")
ORDERS = Table(
    "orders",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("region", Text, nullable=False, info=FIXED),
    Column("status", Text, nullable=False),
    Column("dispatch", Text, nullable=False),
    Column("payment_status", Text, nullable=False),
    Column("payment_id", Text),
    Column("customer_id", Uuid, nullable=False, info=FIXED),
    Column("customer_name", Text, nullable=False, info=FIXED),
    Column("restaurant_id", Uuid, nullable=False, info=FIXED),
    Column("restaurant_name", Text, nullable=False, info=FIXED),
    Column("restaurant_position", JSONB, nullable=False, info=FIXED),
    Column("driver_id", Uuid),
    Column("driver_name", Text),
    Column("lines", JSONB, nullable=False, info=FIXED),
    Column("price", JSONB, nullable=False, info=FIXED),
    Column("dropoff", JSONB, nullable=False, info=FIXED),
    Column("delivery_distance_m", Float, nullable=False, info=FIXED),
    Column("prep_seconds", Integer, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False, info=FIXED),
    Column("promised_at", DateTime(timezone=True), nullable=False, info=FIXED),
    Column("eta_at", DateTime(timezone=True), nullable=False),
    Column("eta_confidence", Float),
    Column("eta_breakdown", JSONB),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("preparation_started_at", DateTime(timezone=True)),
    Column("ready_at", DateTime(timezone=True)),
    Column("driver_assigned_at", DateTime(timezone=True)),
    Column("driver_arrived_at", DateTime(timezone=True)),
    Column("picked_up_at", DateTime(timezone=True)),
    Column("delivered_at", DateTime(timezone=True)),
    Column("completed_at", DateTime(timezone=True)),
    Column("rejected_at", DateTime(timezone=True)),
    Column("rejection_reason", Text),
    Column("cancelled_at", DateTime(timezone=True)),
    Column("cancellation", JSONB),
    Column("review_requested_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("details_by_customer", "customer_id"),
    Index("details_by_driver", "driver_id", postgresql_where=text("driver_id IS NOT NULL")),
    postgresql_with={"fillfactor": 60},
)
OFFERS = Table(
    "offers",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("offer_id", Uuid, primary_key=True),
    Column("driver_id", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("distance_m", Float, nullable=False),
    Column("travel_seconds", Float, nullable=False),
)


class StandingOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that stands: who is asked, and until when (business time)."""

    offer_id: UUID
    driver_id: UUID
    sequence: int
    expires_at: datetime
    distance_m: float
    travel_seconds: float


class Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    """Who cancelled, why, and who pays."""

    by: Role
    reason: str
    cost_bearer: CostBearer
    refund_minor: int


class OrderDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One order as of `version`. Times are business time; a step that has not happened has none."""

    order_id: UUID
    version: int
    region: str
    status: Status
    dispatch: DispatchStatus
    payment_status: PaymentStatus
    payment_id: str | None
    customer_id: UUID
    customer_name: PersonalText
    restaurant_id: UUID
    restaurant_name: str
    restaurant_position: Position
    driver_id: UUID | None
    driver_name: PersonalText | None
    lines: tuple[Line, ...]
    price: Price
    dropoff: Dropoff
    delivery_distance_m: float
    prep_seconds: int
    placed_at: datetime
    promised_at: datetime
    eta_at: datetime
    eta_confidence: float | None
    eta_breakdown: EtaBreakdown | None
    confirmed_at: datetime | None
    preparation_started_at: datetime | None
    ready_at: datetime | None
    driver_assigned_at: datetime | None
    driver_arrived_at: datetime | None
    picked_up_at: datetime | None
    delivered_at: datetime | None
    completed_at: datetime | None
    rejected_at: datetime | None
    rejection_reason: str | None
    cancelled_at: datetime | None
    cancellation: Cancellation | None
    offers: tuple[StandingOffer, ...]
    """Those that stand, best first: one, or in a broadcast several."""
    review_requested_at: datetime | None
    updated_at: datetime


def get(
    c: Connection,
    order_id: UUID,
    *,
    customer_id: UUID | None = None,
    restaurant_id: UUID | None = None,
    driver_id: UUID | None = None,
) -> OrderDetails | None:
    """Find an order that belongs to everyone named; a driver's are those assigned to or offered to them."""
    standing = select(OFFERS).where(OFFERS.c.order_id == order_id).order_by(OFFERS.c.sequence)
    query = select(ORDERS).where(ORDERS.c.order_id == order_id)
    if customer_id is not None:
        query = query.where(ORDERS.c.customer_id == customer_id)
    if restaurant_id is not None:
        query = query.where(ORDERS.c.restaurant_id == restaurant_id)
    if driver_id is not None:
        offered = exists().where(OFFERS.c.order_id == order_id, OFFERS.c.driver_id == driver_id)
        query = query.where(or_(ORDERS.c.driver_id == driver_id, offered))
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        return None
    # Asked for only where there can be any. An answer may come between the two: then none stands any more.
    offers = c.execute(standing).mappings() if row["dispatch"] == DispatchStatus.OFFERED else ()
    return shown(OrderDetails, row, offers=tuple(shown(StandingOffer, one) for one in offers))


def apply(connection: Connection, batch: Sequence[Logged]) -> None:
    """Fold events into one row per order."""
    orders = Edits[UUID](ORDERS)
    offers = Edits[UUID](OFFERS)
    for logged in batch:
        event, order_id, at = logged.event, logged.stream_id, logged.occurred_at
        if isinstance(event, events.DriverOffered):
            fields = {name: getattr(event, name) for name in StandingOffer.__struct_fields__}
            offers.add(event.offer_id, {"order_id": order_id} | fields)
        elif isinstance(event, OFFER_ENDS):
            offers.remove(event.offer_id, {"order_id": order_id, "offer_id": event.offer_id})
        if isinstance(event, events.Placed):
            orders.add(order_id, _placed(order_id, event, at))
        elif (changes := _CHANGES.get(type(event))) is not None:
            stamp = {"version": logged.version, "updated_at": at}
            orders.change(order_id, {"order_id": order_id}, stamp | moves(event) | changes(event, at))
    orders.write(connection)
    offers.write(connection)


def scrub(connection: Connection, subject_id: UUID) -> None:
    """Erase a customer's name, notes and address, or a driver's name."""
    scrubbing.scrub(connection, ORDERS, "customer_id", subject_id, ("customer_name", "lines", "dropoff"), OrderDetails)
    scrubbing.scrub(connection, ORDERS, "driver_id", subject_id, ("driver_name",), OrderDetails)


PROJECTION = Projection("order_details", METADATA, apply, scrub=scrub)


def _placed(order_id: UUID, event: events.Placed, at: datetime) -> Document:
    shared = {name: getattr(event, name) for name in event.__struct_fields__ if name in ORDERS.c}
    return (
        shared
        | moves(event)
        | {
            "order_id": order_id,
            "version": 1,
            "payment_status": PaymentStatus.NONE,
            "placed_at": at,
            "eta_at": event.promised_at,
            "updated_at": at,
        }
    )


def _paid(status: PaymentStatus) -> Callable[[Any, datetime], Document]:
    return lambda event, _at: {"payment_status": status, "payment_id": event.payment_id}


def _stamped(*columns: str) -> Callable[[Any, datetime], Document]:
    return lambda _event, at: dict.fromkeys(columns, at)


def _assigned(event: events.DriverAssigned, at: datetime) -> Document:
    return {"driver_id": event.driver_id, "driver_name": event.driver_name, "driver_assigned_at": at}


def _unassigned(_event: Event, _at: datetime) -> Document:
    return dict.fromkeys(("driver_id", "driver_name", "driver_assigned_at", "driver_arrived_at"))


def _cancelled(event: events.Cancelled, at: datetime) -> Document:
    cancellation = {name: getattr(event, name) for name in Cancellation.__struct_fields__}
    return {"cancelled_at": at, "cancellation": cancellation, "driver_id": None, "driver_name": None}


_CHANGES: dict[type[Event], Callable[[Any, datetime], Document]] = {
    events.Confirmed: lambda event, at: {"confirmed_at": at, "prep_seconds": event.prep_seconds},
    events.Rejected: lambda event, at: {"rejected_at": at, "rejection_reason": event.reason},
    events.PreparationStarted: _stamped("preparation_started_at"),
    events.ReadyForPickup: _stamped("ready_at"),
    events.MatchingStarted: _stamped(),
    events.NoDriverFound: _stamped(),
    events.DriverOffered: _stamped(),
    events.OfferDeclined: _stamped(),
    events.OfferExpired: _stamped(),
    events.OfferWithdrawn: _stamped(),
    events.DriverAssigned: _assigned,
    events.DriverUnassigned: _unassigned,
    events.DriverArrived: _stamped("driver_arrived_at"),
    events.PickedUp: _stamped("picked_up_at"),
    events.DriverLostContact: _stamped(),
    events.Delivered: _stamped("delivered_at"),
    events.Completed: _stamped("completed_at"),
    events.Cancelled: _cancelled,
    events.EtaRevised: lambda event, _at: {
        "eta_at": event.eta_at,
        "eta_confidence": event.confidence,
        "eta_breakdown": event.breakdown,
    },
    events.PaymentAuthorized: _paid(PaymentStatus.AUTHORIZED),
    events.PaymentCaptured: _paid(PaymentStatus.CAPTURED),
    events.PaymentVoided: _paid(PaymentStatus.VOIDED),
    events.PaymentRefunded: _paid(PaymentStatus.REFUNDED),
    events.PaymentFailed: _paid(PaymentStatus.FAILED),
    events.ReviewRequested: _stamped("review_requested_at"),
    events.RatedByCustomer: _stamped(),
    events.NoteAdded: _stamped(),
}
