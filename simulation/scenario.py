"""What is going to happen: who lives in the city, who orders what and when, and how each of them behaves.

Made by `city` (invented, from a seed) or `mdrp` (a real day), lived through by `rush`. Times are seconds since the
scenario's origin, in simulated time; what happened before is negative.
"""

from dataclasses import dataclass
from enum import StrEnum

from simulation.geometry import LocalPlane, Point


class Moment(StrEnum):
    """When a driver's phone goes dead."""

    OFFERED = "while deciding on an offer"
    TO_RESTAURANT = "on the way to the restaurant"
    CARRYING = "with food on board"


@dataclass(frozen=True, kw_only=True)
class Silence:
    """The phone goes dead at the first such moment after `after_seconds`, for `for_seconds`."""

    moment: Moment
    after_seconds: float
    for_seconds: float


@dataclass(frozen=True, kw_only=True)
class Dish:
    """One line of a menu."""

    name: str
    category: str
    price_minor: int


@dataclass(frozen=True, kw_only=True)
class RestaurantPlan:
    """One restaurant and its menu; `prep_seconds` is what it says it usually needs."""

    name: str
    point: Point
    cuisines: tuple[str, ...]
    prep_seconds: int
    menu: tuple[Dish, ...]


@dataclass(frozen=True, kw_only=True)
class DriverPlan:
    """One driver: on duty between `on_seconds` and `off_seconds` (None: until the end)."""

    name: str
    start: Point
    on_seconds: float = 0.0
    off_seconds: float | None = None
    capacity: int = 2
    decline_rate: float = 0.0
    silence: Silence | None = None


@dataclass(frozen=True, kw_only=True)
class OrderPlan:
    """One order, as fate has it. All `*_after_seconds` count from `at_seconds`.

    The customer browses for a restaurant unless `restaurant` (an index) is given. The food is ready after
    `ready_after_seconds` whatever the restaurant says when it confirms (`told_prep_seconds`).
    """

    customer: int
    at_seconds: float
    dropoff: Point
    restaurant: int | None = None
    lines: int = 1
    tip_minor: int = 0
    answer_after_seconds: float = 5.0
    start_after_seconds: float = 5.0
    ready_after_seconds: float
    told_prep_seconds: int
    rejected: bool = False
    cancel_after_seconds: float | None = None
    watched: bool = False
    """The customer follows it on the live stream."""

    @property
    def late_seconds(self) -> float:
        """How much later than told the kitchen is."""
        return max(0.0, self.ready_after_seconds - self.answer_after_seconds - self.told_prep_seconds)


@dataclass(frozen=True, kw_only=True)
class Movement:
    """How fast drivers cross the plane, and how long they stand at each end (half before the act, half after)."""

    metres_per_second: float
    pickup_seconds: float
    dropoff_seconds: float


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A whole rush. `ends_at_seconds` is when the last order may be placed; the drain follows."""

    title: str
    region: str
    timezone: str
    """IANA name of the region's; times are shown in it."""
    plane: LocalPlane
    movement: Movement
    customers: tuple[str, ...]
    restaurants: tuple[RestaurantPlan, ...]
    drivers: tuple[DriverPlan, ...]
    orders: tuple[OrderPlan, ...]
    ends_at_seconds: float
    drain_seconds: float = 90 * 60.0
    seed: int = 0
