"""In which order a driver calls at restaurants and customers: every route is looked at, for at most three orders."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import permutations
from typing import NamedTuple
from uuid import UUID

import msgspec

from domain.errors import InvalidInput
from domain.geo import Position, distance_m

MOST_ORDERS = 3
"""Ninety routes; each order more multiplies them by more than twenty."""

type Drive = Callable[[float], float]
"""Metres as the crow flies to seconds on the road, in the traffic of now."""


class Call(StrEnum):
    """What the driver does at a stop."""

    PICK_UP = "pick_up"
    DROP_OFF = "drop_off"


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """An order that a driver carries, or might. `ready_seconds`: from now until the food is; 0 when it is."""

    order_id: UUID
    restaurant: Position
    customer: Position
    ready_seconds: float = 0.0
    picked_up: bool = False


class Stop(NamedTuple):
    """One call on the route; `arrival_seconds` from now, `departure_seconds` after waiting for the food."""

    order_id: UUID
    call: Call
    position: Position
    arrival_seconds: float
    departure_seconds: float


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The stops in their order, and the way from the driver's place over all of them, as the crow flies."""

    stops: tuple[Stop, ...]
    distance_m: float

    @property
    def seconds(self) -> float:
        """From now until the last customer has the food."""
        return self.stops[-1].arrival_seconds

    def delivered_seconds(self, order_id: UUID) -> float:
        """From now until an order is at its customer's. Raises KeyError."""
        for stop in self.stops:
            if stop.order_id == order_id and stop.call is Call.DROP_OFF:
                return stop.arrival_seconds
        raise KeyError(order_id)


def best_route(start: Position, errands: Sequence[Errand], drive: Drive) -> Route:
    """The route on which customers wait least in all; of equals the shorter one. Raises InvalidInput for too many."""
    if not 1 <= len(errands) <= MOST_ORDERS:
        raise InvalidInput("errands", f"A route is searched for 1 to {MOST_ORDERS} orders.")
    routes = (route_of(start, calls, drive) for calls in _possible(errands))
    return min(routes, key=lambda route: (_waiting_seconds(route), route.distance_m))


def route_of(start: Position, calls: Sequence[tuple[Errand, Call]], drive: Drive) -> Route:
    """Drive these calls in this order."""
    here, now, metres = start, 0.0, 0.0
    stops: list[Stop] = []
    for errand, call in calls:
        there = errand.restaurant if call is Call.PICK_UP else errand.customer
        way = distance_m(here, there)
        metres += way
        arrival = now + drive(way)
        now = max(arrival, errand.ready_seconds) if call is Call.PICK_UP else arrival
        stops.append(Stop(errand.order_id, call, there, arrival, now))
        here = there
    return Route(stops=tuple(stops), distance_m=metres)


def _possible(errands: Sequence[Errand]) -> Iterator[Sequence[tuple[Errand, Call]]]:
    """Every order of calls in which food is picked up before it is dropped off."""
    calls = [(errand, call) for errand in errands for call in Call if not (errand.picked_up and call is Call.PICK_UP)]
    for order in permutations(calls):
        seen: set[UUID] = {errand.order_id for errand in errands if errand.picked_up}
        for errand, call in order:
            if call is Call.PICK_UP:
                seen.add(errand.order_id)
            elif errand.order_id not in seen:
                break
        else:
            yield order


def _waiting_seconds(route: Route) -> float:
    return sum(stop.arrival_seconds for stop in route.stops if stop.call is Call.DROP_OFF)
