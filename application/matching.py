"""Who is asked to deliver an order: the nearest drivers, those already asked left out, scored, the best one held."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from application.carrying import Carried, errand
from application.positions import Near, Positions
from domain.batching import Batch, Batched, Refused, Unbatched, batch, batched, refused
from domain.eta import travel_seconds
from domain.order import Order, preparation_left_seconds
from domain.pricing import driver_fee_minor
from domain.region import Region
from domain.routing import Drive
from domain.scoring import PROFILES, Candidate, PassedOver, Rival, Score

MOST_RIVALS = 9
"""The best others are recorded with an offer, at most so many."""
MOST_CARRYING = 5
"""So many of the drivers near who carry orders are looked up in the log, the nearest first; the others are left out."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The driver to ask, held for this order, and what support will want to know about the choice."""

    driver_id: UUID
    distance_m: float
    travel_seconds: float
    radius_m: float
    candidates: int
    score: Score
    rivals: tuple[Rival, ...] = ()
    batch: Batched | None = None
    unbatched: tuple[Unbatched, ...] = ()


class PlanOvertaken(Exception):  # noqa: N818 - names the outcome
    """What a plan foresaw is not possible any more; the next one will know."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """One look around for one order. `now` is business time, `offer_until` when the hold on the driver ends."""

    order: Order
    region: Region
    now: datetime
    machine_now: datetime
    offer_until: datetime
    carried: Carried


def choose_driver(positions: Positions, search: Search) -> Choice | None:
    """Hold the best driver within the smallest of the region's radii that has one; none when all have been asked."""
    if not may_ask(search.order, search.region):
        return None
    for radius_m in search.region.dispatch.radii_m:
        choices = candidates(positions, search, radius_m)
        for place, choice in enumerate(choices):
            held = positions.claim(
                search.region.id, choice.driver_id, search.order.id, until=search.offer_until, now=search.now
            )
            if held:
                taken = [rival(other, PassedOver.TAKEN) for other in choices[:place]]
                outscored = [rival(other, PassedOver.OUTSCORED) for other in choices[place + 1 :]]
                return replace(choice, rivals=(*taken, *outscored)[:MOST_RIVALS])
    return None


def hold_planned(positions: Positions, search: Search, driver_id: UUID) -> Choice:
    """Hold the driver whom a plan foresees, if still near, free and fit. Raises PlanOvertaken."""
    radius_m = search.region.dispatch.radii_m[-1]
    near = _nearest(positions, search, radius_m)
    if all(one.driver_id != driver_id for one in near):
        # Plans look around all restaurants at once: here so many others may be nearer that this one is not among them.
        one = positions.look_up(
            search.region.id,
            driver_id,
            search.order.restaurant_position,
            radius_m=radius_m,
            now=search.now,
            machine_now=search.machine_now,
        )
        near = near if one is None else [*near, one]
    choices = list(ranked(near, search, radius_m, batches(near, search, first=driver_id)))
    planned = next((choice for choice in choices if choice.driver_id == driver_id), None)
    if planned is None:
        raise PlanOvertaken("the driver whom the plan foresees cannot be asked now")
    held = positions.claim(search.region.id, driver_id, search.order.id, until=search.offer_until, now=search.now)
    if not held:
        raise PlanOvertaken("the driver whom the plan foresees is held for another order")
    others = [rival(other, PassedOver.PLANNED_OTHERWISE) for other in choices if other is not planned]
    return replace(planned, rivals=tuple(others[:MOST_RIVALS]))


def candidates(positions: Positions, search: Search, radius_m: float) -> list[Choice]:
    """Who could be asked within a radius, best first; looks only, and holds nobody."""
    near = _nearest(positions, search, radius_m)
    return list(ranked(near, search, radius_m, batches(near, search)))


def batches(near: Sequence[Near], search: Search, *, first: UUID | None = None) -> dict[UUID, Batch | Refused | None]:
    """Of the nearest drivers who carry orders, and of the `first`, whether this one goes with them.

    None for whoever has all food in the car: the next order comes after, not between, and is offered as such.
    """
    found: dict[UUID, Batch | Refused | None] = {}
    new, drive = errand(search.order, search.now), travelling(search.region, search.now)
    # Sorting keeps the nearest in front otherwise.
    carrying = sorted((one for one in near if one.load), key=lambda one: one.driver_id != first)[:MOST_CARRYING]
    search.carried.look_up([driver.driver_id for driver in carrying])
    for driver in carrying:
        carried = search.carried(driver.driver_id)
        if all(one.picked_up for one in carried):
            found[driver.driver_id] = None
        else:
            found[driver.driver_id] = batch(driver.position, carried, new, drive)
    return found


