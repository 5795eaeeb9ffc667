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
    """Why not. In the order in which it is looked at."""

    CARRIES_NOTHING = "the driver carries no order: an offer of its own is better"
    CARRIES_ENOUGH = "the driver carries two orders already"
    TOO_FAR_APART = "the restaurants are more than 500 m apart"
    TOO_SLOW = "the first customer would wait more than 5 minutes longer"
    INEFFICIENT = "the common route is a detour: less than 70 % of it brings food nearer"


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


def batched(found: Batch) -> Batched:
    """As it is recorded: to a tenth of a second and metre."""
    return Batched(
        stops=tuple(Planned(order_id=stop.order_id, call=stop.call) for stop in found.route.stops),
        delay_seconds=round(found.delay_seconds, 1),
        efficiency=round(found.efficiency, 3),
        saved_m=round(found.saved_m, 1),
        saved_seconds=round(found.saved_seconds, 1),
    )


def batch(start: Position, carried: tuple[Errand, ...], new: Errand, drive: Drive) -> Batch | NotBatched:
    """Put a second order to the one that a driver at `start` carries, or say why not."""
    if not carried:
        return NotBatched.CARRIES_NOTHING
    if len(carried) >= MOST_ORDERS:
        return NotBatched.CARRIES_ENOUGH
    (first,) = carried
    if distance_m(first.restaurant, new.restaurant) > RESTAURANTS_APART_M:
        return NotBatched.TOO_FAR_APART
    together, alone = best_route(start, (first, new), drive), best_route(start, (first,), drive)
    delay = max(0.0, together.delivered_seconds(first.order_id) - alone.delivered_seconds(first.order_id))
    if delay > MOST_DELAY_SECONDS:
        return NotBatched.TOO_SLOW
    if (efficiency := _efficiency(start, together, (first, new))) < LEAST_EFFICIENCY:
        return NotBatched.INEFFICIENT
    # One after the other: the second kitchen has been cooking all along.
    cooked = msgspec.structs.replace(new, ready_seconds=max(0.0, new.ready_seconds - alone.seconds))
    then = best_route(first.customer, (cooked,), drive)
    return Batch(
        route=together,
        delay_seconds=delay,
        efficiency=efficiency,
        saved_m=alone.distance_m + then.distance_m - together.distance_m,
        saved_seconds=alone.seconds + then.seconds - together.seconds,
    )


def _efficiency(start: Position, together: Route, errands: Sequence[Errand]) -> float:
    brought = sum(distance_m(start if one.picked_up else one.restaurant, one.customer) for one in errands)
    empty = 0.0 if any(one.picked_up for one in errands) else distance_m(start, together.stops[0].position)
    driven = together.distance_m - empty
    return min(1.0, brought / driven) if driven > 0 else 1.0
