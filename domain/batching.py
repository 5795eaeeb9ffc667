"""Whether a driver who carries one order may be given a second: the rule, and what it answers."""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

import msgspec

from domain.geo import Position, distance_m
from domain.routing import Call, Drive, Errand, Route, best_route

RESTAURANTS_APART_M = 500.0
LEAST_EFFICIENCY = 0.70
MOST_DELAY_SECONDS = 300.0
MOST_ORDERS = 2


class NotBatched(StrEnum):
    """Why not. In the order in which it is told."""

    CARRIES_NOTHING = "the driver carries no order: an offer of its own is better"
    CARRIES_ENOUGH = "the driver carries two orders already"
    TOO_FAR_APART = "the restaurants are more than 500 m apart"
    TOO_SLOW = "the first customer would wait more than 5 minutes longer"
    INEFFICIENT = "the common route is a detour: less than 70 % of it brings food nearer"


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """What the rule looks at, measured for one driver and one order. Without a single order carried, nothing is."""

    carried: int
    apart_m: float | None = None
    """From restaurant to restaurant."""
    delay_seconds: float | None = None
    """How much later the first customer eats; not below 0."""
    efficiency: float | None = None
    """Metres that the food has to go, per metre driven from the first restaurant on; at most 1."""
    saved_m: float | None = None
    """Against delivering one after the other; below 0 it is a loss."""
    saved_seconds: float | None = None
    """The driver's time, against one after the other."""


class Unbatched(msgspec.Struct, frozen=True, kw_only=True):
    """A driver near with room, whose order this one does not go with: as it is recorded with an offer to another."""

    driver_id: UUID
    why: tuple[str, ...]
    """Names of `NotBatched`, in small letters: every condition that failed."""
    weighed: Weighed


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: the common route, what it costs the first customer, and what it saves."""

    route: Route
    delay_seconds: float
    """How much later the first customer eats; not below 0."""
    efficiency: float
    """Metres that the food has to go, per metre driven from the first restaurant on; at most 1."""
    saved_m: float
    """Against delivering one after the other."""
    saved_seconds: float
    """The driver's time, against one after the other."""
    apart_m: float
    added_seconds: float
    """How much longer the driver is under way than with the first order alone."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The answer when any condition fails: which, and what was measured."""

    why: tuple[NotBatched, ...]
    weighed: Weighed


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A stop as it is recorded: without its place, which may be a customer's door."""

    order_id: UUID
    call: Call


class Batched(msgspec.Struct, frozen=True, kw_only=True):
    """What an offer says of the order that the driver carries already: the common route and what it is worth."""

    stops: tuple[Planned, ...]
    delay_seconds: float
    efficiency: float
    saved_m: float
    saved_seconds: float
    apart_m: float | None = None
    """None, as the next, for what was offered before they were recorded."""
    added_seconds: float | None = None
    """How much longer the driver is under way than with the first order alone."""
    pay_minor: int | None = None
    """What the driver earns with this order, in minor units of `currency`: the fee's share and the tip."""
    currency: str = ""


def batched(found: Batch, *, pay_minor: int, currency: str) -> Batched:
    """As it is recorded: to a tenth of a second and metre."""
    return Batched(
        stops=tuple(Planned(order_id=stop.order_id, call=stop.call) for stop in found.route.stops),
        delay_seconds=round(found.delay_seconds, 1),
        efficiency=round(found.efficiency, 3),
        saved_m=round(found.saved_m, 1),
        saved_seconds=round(found.saved_seconds, 1),
        apart_m=round(found.apart_m, 1),
        added_seconds=round(found.added_seconds, 1),
        pay_minor=pay_minor,
        currency=currency,
    )


def refused(driver_id: UUID, found: Refused) -> Unbatched:
    """As it is recorded: to a tenth of a second and metre."""
    weighed = Weighed(
        carried=found.weighed.carried,
        apart_m=_rounded(found.weighed.apart_m),
        delay_seconds=_rounded(found.weighed.delay_seconds),
        efficiency=_rounded(found.weighed.efficiency, 3),
        saved_m=_rounded(found.weighed.saved_m),
        saved_seconds=_rounded(found.weighed.saved_seconds),
    )
    return Unbatched(driver_id=driver_id, why=tuple(why.name.lower() for why in found.why), weighed=weighed)


def _rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits)


def batch(start: Position, carried: tuple[Errand, ...], new: Errand, drive: Drive) -> Batch | Refused:
    """Put a second order to the one that a driver at `start` carries, or say why not."""
    if len(carried) != 1:
        why = NotBatched.CARRIES_ENOUGH if carried else NotBatched.CARRIES_NOTHING
        return Refused(why=(why,), weighed=Weighed(carried=len(carried)))
    (first,) = carried
    apart_m = distance_m(first.restaurant, new.restaurant)
    together, alone = best_route(start, (first, new), drive), best_route(start, (first,), drive)
    delay = max(0.0, together.delivered_seconds(first.order_id) - alone.delivered_seconds(first.order_id))
    efficiency = _efficiency(start, together, (first, new))
    # One after the other: the second kitchen has been cooking all along.
    cooked = msgspec.structs.replace(new, ready_seconds=max(0.0, new.ready_seconds - alone.seconds))
    then = best_route(first.customer, (cooked,), drive)
    saved_m = alone.distance_m + then.distance_m - together.distance_m
    saved_seconds = alone.seconds + then.seconds - together.seconds
    failing = {
        NotBatched.TOO_FAR_APART: apart_m > RESTAURANTS_APART_M,
        NotBatched.TOO_SLOW: delay > MOST_DELAY_SECONDS,
        NotBatched.INEFFICIENT: efficiency < LEAST_EFFICIENCY,
    }
    if any(failing.values()):
        weighed = Weighed(
            carried=1,
            apart_m=apart_m,
            delay_seconds=delay,
            efficiency=efficiency,
            saved_m=saved_m,
            saved_seconds=saved_seconds,
        )
        return Refused(why=tuple(why for why, fails in failing.items() if fails), weighed=weighed)
    return Batch(
        route=together,
        delay_seconds=delay,
        efficiency=efficiency,
        saved_m=saved_m,
        saved_seconds=saved_seconds,
        apart_m=apart_m,
        added_seconds=together.seconds - alone.seconds,
    )


def _efficiency(start: Position, together: Route, errands: Sequence[Errand]) -> float:
    brought = sum(distance_m(start if one.picked_up else one.restaurant, one.customer) for one in errands)
    empty = 0.0 if any(one.picked_up for one in errands) else distance_m(start, together.stops[0].position)
    driven = together.distance_m - empty
    return min(1.0, brought / driven) if driven > 0 else 1.0
