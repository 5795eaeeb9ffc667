"""What may happen between an order and drivers: search, offers, assignment, pick-up, delivery.

A *round* asks drivers one after the other, or several at once (`broadcasting`), until one accepts or none is left;
then the next round may begin and ask all again. Each decision returns events, or none when it is already so, or
raises a Refusal.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from domain.batching import Batched, Unbatched
from domain.errors import InvalidInput
from domain.event import Event
from domain.order.errors import (
    AlreadyAsked,
    IllegalTransition,
    NotYourDelivery,
    OfferExpiredAlready,
    OfferGone,
    OfferNotYours,
    OffersExhausted,
    OfferStillStands,
    OfferTaken,
)
from domain.order.events import (
    Delivered,
    DriverArrived,
    DriverAssigned,
    DriverLostContact,
    DriverOffered,
    DriverUnassigned,
    Foreseen,
    MatchingStarted,
    NoDriverFound,
    OfferDeclined,
    OfferExpired,
    OfferWithdrawn,
    PickedUp,
)
from domain.order.state import NEEDS_DRIVER, DispatchStatus, Offer, Order, Status
from domain.scoring import Rival, Score

WAITED_FOR = frozenset({DispatchStatus.ASSIGNED, DispatchStatus.AT_RESTAURANT})
"""A driver is assigned and has not picked up."""
FASTER = "another driver was faster"
"""Why the other offers of a broadcast are withdrawn."""
OUTDATED = "does not go with the order carried any more"
"""Why the offer of a second order is withdrawn when its driver accepts too late for it."""


def start_matching(order: Order, *, radius_m: float) -> list[Event]:
    """Begin the next round of offers; quiet while one is under way. Raises IllegalTransition."""
    if order.status not in NEEDS_DRIVER or order.driver_id is not None:
        raise IllegalTransition("matched with a driver", status=_status(order))
    if order.round > 0 and not order.round_over:
        return []
    return [MatchingStarted(round=order.round + 1, radius_m=radius_m)]


def offer(
    order: Order,
    *,
    offer_id: UUID,
    driver_id: UUID,
    expires_at: datetime,
    distance_m: float,
    travel_seconds: float,
    radius_m: float,
    candidates: int,
    score: Score,
    rivals: tuple[Rival, ...] = (),
    batch: Batched | None = None,
    unbatched: tuple[Unbatched, ...] = (),
    plan: Foreseen | None = None,
    max_offers: int,
    now: datetime,
) -> list[Event]:
    """Ask one driver, exclusively, until `expires_at`; begins a round when none is under way.

    Raises IllegalTransition, OfferStillStands, OffersExhausted, AlreadyAsked, InvalidInput.
    """
    if [one.offer_id for one in order.offers] == [offer_id]:
        return []
    started = open_round(order, [driver_id], radius_m=radius_m, max_offers=max_offers)
    if expires_at <= now:
        raise InvalidInput("expires_at", "An offer ends in the future.")
    offered = DriverOffered(
        offer_id=offer_id,
        driver_id=driver_id,
        sequence=1 if started else order.offers_made + 1,
        expires_at=expires_at,
        distance_m=distance_m,
        travel_seconds=travel_seconds,
        radius_m=radius_m,
        candidates=candidates,
        score=score,
        rivals=rivals,
        batch=batch,
        unbatched=unbatched,
        plan=plan,
    )
    return [*started, offered]


def open_round(order: Order, driver_ids: Sequence[UUID], *, radius_m: float, max_offers: int) -> list[Event]:
    """See whether these drivers may be asked now; begins a round when none is under way.

    Raises IllegalTransition, OfferStillStands, OffersExhausted, AlreadyAsked.
    """
    if order.offers:
        raise OfferStillStands(order)
    started = start_matching(order, radius_m=radius_m)
    if (0 if started else order.offers_made) + len(driver_ids) > max_offers:
        raise OffersExhausted(order)
    if not started and not set(order.asked).isdisjoint(driver_ids):
        raise AlreadyAsked(order)
    return started


def no_driver(order: Order, *, radius_m: float, retry_at: datetime, plan: Foreseen | None = None) -> list[Event]:
    """End the round without a driver; quiet when it has ended. An order never searched for begins its first round.

    `plan` is for an order whose driver cannot be asked yet. Raises IllegalTransition, OfferStillStands.
    """
    if order.offers:
        raise OfferStillStands(order)
    if order.round_over and order.status in NEEDS_DRIVER:
        return []
    started = start_matching(order, radius_m=radius_m)
    return [
        *started,
        NoDriverFound(
            round=order.round + len(started),
            offers_made=order.offers_made,
            radius_m=radius_m,
            retry_at=retry_at,
            plan=plan,
        ),
    ]


def decline_offer(order: Order, *, offer_id: UUID, driver_id: UUID, reason: str = "") -> list[Event]:
    """Say no. Raises OfferGone, OfferNotYours, OfferTaken."""
    if offer_id in order.declined and driver_id in order.asked:
        return []
    _check_answer(order, offer_id, driver_id)
    return [
        OfferDeclined(offer_id=offer_id, driver_id=driver_id, reason=reason, standing=len(order.offers) - 1),
    ]


def expire_offer(order: Order, *, offer_id: UUID, now: datetime) -> list[Event]:
    """Take an offer, and with it all of a broadcast, off drivers who did not answer; quiet when it was settled.

    Raises OfferStillStands (too early).
    """
    expires_at = next((one.expires_at for one in order.offers if one.offer_id == offer_id), None)
    if expires_at is None:
        return []
    if now < expires_at:
        raise OfferStillStands(order)
    due = [one for one in order.offers if one.expires_at <= now]
    return [
        OfferExpired(offer_id=one.offer_id, driver_id=one.driver_id, standing=standing)
        for one, standing in _one_by_one(order, due)
    ]


def withdraw_offer(order: Order, *, reason: str, driver_id: UUID | None = None) -> list[Event]:
    """Take back the offers that stand, if any do; with `driver_id` only that driver's."""
    meant = [one for one in order.offers if driver_id in (None, one.driver_id)]
    return [
        OfferWithdrawn(offer_id=one.offer_id, driver_id=one.driver_id, reason=reason, standing=standing)
        for one, standing in _one_by_one(order, meant)
    ]


