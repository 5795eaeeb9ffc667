"""One order now: everything that its customer, restaurant, driver and support are shown."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Column, Connection, DateTime, Float, Integer, MetaData, Table, Text, Uuid, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from domain.event import Role
from domain.geo import Position
from domain.order.events import CostBearer, Dropoff, EtaBreakdown, Line, Price
from domain.order.state import DispatchStatus, PaymentStatus, Status

FIXED = {"fixed": True}
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
    Column("offer", JSONB),
    Column("review_requested_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    postgresql_with={"fillfactor": 60},
)


class StandingOffer(msgspec.Struct, frozen=True, kw_only=True):
    """The one offer that stands: who is asked, and until when (business time)."""

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
    customer_name: str
    restaurant_id: UUID
    restaurant_name: str
    restaurant_position: Position
    driver_id: UUID | None
    driver_name: str | None
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
    offer: StandingOffer | None
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
    query = select(ORDERS).where(ORDERS.c.order_id == order_id)
    if customer_id is not None:
        query = query.where(ORDERS.c.customer_id == customer_id)
    if restaurant_id is not None:
        query = query.where(ORDERS.c.restaurant_id == restaurant_id)
    if driver_id is not None:
        offered = ORDERS.c.offer["driver_id"].astext == str(driver_id)
        query = query.where(or_(ORDERS.c.driver_id == driver_id, offered))
    row = c.execute(query).mappings().one_or_none()
    return None if row is None else msgspec.convert(dict(row), OrderDetails)
