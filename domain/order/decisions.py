"""What may happen to an order, drivers and money aside (`dispatching`, `payments`).

Each decision returns events, or none when it is already so, or raises a Refusal. It changes nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from domain.errors import InvalidInput
from domain.eta import Eta
from domain.event import Event, Role
from domain.order.dispatching import withdraw_offer
from domain.order.errors import IllegalTransition
from domain.order.events import (
    Cancelled,
    Completed,
    Confirmed,
    CostBearer,
    Dropoff,
    EtaRevised,
    NoteAdded,
    PaymentAuthorized,
    Placed,
    PreparationStarted,
    RatedByCustomer,
    ReadyForPickup,
    Rejected,
    ReviewRequested,
)
from domain.order.state import OVER, Order, Status, is_over
from domain.pricing import OrderLine, quote
from domain.region import Region
from domain.restaurant import Restaurant

MAX_PREP_SECONDS = 86_400
MAX_NOTE_LENGTH = 4_000
MOST_STARS = 5
ETA_TOLERANCE = timedelta(seconds=60)
CONFIDENCE_TOLERANCE = 0.1
STAFF = frozenset({Role.SUPPORT, Role.ADMIN, Role.SYSTEM})


def place(
    *,
    customer_id: UUID,
    customer_name: str,
    region: Region,
    restaurant: Restaurant,
    lines: Sequence[OrderLine],
    dropoff: Dropoff,
    tip_minor: int,
    now: datetime,
    promised_at: datetime,
    payment_id: str,
) -> list[Event]:
    """Order, with the card authorised under `payment_id` for the order's total (`pricing.quote` tells it before).

    Raises RestaurantClosed, OutOfDeliveryArea, ItemUnavailable (names the item), InvalidInput.
    """
    quoted = quote(
        region=region, restaurant=restaurant, lines=lines, dropoff=dropoff.position, tip_minor=tip_minor, now=now
    )
    return [
        Placed(
            customer_id=customer_id,
            customer_name=customer_name,
            region=region.id,
            restaurant_id=restaurant.id,
            restaurant_name=restaurant.name,
            restaurant_position=restaurant.position,
            lines=quoted.lines,
            price=quoted.price,
            dropoff=dropoff,
            delivery_distance_m=quoted.delivery_distance_m,
            prep_seconds=restaurant.prep_seconds,
            promised_at=promised_at,
        ),
        PaymentAuthorized(payment_id=payment_id, amount_minor=quoted.price.total_minor, currency=quoted.price.currency),
    ]


def confirm(order: Order, *, prep_seconds: int) -> list[Event]:
    """Take the order into the kitchen. Raises IllegalTransition, InvalidInput."""
    if not 0 <= prep_seconds <= MAX_PREP_SECONDS:
        raise InvalidInput("prep_seconds", f"Preparation takes 0 to {MAX_PREP_SECONDS} seconds.")
    event = Confirmed(prep_seconds=prep_seconds)
    return _step(order, event, start=Status.PLACED, end=Status.CONFIRMED, step="confirmed")


def reject(order: Order, *, reason: str) -> list[Event]:
    """Refuse the order. Raises IllegalTransition."""
    return _step(order, Rejected(reason=reason), start=Status.PLACED, end=Status.REJECTED, step="rejected")


def start_preparation(order: Order) -> list[Event]:
    """Begin to cook. Raises IllegalTransition."""
    return _step(order, PreparationStarted(), start=Status.CONFIRMED, end=Status.PREPARING, step="started")


def mark_ready(order: Order) -> list[Event]:
    """Put the food out for its driver. Raises IllegalTransition."""
    return _step(order, ReadyForPickup(), start=Status.PREPARING, end=Status.READY_FOR_PICKUP, step="marked ready")


def complete(order: Order) -> list[Event]:
    """Close a delivered order. Raises IllegalTransition."""
    return _step(order, Completed(), start=Status.DELIVERED, end=Status.COMPLETED, step="completed")


def _step(order: Order, event: Event, *, start: Status, end: Status, step: str) -> list[Event]:
    if order.status is end:
        return []
    if order.status is not start:
        raise IllegalTransition(step, status=order.status)
    return [event]


def cancel(order: Order, *, by: Role, reason: str, cost_bearer: CostBearer | None) -> list[Event]:
    """End the order undelivered; an offer that stands is withdrawn first.

    Customer and restaurant may until cooking begins, staff until delivery. Only staff choose who bears the cost:
    otherwise a customer does who cancels what the restaurant has confirmed, a restaurant for its own cancelling,
    and the platform for all else. Raises IllegalTransition, InvalidInput.
    """
    if order.status is Status.CANCELLED:
        return []
    if cost_bearer is not None and by not in STAFF:
        raise InvalidInput("cost_bearer", "Only support decides who bears the cost; leave it out.")
    if not _may_cancel(order, by):
        raise IllegalTransition(f"cancelled by {by}", status=order.status)
    bearer = cost_bearer or _usual_bearer(order, by)
    refund_minor = 0 if bearer is CostBearer.CUSTOMER else order.price.total_minor
    return [
        *withdraw_offer(order, reason="cancelled"),
        Cancelled(by=by, reason=reason, cost_bearer=bearer, refund_minor=refund_minor),
    ]


def _may_cancel(order: Order, by: Role) -> bool:
    if by in STAFF:
        return order.status not in OVER
    return by in (Role.CUSTOMER, Role.RESTAURANT) and order.status in (Status.PLACED, Status.CONFIRMED)


def _usual_bearer(order: Order, by: Role) -> CostBearer:
    if by is Role.RESTAURANT:
        return CostBearer.RESTAURANT
    if by is Role.CUSTOMER and order.status is Status.CONFIRMED:
        return CostBearer.CUSTOMER
    return CostBearer.PLATFORM


def revise_eta(order: Order, *, eta: Eta, now: datetime) -> list[Event]:
    """Tell a new arrival; quiet when it differs by less than a minute and is about as sure, or the order is over."""
    eta_at = now + timedelta(seconds=eta.total_seconds)
    told = order.eta_confidence
    alike = told is not None and abs(eta.confidence - told) < CONFIDENCE_TOLERANCE
    if is_over(order) or (alike and abs(eta_at - order.eta_at) < ETA_TOLERANCE):
        return []
    return [EtaRevised(eta_at=eta_at, confidence=eta.confidence, breakdown=eta.breakdown)]


def request_review(order: Order) -> list[Event]:
    """Ask the customer how it was, once. Raises IllegalTransition."""
    if order.review_requested:
        return []
    if order.status not in (Status.DELIVERED, Status.COMPLETED):
        raise IllegalTransition("reviewed", status=order.status)
    return [ReviewRequested()]


def rate(order: Order, *, stars: int) -> list[Event]:
    """Say how the delivery was, once. Raises IllegalTransition, InvalidInput."""
    if not 1 <= stars <= MOST_STARS:
        raise InvalidInput("stars", f"A delivery gets 1 to {MOST_STARS} stars.")
    if order.stars == stars:
        return []
    if order.stars is not None:
        raise IllegalTransition("rated a second time", status=order.status)
    if order.driver_id is None or order.status not in (Status.DELIVERED, Status.COMPLETED):
        raise IllegalTransition("rated", status=order.status)
    return [RatedByCustomer(driver_id=order.driver_id, stars=stars)]


def add_note(order: Order, *, text: str) -> list[Event]:
    """Write something down. Raises InvalidInput."""
    if not text.strip() or len(text) > MAX_NOTE_LENGTH:
        raise InvalidInput("text", f"A note has 1 to {MAX_NOTE_LENGTH} characters.")
    return [NoteAdded(customer_id=order.customer_id, text=text)]
