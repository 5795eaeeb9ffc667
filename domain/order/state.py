"""An order as its events leave it. The two state machines are apart: `status` and `dispatch`."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.event import PERSONAL, Event
from domain.geo import Position
from domain.order import events
from domain.order.events import PaymentOperation
from domain.pricing import Price


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
    """Where the driver is. IDLE before the first search and again once the order ended undelivered."""

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
    """An offer that stands."""

    offer_id: UUID
    driver_id: UUID
    sequence: int
    expires_at: datetime
    batched: bool = False
    """Made as a second order, to go together with the one that the driver carries."""


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """The one payment of the order."""

    status: PaymentStatus = PaymentStatus.NONE
    payment_id: str = ""
    amount_minor: int = 0
    """Held while authorised, charged once captured."""
    failed: PaymentOperation | None = None
    """What the gateway refused for good, when `status` says FAILED."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order. `version` is the version of the last event folded in."""

    SUBJECT: ClassVar[str] = "customer_id"

    id: UUID
    version: int = 0
    status: Status
    dispatch: DispatchStatus
    customer_id: UUID
    restaurant_id: UUID
    region: str
    price: Price
    restaurant_position: Position
    dropoff_position: Annotated[Position, PERSONAL]
    delivery_distance_m: float
    prep_seconds: int
    placed_at: datetime
    promised_at: datetime
    eta_at: datetime
    eta_confidence: float | None = None
    """None until the first estimate; `eta_at` is the promise until then."""
    confirmed_at: datetime | None = None
    driver_needed_at: datetime | None = None
    """Since when a driver is looked for: the confirmation, or later where a plan did not need one before."""
    ready_at: datetime | None = None
    picked_up_at: datetime | None = None
    delivered_at: datetime | None = None
    payment: Payment = Payment()
    refund_minor: int = 0
    """What the customer is not charged, or gets back, of a cancelled order."""
    round: int = 0
    """Rounds of offers begun."""
    round_over: bool = False
    """The current round ended without a driver; the next offer begins another."""
    offers_made: int = 0
    """Offers in the current round, counted anew when a driver is un-assigned."""
    asked: tuple[UUID, ...] = ()
    """Drivers who declined, let an offer expire or were un-assigned in the current round."""
    declined: tuple[UUID, ...] = ()
    """Offers declined in the current round, so that declining twice is quiet."""
    offers: tuple[Offer, ...] = ()
    """Those that stand, best first: one, or in a broadcast several."""
    driver_id: UUID | None = None
    """The assigned driver; stays after delivery, goes with cancellation."""
    accepted_offer_id: UUID | None = None
    """The offer by which `driver_id` has the order."""
    contact_lost_at: datetime | None = None
    """When its driver was last seen before the silence that was told of last; stays when the driver is back."""
    review_requested: bool = False
    stars: int | None = None
    """What the customer gave; none as yet."""

    @property
    def offer(self) -> Offer | None:
        """The best of the offers that stand; none when none does."""
        return self.offers[0] if self.offers else None


OVER = frozenset({Status.DELIVERED, Status.COMPLETED, Status.REJECTED, Status.CANCELLED})
"""From here on the food moves no more."""
NEEDS_DRIVER = frozenset({Status.CONFIRMED, Status.PREPARING, Status.READY_FOR_PICKUP})
"""While the order is here a driver is searched, asked or on the way to the restaurant."""


def is_over(order: Order) -> bool:
    """Whether the food moves no more: delivered, or never will be."""
    return order.status in OVER


def preparation_left_seconds(order: Order, now: datetime) -> float:
    """Estimate what the kitchen still needs: all of it before confirmation, nothing once the food is ready."""
    if order.confirmed_at is None:
        return float(order.prep_seconds)
    if order.status in (Status.CONFIRMED, Status.PREPARING):
        return max(0.0, order.prep_seconds - (now - order.confirmed_at).total_seconds())
    return 0.0


def evolve(order: Order | None, order_id: UUID, event: Event, at: datetime) -> Order:
    """Fold one event, which occurred `at`, into the next state; `version` is the fold's business."""
    if order is None:
        if not isinstance(event, events.Placed):
            raise TypeError(f"an order's stream cannot begin with {event.TOPIC}")
        return _placed(order_id, event, at)
    changes = _CHANGES.get(type(event))
    if changes is None:
        raise TypeError(f"an order that was placed has no event {event.TOPIC!r}")
    return replace(order, **changes(order, event, at))


def _placed(order_id: UUID, event: events.Placed, at: datetime) -> Order:
    return Order(
        id=order_id,
        status=Status.PLACED,
        dispatch=DispatchStatus.IDLE,
        customer_id=event.customer_id,
        restaurant_id=event.restaurant_id,
        region=event.region,
        price=event.price,
        restaurant_position=event.restaurant_position,
        dropoff_position=event.dropoff.position,
        delivery_distance_m=event.delivery_distance_m,
        prep_seconds=event.prep_seconds,
        placed_at=at,
        promised_at=event.promised_at,
        eta_at=event.promised_at,
    )


type _Changes = Callable[[Order, Any, datetime], dict[str, Any]]
"""(order, event, when it occurred) → the fields that differ after it."""

