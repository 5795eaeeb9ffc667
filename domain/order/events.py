"""What can happen to an order."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from domain.batching import Batched as Batched  # noqa: PLC0414 - handed on
from domain.batching import Unbatched as Unbatched  # noqa: PLC0414 - handed on
from domain.eta import EtaBreakdown as EtaBreakdown  # noqa: PLC0414 - handed on
from domain.event import PERSONAL, Event, PersonalText, Role, topic
from domain.geo import Position
from domain.pricing import Line as Line  # noqa: PLC0414 - handed on
from domain.pricing import Price as Price  # noqa: PLC0414 - handed on
from domain.scoring import Rival as Rival  # noqa: PLC0414 - handed on
from domain.scoring import Score as Score  # noqa: PLC0414 - handed on


class CostBearer(StrEnum):
    """Who pays for a cancelled order."""

    CUSTOMER = "customer"
    RESTAURANT = "restaurant"
    DRIVER = "driver"
    PLATFORM = "platform"


class PaymentOperation(StrEnum):
    """What was asked of the payment gateway."""

    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Dropoff(msgspec.Struct, frozen=True, kw_only=True):
    """Where the order goes."""

    position: Annotated[Position, PERSONAL]
    address: PersonalText
    instructions: PersonalText = ""


@topic("order.placed")
class Placed(Event, frozen=True, kw_only=True):
    """The customer ordered; the card is authorised (`PaymentAuthorized` follows in the same append)."""

    SUBJECT = "customer_id"

    customer_id: UUID
    customer_name: PersonalText
    region: str
    restaurant_id: UUID
    restaurant_name: str
    restaurant_position: Position
    lines: tuple[Line, ...]
    price: Price
    dropoff: Dropoff
    delivery_distance_m: float
    prep_seconds: int
    promised_at: datetime


@topic("order.payment_authorized")
class PaymentAuthorized(Event, frozen=True, kw_only=True):
    """The gateway holds the amount on the customer's card."""

    payment_id: str
    amount_minor: int
    currency: str


@topic("order.confirmed")
class Confirmed(Event, frozen=True, kw_only=True):
    """The restaurant took the order and estimates its preparation."""

    prep_seconds: int


@topic("order.rejected")
class Rejected(Event, frozen=True, kw_only=True):
    """The restaurant, or the system for a restaurant that never answered, refused the order."""

    reason: str


@topic("order.preparation_started")
class PreparationStarted(Event, frozen=True, kw_only=True):
    """The kitchen began."""


@topic("order.ready_for_pickup")
class ReadyForPickup(Event, frozen=True, kw_only=True):
    """The food waits for its driver."""


@topic("order.matching_started")
class MatchingStarted(Event, frozen=True, kw_only=True):
    """A round of offers began; the first when the order is confirmed, later ones after `NoDriverFound`."""

    round: int
    radius_m: float


class Broadcast(msgspec.Struct, frozen=True, kw_only=True):
    """One round's offers to several drivers at once: whoever accepts first has the order, the others' are withdrawn."""

    broadcast_id: UUID
    drivers: int
    """Asked at once, this one included."""
    place: int
    """This one's by score, from 1. The first one's event names the rivals and the unbatched of all."""