def unbatched(positions: Positions, search: Search, radius_m: float) -> dict[UUID, Refused]:
    """Who is near and has room, and whose orders this one does not go with: looked at to explain a search."""
    found = batches(_nearest(positions, search, radius_m), search)
    return {driver_id: why for driver_id, why in found.items() if isinstance(why, Refused)}


def may_ask(order: Order, region: Region) -> bool:
    """Whether the round has an offer left; one that is over will be followed by a new one."""
    return order.round_over or order.offers_made < region.dispatch.max_offers


def offer_seconds(order: Order, region: Region) -> float:
    """How long the next driver has to answer: longer for the first one of a round."""
    first = order.round_over or order.offers_made == 0
    return region.dispatch.first_offer_seconds if first else region.dispatch.next_offer_seconds


def ranked(
    near: Sequence[Near], search: Search, radius_m: float, carrying: Mapping[UUID, Batch | Refused | None]
) -> Iterator[Choice]:
    """Score drivers, best first; of equals the nearer. Those whose orders this one does not go with are left out."""
    score = PROFILES[search.region.dispatch.profile]
    left_seconds = preparation_left_seconds(search.order, search.now)
    common = {driver_id: found for driver_id, found in carrying.items() if isinstance(found, Batch)}
    may = [
        driver
        for driver in near
        if not driver.load
        or driver.driver_id in common
        or (driver.driver_id in carrying and carrying[driver.driver_id] is None)
    ]
    scored = [
        (score(candidate, preparation_left_seconds=left_seconds), candidate)
        for candidate in (_candidate(driver, search, common.get(driver.driver_id)) for driver in may)
    ]
    left_out = tuple(refused(driver_id, why) for driver_id, why in carrying.items() if isinstance(why, Refused))
    for points, candidate in sorted(scored, key=lambda pair: (-pair[0].total, pair[1].distance_m)):
        way = common.get(candidate.driver_id)
        yield Choice(
            driver_id=candidate.driver_id,
            distance_m=candidate.distance_m,
            travel_seconds=candidate.travel_seconds,
            radius_m=radius_m,
            candidates=len(may),
            score=points,
            batch=None if way is None else second_order(way, search.order, search.region),
            unbatched=left_out,
        )


def travelling(region: Region, now: datetime) -> Drive:
    """Metres to seconds in a region's traffic of now."""
    return lambda metres: travel_seconds(metres, region.travel, now, region.timezone)


def second_order(way: Batch, order: Order, region: Region) -> Batched:
    """As it is recorded with the offer: what it costs, saves and pays."""
    fee_minor = driver_fee_minor(region.fees, order.price.delivery_fee_minor)
    return batched(way, pay_minor=fee_minor + order.price.tip_minor, currency=order.price.currency)


def rival(choice: Choice, why: PassedOver) -> Rival:
    """As it is recorded: to a tenth of a metre, second and point, for there are many and nothing is decided by them."""
    factors = {name: round(points, 1) for name, points in choice.score.factors.items()}
    return Rival(
        driver_id=choice.driver_id,
        why=why,
        distance_m=round(choice.distance_m, 1),
        travel_seconds=round(choice.travel_seconds, 1),
        score=Score(profile=choice.score.profile, total=round(choice.score.total, 1), factors=factors),
    )


def _nearest(positions: Positions, search: Search, radius_m: float) -> list[Near]:
    return positions.nearest(
        search.region.id,
        search.order.restaurant_position,
        k=search.region.dispatch.candidates,
        radius_m=radius_m,
        now=search.now,
        machine_now=search.machine_now,
        exclude=() if search.order.round_over else search.order.asked,
        order_id=search.order.id,
    )


def _candidate(driver: Near, search: Search, way: Batch | None) -> Candidate:
    board, region = driver.board, search.region
    return Candidate(
        driver_id=driver.driver_id,
        distance_m=driver.distance_m,
        travel_seconds=travel_seconds(driver.distance_m, region.travel, search.now, region.timezone),
        active_orders=driver.load,
        rating=board.rating,
        deliveries=board.deliveries,
        deliveries_today=board.deliveries_on(search.now.astimezone(ZoneInfo(region.timezone)).date()),
        earnings_goal=board.earnings_goal,
        acceptance_rate=board.acceptance_rate,
        route_efficiency=0.0 if way is None else way.efficiency,
    )
