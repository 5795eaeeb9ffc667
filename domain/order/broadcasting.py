"""Several drivers asked at once: the first who accepts has the order. For regions that want speed more than calm."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from domain.batching import Batched, Unbatched
from domain.errors import InvalidInput
from domain.event import Event
from domain.order.dispatching import open_round
from domain.order.events import Broadcast, DriverOffered
from domain.order.state import Order
from domain.scoring import Rival, Score


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One of the drivers to ask."""

    offer_id: UUID
    driver_id: UUID
    distance_m: float
    travel_seconds: float
    score: Score
    batch: Batched | None = None


def broadcast(
    order: Order,
    *,
    broadcast_id: UUID,
    asks: Sequence[Ask],
    expires_at: datetime,
    radius_m: float,
    candidates: int,
    rivals: tuple[Rival, ...] = (),
    unbatched: tuple[Unbatched, ...] = (),
    max_offers: int,
    now: datetime,
) -> list[Event]:
    """Ask these drivers, best first, all until `expires_at`; begins a round when none is under way.

    Each counts as an offer of the round. Raises IllegalTransition, OfferStillStands, OffersExhausted, AlreadyAsked,
    InvalidInput.
    """
    if asks and [one.offer_id for one in order.offers] == [ask.offer_id for ask in asks]:
        return []
    drivers = [ask.driver_id for ask in asks]
    started = open_round(order, drivers, radius_m=radius_m, max_offers=max_offers)
    if not drivers or len(set(drivers)) < len(drivers):
        raise InvalidInput("asks", "A broadcast asks at least one driver, and each once.")
    if expires_at <= now:
        raise InvalidInput("expires_at", "An offer ends in the future.")
    made = 0 if started else order.offers_made
    offered = [
        DriverOffered(
            offer_id=ask.offer_id,
            driver_id=ask.driver_id,
            sequence=made + place,
            expires_at=expires_at,
            distance_m=ask.distance_m,
            travel_seconds=ask.travel_seconds,
            radius_m=radius_m,
            candidates=candidates,
            score=ask.score,
            rivals=rivals if place == 1 else (),
            batch=ask.batch,
            broadcast=Broadcast(broadcast_id=broadcast_id, drivers=len(asks), place=place),
            unbatched=unbatched if place == 1 else (),
        )
        for place, ask in enumerate(asks, 1)
    ]
    return [*started, *offered]
