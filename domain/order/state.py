"""An order as its events leave it. The two state machines are apart: `status` and `dispatch`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from domain.geo import Position
from domain.order.events import Price


class Status(StrEnum):
    """Where the food is."""

    PLACED = "placed"
    CONFIRMED = "confirmed"
    PREPARING = "preparing"
    READY_FOR_PICKUP = "ready_for_pickup"
    PICKED_UP = "picked_up"
    DELIVERED = "delivered"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class DispatchStatus(StrEnum):
    """Where the driver is."""

    IDLE = "idle"
    SEARCHING = "searching"
    OFFERED = "offered"
    ASSIGNED = "assigned"
    AT_RESTAURANT = "at_restaurant"
    ON_THE_WAY = "on_the_way"
    DONE = "done"


class PaymentStatus(StrEnum):
    """Where the money is."""

    NONE = "none"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    REFUNDED = "refunded"
    FAILED = "failed"


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The one offer that stands."""

    offer_id: UUID
    driver_id: UUID
    sequence: int
    expires_at: datetime


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """The one payment of the order."""

    status: PaymentStatus = PaymentStatus.NONE
    payment_id: str = ""
    amount_minor: int = 0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order. `version` is the version of the last event folded in."""

    id: UUID
    version: int = 0
    status: Status
    dispatch: DispatchStatus
    customer_id: UUID
    restaurant_id: UUID
    region: str
    price: Price
    restaurant_position: Position
    dropoff_position: Position
    delivery_distance_m: float
    prep_seconds: int
    placed_at: datetime
    promised_at: datetime
    eta_at: datetime
    confirmed_at: datetime | None = None
    ready_at: datetime | None = None
    picked_up_at: datetime | None = None
    delivered_at: datetime | None = None
    payment: Payment = Payment()
    round: int = 0
    """Rounds of offers begun."""
    offers_made: int = 0
    """Offers in the current round."""
    asked: tuple[UUID, ...] = ()
    """Drivers who declined or let an offer expire in the current round."""
    offer: Offer | None = None
    driver_id: UUID | None = None
    review_requested: bool = False
