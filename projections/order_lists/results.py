"""What the lists' queries answer."""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.batching import Batched
from domain.event import PersonalText
from domain.geo import Position
from domain.order.events import Dropoff
from domain.order.state import DispatchStatus, Status


class ItemSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an order in a list."""

    name: str
    quantity: int
    notes: PersonalText = ""


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
    customer_name: PersonalText
    restaurant_id: UUID
    restaurant_name: str
    restaurant_position: Position
    driver_id: UUID | None
    driver_name: PersonalText | None
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
    drivers_asked: int
    """At once, this one included."""
    batch: Batched | None
    """With the order that the driver carries already."""
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


class OrderInPlay(msgspec.Struct, frozen=True, kw_only=True):
    """An open order as a plan needs it."""

    order_id: UUID
    status: Status
    dispatch: DispatchStatus
    driver_id: UUID | None
    offered_to: UUID | None
    """Who is asked just now."""
    restaurant_id: UUID
    restaurant_position: Position
    dropoff_position: Position
    prep_seconds: int
    placed_at: datetime
    confirmed_at: datetime | None


class OrderOnMap(msgspec.Struct, frozen=True, kw_only=True):
    """An open order's places and times, and nothing about its people."""

    order_id: UUID
    status: Status
    restaurant_name: str
    restaurant_position: Position
    dropoff_position: Position
    driver_id: UUID | None
    promised_at: datetime
    eta_at: datetime
    delivered_at: datetime | None
