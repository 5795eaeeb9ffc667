"""The problem as plain data, and what a plan looks like.

Times are minutes on any one clock. Places are indices into `travel_min`, so that whoever asks says what a metre costs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

MAX_BUNDLE_ORDERS = 4
MAX_BUNDLES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """An order that waits for its pick-up. Two are the same only if they are the same object."""

    id: int
    placed_min: float
    ready_min: float
    restaurant: int
    """The restaurant's place; orders can be bundled when it is the same."""
    place: int
    """Where it is dropped off."""


type Bundle = tuple[Order, ...]
"""Orders of one restaurant, in the order of their drop-offs."""
type Route = tuple[Bundle, ...]
type Plan = dict[int, Route]
"""Driver's id → what to do next, for drivers who have anything to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A driver who is free, or will be soon."""

    id: int
    place: int
    """Where they will be at `free_min`: the restaurant, if they head to one."""
    free_min: float
    off_min: float
    """No pick-up later than this."""
    locked: frozenset[int] = frozenset()
    """Orders they are already under way for: these stay first in the route."""
    heading: bool = False
    paid_share: float = 0.0
    """Order pay earned so far ÷ what the shift guarantees."""
    shift_share: float = 0.0
    """Share of the shift that is over."""
    sealed: bool = False
    """Once under way they are given no more orders, not even of the restaurant they head to."""
    refused: frozenset[int] = frozenset()
    """Orders that are not for this driver: declined, or let pass."""


class TravelTimes(Protocol):
    """Minutes by origin and destination: a table, or one that is worked out row by row when asked."""

    def __getitem__(self, place: int, /) -> Sequence[float]:
        """Minutes from a place to every place."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything a planner may know at `now_min`."""

    now_min: float
    orders: Sequence[Order]
    drivers: Sequence[Driver]
    travel_min: TravelTimes
    pickup_service_min: float
    dropoff_service_min: float
    demand: Mapping[int, float] = field(default_factory=dict)
    """Restaurant's place → its recent orders, for what a driver's place is worth."""
    bundle_orders: int = MAX_BUNDLE_ORDERS
    """So many orders at most go together."""
    reach_min: float = inf
    """Nobody is sent further for a pick-up, from where they are free."""


type Planner = Callable[[Problem, Plan, int], Plan]
"""Problem, the last plan and a seed in; the next plan out. Locked orders stay with their driver."""


def leave_by_min(problem: Problem, driver: Driver, bundle: Bundle) -> float:
    """Latest moment to leave for a bundle and still be there in time for the food; may be past."""
    ready_min = max(order.ready_min for order in bundle)
    return ready_min - problem.pickup_service_min / 2 - problem.travel_min[driver.place][bundle[0].restaurant]


def still_open(problem: Problem, plan: Plan) -> Plan:
    """The part of an earlier plan that can still be followed: what is neither picked up nor without its driver."""
    open_orders = {order.id for order in problem.orders}
    kept: Plan = {}
    for driver in problem.drivers:
        mine = open_orders - driver.refused
        bundles = (tuple(o for o in bundle if o.id in mine) for bundle in plan.get(driver.id, ()))
        if route := tuple(bundle for bundle in bundles if bundle):
            kept[driver.id] = route
    return kept
