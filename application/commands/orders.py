"""What people ask of an order."""

from uuid import UUID

import msgspec

from domain.order.events import CostBearer, Dropoff
from domain.pricing import OrderLine


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Order food. The card is authorised first; a declined card places nothing. Answers "placed" and the order's id."""

    customer_id: UUID
    customer_name: str
    restaurant_id: UUID
    lines: tuple[OrderLine, ...]
    dropoff: Dropoff
    tip_minor: int = 0
    payment_method: str = "card_ok"
    """The gateway's token; the sandbox knows `card_ok`, `card_declined` and `card_timeout`."""


class ConfirmOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The restaurant takes the order; no `prep_seconds` means its usual time."""

    order_id: UUID
    prep_seconds: int | None = None


class RejectOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The restaurant refuses the order."""

    order_id: UUID
    reason: str


class StartPreparation(msgspec.Struct, frozen=True, kw_only=True):
    """The kitchen begins."""

    order_id: UUID


class MarkReady(msgspec.Struct, frozen=True, kw_only=True):
    """The food waits for its driver."""

    order_id: UUID


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """End the order undelivered. Only staff choose who bears the cost; else who cancels and when decides."""

    order_id: UUID
    reason: str
    cost_bearer: CostBearer | None = None


class RateDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """The customer says how the delivery was: order and driver change in one append."""

    order_id: UUID
    stars: int


class AcceptOffer(msgspec.Struct, frozen=True, kw_only=True):
    """The driver takes the order: order and driver change in one append."""

    order_id: UUID
    offer_id: UUID
    driver_id: UUID


class DeclineOffer(msgspec.Struct, frozen=True, kw_only=True):
    """The driver says no."""

    order_id: UUID
    offer_id: UUID
    driver_id: UUID
    reason: str = ""


class ArriveAtRestaurant(msgspec.Struct, frozen=True, kw_only=True):
    """The driver stands at the restaurant."""

    order_id: UUID
    driver_id: UUID


class PickUpOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The driver has the food."""

    order_id: UUID
    driver_id: UUID


class DeliverOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The customer has the food; the driver's earnings are in the same append."""

    order_id: UUID
    driver_id: UUID


class UnassignDriver(msgspec.Struct, frozen=True, kw_only=True):
    """Take the order from its driver before pick-up; the search goes on."""

    order_id: UUID
    reason: str


class AddNote(msgspec.Struct, frozen=True, kw_only=True):
    """Support writes something down."""

    order_id: UUID
    text: str