def accept_offer(
    order: Order, *, offer_id: UUID, driver_id: UUID, driver_name: str, batch: Batched | None = None, now: datetime
) -> list[Event]:
    """Say yes, in one append with `driver.take_delivery`: the first of a broadcast takes it from all others.

    Quiet when this offer gave this driver the order.
    Raises OfferTaken (another driver has it), OfferGone, OfferNotYours, OfferExpiredAlready.
    """
    if order.driver_id == driver_id and order.accepted_offer_id == offer_id:
        return []
    expires_at = _check_answer(order, offer_id, driver_id)
    if now >= expires_at:
        raise OfferExpiredAlready(order)
    others = [one for one in order.offers if one.offer_id != offer_id]
    withdrawn = [
        OfferWithdrawn(offer_id=one.offer_id, driver_id=one.driver_id, reason=FASTER, standing=standing)
        for one, standing in _one_by_one(order, others)
    ]
    return [*withdrawn, DriverAssigned(offer_id=offer_id, driver_id=driver_id, driver_name=driver_name, batch=batch)]


def _one_by_one(order: Order, ending: Sequence[Offer]) -> Iterator[tuple[Offer, int]]:
    """Offers that end, each with how many stand after it."""
    return zip(ending, range(len(order.offers) - 1, -1, -1), strict=False)


def _check_answer(order: Order, offer_id: UUID, driver_id: UUID) -> datetime:
    """Give the time by which to answer, when the offer stands and is this driver's."""
    if order.driver_id is not None and order.driver_id != driver_id:
        raise OfferTaken(order)
    standing = next((one for one in order.offers if one.offer_id == offer_id), None)
    if standing is None:
        raise OfferGone(order)
    if standing.driver_id != driver_id:
        raise OfferNotYours(order)
    return standing.expires_at


def unassign(order: Order, *, reason: str) -> list[Event]:
    """Take the order off its driver before pick-up, in one append with `driver.release_delivery`.

    Quiet without a driver. Raises IllegalTransition.
    """
    if order.driver_id is None:
        return []
    if order.dispatch not in WAITED_FOR:
        raise IllegalTransition("taken off its driver", status=_status(order))
    return [DriverUnassigned(driver_id=order.driver_id, reason=reason)]


def arrive(order: Order, *, driver_id: UUID) -> list[Event]:
    """Stand at the restaurant. Raises NotYourDelivery, IllegalTransition."""
    _check_driver(order, driver_id)
    if order.dispatch is DispatchStatus.AT_RESTAURANT:
        return []
    if order.dispatch is not DispatchStatus.ASSIGNED:
        raise IllegalTransition("arrived for", status=_status(order))
    return [DriverArrived(driver_id=driver_id)]


def pick_up(order: Order, *, driver_id: UUID) -> list[Event]:
    """Take the food. It has to be ready; arriving first is not asked for. Raises NotYourDelivery, IllegalTransition."""
    _check_driver(order, driver_id)
    if order.status is Status.PICKED_UP:
        return []
    if order.status is not Status.READY_FOR_PICKUP:
        raise IllegalTransition("picked up", status=order.status)
    return [PickedUp(driver_id=driver_id)]


def lose_contact(order: Order, *, driver_id: UUID, last_seen_at: datetime) -> list[Event]:
    """Note that nothing is heard of the driver who has the food; quiet when this silence was noted.

    Raises NotYourDelivery, IllegalTransition.
    """
    _check_driver(order, driver_id)
    if order.status is not Status.PICKED_UP:
        raise IllegalTransition("lost on its way", status=_status(order))
    if order.contact_lost_at == last_seen_at:
        return []
    return [DriverLostContact(driver_id=driver_id, last_seen_at=last_seen_at)]


def deliver(order: Order, *, driver_id: UUID) -> list[Event]:
    """Hand the food over, in one append with `driver.finish_delivery`. Raises NotYourDelivery, IllegalTransition."""
    _check_driver(order, driver_id)
    if order.status in (Status.DELIVERED, Status.COMPLETED):
        return []
    if order.status is not Status.PICKED_UP:
        raise IllegalTransition("delivered", status=order.status)
    return [Delivered(driver_id=driver_id)]


def _check_driver(order: Order, driver_id: UUID) -> None:
    if order.driver_id != driver_id:
        raise NotYourDelivery(order)


def _status(order: Order) -> str:
    return order.dispatch if order.status in NEEDS_DRIVER else order.status