_NO_OFFER: dict[str, Any] = {"offers": ()}
_NO_DRIVER: dict[str, Any] = {"driver_id": None, "accepted_offer_id": None}

_KITCHEN: dict[type[Event], _Changes] = {
    events.Confirmed: lambda _, event, at: {
        "status": Status.CONFIRMED,
        "prep_seconds": event.prep_seconds,
        "confirmed_at": at,
    },
    events.PreparationStarted: lambda *_: {"status": Status.PREPARING},
    events.ReadyForPickup: lambda _, __, at: {"status": Status.READY_FOR_PICKUP, "ready_at": at},
    events.PickedUp: lambda _, __, at: {
        "status": Status.PICKED_UP,
        "dispatch": DispatchStatus.ON_THE_WAY,
        "picked_up_at": at,
    },
    events.Delivered: lambda _, __, at: {
        "status": Status.DELIVERED,
        "dispatch": DispatchStatus.DONE,
        "delivered_at": at,
    },
    events.Completed: lambda *_: {"status": Status.COMPLETED},
    events.Rejected: lambda *_: {"status": Status.REJECTED},
    events.Cancelled: lambda _, event, __: {
        "status": Status.CANCELLED,
        "dispatch": DispatchStatus.IDLE,
        "refund_minor": event.refund_minor,
        **_NO_OFFER,
        **_NO_DRIVER,
    },
}

_DISPATCH: dict[type[Event], _Changes] = {
    events.MatchingStarted: lambda _, event, __: {
        "dispatch": DispatchStatus.SEARCHING,
        "round": event.round,
        "round_over": False,
        "offers_made": 0,
        "asked": (),
        "declined": (),
    },
    events.DriverOffered: lambda order, event, _: {
        "dispatch": DispatchStatus.OFFERED,
        "offers_made": event.sequence,
        "offers": (*order.offers, _offer(event)),
        "driver_needed_at": order.driver_needed_at or (event.plan.needed_at if event.plan else order.confirmed_at),
    },
    events.OfferDeclined: lambda order, event, _: {
        "asked": (*order.asked, event.driver_id),
        "declined": (*order.declined, event.offer_id),
        **_without(order, event.offer_id),
    },
    events.OfferExpired: lambda order, event, _: {
        "asked": (*order.asked, event.driver_id),
        **_without(order, event.offer_id),
    },
    events.OfferWithdrawn: lambda order, event, _: _without(order, event.offer_id),
    events.NoDriverFound: lambda *_: {"round_over": True},
    events.DriverAssigned: lambda _, event, __: {
        "dispatch": DispatchStatus.ASSIGNED,
        "driver_id": event.driver_id,
        "accepted_offer_id": event.offer_id,
        **_NO_OFFER,
    },
    events.DriverUnassigned: lambda order, event, _: {
        "dispatch": DispatchStatus.SEARCHING,
        "offers_made": 0,
        "asked": (*order.asked, event.driver_id),
        **_NO_DRIVER,
    },
    events.DriverArrived: lambda *_: {"dispatch": DispatchStatus.AT_RESTAURANT},
    events.DriverLostContact: lambda _, event, __: {"contact_lost_at": event.last_seen_at},
}

_MONEY: dict[type[Event], _Changes] = {
    events.PaymentAuthorized: lambda _, event, __: {
        "payment": Payment(
            status=PaymentStatus.AUTHORIZED, payment_id=event.payment_id, amount_minor=event.amount_minor
        )
    },
    events.PaymentCaptured: lambda order, event, _: _paid(
        order, PaymentStatus.CAPTURED, amount_minor=event.amount_minor
    ),
    events.PaymentVoided: lambda order, _, __: _paid(order, PaymentStatus.VOIDED),
    events.PaymentRefunded: lambda order, _, __: _paid(order, PaymentStatus.REFUNDED),
    events.PaymentFailed: lambda order, event, _: _paid(order, PaymentStatus.FAILED, failed=event.operation),
}

_TOLD: dict[type[Event], _Changes] = {
    events.EtaRevised: lambda _, event, __: {"eta_at": event.eta_at, "eta_confidence": event.confidence},
    events.ReviewRequested: lambda *_: {"review_requested": True},
    events.RatedByCustomer: lambda _, event, __: {"stars": event.stars},
    events.NoteAdded: lambda *_: {},
}

_CHANGES = _KITCHEN | _DISPATCH | _MONEY | _TOLD


def _offer(event: events.DriverOffered) -> Offer:
    return Offer(
        offer_id=event.offer_id,
        driver_id=event.driver_id,
        sequence=event.sequence,
        expires_at=event.expires_at,
        batched=event.batch is not None,
    )


def _without(order: Order, offer_id: UUID) -> dict[str, Any]:
    offers = tuple(one for one in order.offers if one.offer_id != offer_id)
    return {"offers": offers, "dispatch": DispatchStatus.OFFERED if offers else DispatchStatus.SEARCHING}


def _paid(order: Order, status: PaymentStatus, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of Payment
    return {"payment": replace(order.payment, status=status, **{"failed": None, **changes})}