class Foreseen(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan for all of a region's open orders and drivers foresaw when it had a driver asked."""

    pickup_at: datetime
    needed_at: datetime
    """When this driver has to be asked to be there when the food is ready; before, nobody was meant to be."""
    orders: int
    drivers: int
    """So many were planned together."""


@topic("order.driver_offered", schema=4)
class DriverOffered(Event, frozen=True, kw_only=True):
    """A driver was asked until `expires_at`: exclusively, or as one of a broadcast."""

    offer_id: UUID
    driver_id: UUID
    sequence: int
    expires_at: datetime
    distance_m: float
    travel_seconds: float
    radius_m: float
    candidates: int
    score: Score
    rivals: tuple[Rival, ...] = ()
    """The best of the other candidates, best first; an offer made before they were recorded has none."""
    batch: Batched | None = None
    """With the order that the driver carries already; none for a driver who carries none that waits for pick-up."""
    broadcast: Broadcast | None = None
    """None for a driver who was asked alone."""
    unbatched: tuple[Unbatched, ...] = ()
    """Drivers near with room, whose orders this one does not go with, and why."""
    plan: Foreseen | None = None
    """None for an order that was offered by itself."""


@topic("order.offer_declined", schema=2)
class OfferDeclined(Event, frozen=True, kw_only=True):
    """The driver said no."""

    offer_id: UUID
    driver_id: UUID
    reason: str = ""
    standing: int = 0
    """Other offers of the order that stand still; only a broadcast leaves any."""


@topic("order.offer_expired", schema=2)
class OfferExpired(Event, frozen=True, kw_only=True):
    """The driver did not answer in time."""

    offer_id: UUID
    driver_id: UUID
    standing: int = 0
    """As for a declined offer."""


@topic("order.offer_withdrawn", schema=2)
class OfferWithdrawn(Event, frozen=True, kw_only=True):
    """The offer was taken back, and nothing is held against the driver.

    The order was cancelled, the driver fell silent or left the shift, another driver of the broadcast was faster, or
    the order goes no more with the one that the driver carries.
    """

    offer_id: UUID
    driver_id: UUID
    reason: str
    standing: int = 0
    """As for a declined offer; one that is accepted in the same append counts."""


@topic("order.no_driver_found", schema=2)
class NoDriverFound(Event, frozen=True, kw_only=True):
    """A round ended without a driver; the search goes on and the customer is told. Once a round."""

    round: int
    offers_made: int
    radius_m: float
    retry_at: datetime
    plan: Foreseen | None = None
    """Foreseen for a driver who cannot be asked yet; None when there was nobody to foresee, or no plan."""


@topic("order.driver_assigned", schema=2)
class DriverAssigned(Event, frozen=True, kw_only=True):
    """The driver accepted; `driver.delivery_taken` is in the same append."""

    SUBJECT = "driver_id"

    offer_id: UUID
    driver_id: UUID
    driver_name: PersonalText
    batch: Batched | None = None
    """With the order that the driver carries already, as found at acceptance; none when it goes alone by now."""


@topic("order.driver_unassigned")
class DriverUnassigned(Event, frozen=True, kw_only=True):
    """The order lost its driver before pick-up; `driver.delivery_released` is in the same append."""

    driver_id: UUID
    reason: str


@topic("order.driver_arrived")
class DriverArrived(Event, frozen=True, kw_only=True):
    """The driver stands at the restaurant."""

    driver_id: UUID


@topic("order.picked_up")
class PickedUp(Event, frozen=True, kw_only=True):
    """The driver has the food."""

    driver_id: UUID


@topic("order.driver_lost_contact")
class DriverLostContact(Event, frozen=True, kw_only=True):
    """The driver who has the food fell silent; the customer is told, and support finds the order. Once a silence."""

    driver_id: UUID
    last_seen_at: datetime


@topic("order.delivered")
class Delivered(Event, frozen=True, kw_only=True):
    """The customer has the food; `driver.delivery_finished` is in the same append."""

    driver_id: UUID


@topic("order.completed")
class Completed(Event, frozen=True, kw_only=True):
    """Nothing is left to do."""


@topic("order.cancelled")
class Cancelled(Event, frozen=True, kw_only=True):
    """The order ended undelivered."""

    by: Role
    reason: str
    cost_bearer: CostBearer
    refund_minor: int
    """What the customer gets back, or is not charged, out of the order's total."""


@topic("order.eta_revised")
class EtaRevised(Event, frozen=True, kw_only=True):
    """A new estimate of the arrival, told to the customer."""

    eta_at: datetime
    confidence: float
    breakdown: EtaBreakdown


@topic("order.payment_captured")
class PaymentCaptured(Event, frozen=True, kw_only=True):
    """The customer's card was charged."""

    payment_id: str
    amount_minor: int


@topic("order.payment_voided")
class PaymentVoided(Event, frozen=True, kw_only=True):
    """The hold on the customer's card was lifted; nothing was charged."""

    payment_id: str


@topic("order.payment_refunded")
class PaymentRefunded(Event, frozen=True, kw_only=True):
    """Charged money went back."""

    payment_id: str
    amount_minor: int


@topic("order.payment_failed")
class PaymentFailed(Event, frozen=True, kw_only=True):
    """The gateway refused for good; an operator has to look."""

    payment_id: str
    operation: PaymentOperation
    reason: str


@topic("order.review_requested")
class ReviewRequested(Event, frozen=True, kw_only=True):
    """The customer was asked how it was."""


@topic("order.rated_by_customer")
class RatedByCustomer(Event, frozen=True, kw_only=True):
    """The customer said how the delivery was; `driver.rated` is in the same append."""

    driver_id: UUID
    stars: int
    """1 to 5."""


@topic("order.note_added")
class NoteAdded(Event, frozen=True, kw_only=True):
    """Support wrote something down: about the customer, as far as it tells about a person."""

    SUBJECT = "customer_id"

    customer_id: UUID | None = None
    text: PersonalText
