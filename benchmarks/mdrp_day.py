"""Plays one real day through a planner, minute by minute; a planner hears of an order once it is placed.

A courier who has left for a restaurant goes there with what they left for. Other orders of that restaurant, placed
before they arrive, may still be given to them, unless the day is played sealed.
"""

import time
from dataclasses import dataclass, field
from math import ceil, hypot
from pathlib import Path

from planning.problem import Bundle, Driver, Order, Plan, Planner, Problem, Route, leave_by_min
from simulation.mdrp import BadInstance, Instance

FREE_WITHIN_MIN, STARTS_WITHIN_MIN = 60, 20
DEMAND_DECAY = 0.995
SEEDS_APART = 100_000


@dataclass(frozen=True)
class Pay:
    """What couriers earn, in the instance's currency."""

    an_order: float
    an_hour: float


@dataclass(frozen=True)
class Move:
    """A courier leaves a place; 0 as origin is the start point, otherwise a restaurant's or an order's name."""

    courier: str
    departure_min: float
    origin: str
    destination: str


@dataclass(frozen=True)
class Trip:
    """One bundle: picked up and dropped off in this order."""

    courier: str
    departure_min: float
    pickup_min: float
    orders: tuple[str, ...]
    decided_min: tuple[float, ...]
    """When each order was given to the courier."""
    dropoffs_min: tuple[float, ...]

    @property
    def assigned_min(self) -> float:
        """When the bundle became what it is."""
        return max(self.decided_min)


@dataclass
class Played:
    """What happened on a day."""

    trips: list[Trip] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    decisions: int = 0
    decision_seconds: float = 0.0


class BrokenPlan(Exception):  # noqa: N818 - names what is wrong
    """A planner asks for what cannot be."""


@dataclass
class _Courier:
    """Where a courier is, or will be at `free_min`."""

    number: int
    name: str
    place: int
    place_name: str
    free_min: float
    on_min: float
    off_min: float
    guarantee: float
    heading: bool = False
    departure_min: float = 0.0
    locked: tuple[Order, ...] = ()
    decided_min: dict[int, float] = field(default_factory=dict)
    delivered: int = 0


def read_pay(folder: Path) -> Pay:
    """Pay per order and guaranteed pay per hour of an instance. Raises BadInstance."""
    path = folder / "instance_parameters.txt"
    try:
        header, row, *_ = path.read_text(encoding="utf-8").splitlines()
        fields = dict(zip(header.split("\t"), row.split("\t"), strict=True))
        pay = Pay(float(fields["pay per order"]), float(fields["guaranteed pay per hour"]))
    except OSError as error:
        raise BadInstance(f"{path} cannot be read: {error.strerror}") from None
    except (KeyError, ValueError):
        raise BadInstance(f"{path} must tell pay per order and guaranteed pay per hour, as numbers") from None
    return pay


def play(instance: Instance, pay: Pay, planner: Planner, *, seed: int = 0, sealed: bool = False) -> Played:
    """Play the whole day. Raises BrokenPlan."""
    return _Day(instance, pay, planner, seed, sealed=sealed).run()


class _Day:
    def __init__(self, instance: Instance, pay: Pay, planner: Planner, seed: int, *, sealed: bool) -> None:
        self._instance, self._pay, self._planner = instance, pay, planner
        self._seed, self._sealed = seed * SEEDS_APART, sealed
        self._pickup, self._dropoff = instance.pickup_minutes / 2, instance.dropoff_minutes / 2
        self._restaurants = {name: number for number, name in enumerate(instance.restaurants)}
        first_order = len(self._restaurants)
        first_courier = first_order + len(instance.orders)
        points = [
            *instance.restaurants.values(),
            *(order.point for order in instance.orders),
            *(courier.point for courier in instance.couriers),
        ]
        speed = instance.metres_per_minute
        self._travel = [[ceil(hypot(a.x_m - b.x_m, a.y_m - b.y_m) / speed) for b in points] for a in points]
        self._couriers = [
            _Courier(
                n,
                c.name,
                first_courier + n,
                "0",
                c.on_min,
                c.on_min,
                c.off_min,
                pay.an_hour * (c.off_min - c.on_min) / 60,
            )
            for n, c in enumerate(instance.couriers)
        ]
        self._coming = [
            Order(n, o.placement_min, o.ready_min, self._restaurants[o.restaurant], first_order + n)
            for n, o in enumerate(instance.orders)
        ]
        self._names = [order.name for order in instance.orders]
        self._restaurant_names = list(instance.restaurants)
        self._demand = dict.fromkeys(self._restaurants.values(), 0.0)
        self._open: dict[int, Order] = {}
        self._plan: Plan = {}
        self._played = Played()

    def run(self) -> Played:
        now = int(min(order.placed_min for order in self._coming))
        end = max(courier.off_min for courier in self._couriers)
        known = 0
        while now <= end or any(courier.heading for courier in self._couriers):
            self._arrive(now)
            self._demand = {place: count * DEMAND_DECAY for place, count in self._demand.items()}
            while known < len(self._coming) and self._coming[known].placed_min <= now:
                order = self._coming[known]
                self._open[order.id] = order
                self._demand[order.restaurant] += 1
                known += 1
            self._decide(now)
            now += 1
        return self._played

    def _arrive(self, now: int) -> None:
        """What reaches its restaurant is final."""
        for courier in self._couriers:
            if not courier.heading or courier.free_min > now:
                continue
            bundle = courier.locked
            pickup = max([courier.free_min + self._pickup, *(order.ready_min for order in bundle)])
            at, time_min, dropoffs = courier.place, pickup + self._pickup, []
            origin = self._restaurant_names[at]
            for order in bundle:
                self._played.moves.append(Move(courier.name, time_min, origin, self._names[order.id]))
                dropoffs.append(time_min + self._travel[at][order.place] + self._dropoff)
                at, time_min, origin = order.place, dropoffs[-1] + self._dropoff, self._names[order.id]
                del self._open[order.id]
            names = tuple(self._names[order.id] for order in bundle)
            decided = tuple(courier.decided_min[order.id] for order in bundle)
            self._played.trips.append(
                Trip(courier.name, courier.departure_min, pickup, names, decided, tuple(dropoffs))
            )
            courier.place, courier.place_name, courier.free_min = at, origin, time_min
            courier.heading, courier.locked = False, ()
            courier.delivered += len(bundle)
            self._plan[courier.number] = self._plan.get(courier.number, ())[1:]

    def _decide(self, now: int) -> None:
        if not self._open:
            return
        problem = self._problem(now)
        started = time.perf_counter()
        self._plan = self._planner(problem, self._plan, self._seed + now)
        self._played.decision_seconds += time.perf_counter() - started
        self._played.decisions += 1
        self._refuse_broken(problem)
        for driver in problem.drivers:
            self._follow(problem, driver, self._plan.get(driver.id, ()))

    def _follow(self, problem: Problem, driver: Driver, route: Route) -> None:
        """Leave when it is time; whoever is under way may be given more at the same restaurant."""
        courier, now = self._couriers[driver.id], problem.now_min
        if driver.heading:
            self._give(courier, route[0], now)
        elif route and driver.free_min <= now and leave_by_min(problem, driver, route[0]) <= now:
            bundle = route[0]
            name = self._restaurant_names[bundle[0].restaurant]
            self._played.moves.append(Move(courier.name, now, courier.place_name, name))
            courier.free_min = now + self._travel[courier.place][bundle[0].restaurant]
            courier.place, courier.place_name = bundle[0].restaurant, name
            courier.heading, courier.departure_min, courier.decided_min = True, now, {}
            self._give(courier, bundle, now)

    def _give(self, courier: _Courier, bundle: Bundle, now: float) -> None:
        courier.locked = bundle
        for order in bundle:
            courier.decided_min.setdefault(order.id, now)

    def _refuse_broken(self, problem: Problem) -> None:
        planned = [order.id for route in self._plan.values() for bundle in route for order in bundle]
        if len(planned) != len(set(planned)):
            raise BrokenPlan("an order is planned twice")
        if not self._open.keys() >= set(planned):
            raise BrokenPlan("an order is planned that is not open")
        for driver in problem.drivers:
            first = {order.id for bundle in self._plan.get(driver.id, ())[:1] for order in bundle}
            if not driver.locked <= first:
                raise BrokenPlan("an order is taken from a courier who is under way for it")
            if driver.heading and self._sealed and first != driver.locked:
                raise BrokenPlan("a courier under way is given more")

    def _problem(self, now: int) -> Problem:
        drivers = []
        for courier in self._couriers:
            started = courier.delivered or courier.heading
            within = FREE_WITHIN_MIN if started else STARTS_WITHIN_MIN
            if courier.free_min > now + within or (courier.off_min < now and not courier.heading):
                continue
            drivers.append(
                Driver(
                    id=courier.number,
                    place=courier.place,
                    free_min=courier.free_min if courier.heading else max(courier.free_min, now),
                    off_min=courier.off_min,
                    locked=frozenset(order.id for order in courier.locked),
                    heading=courier.heading,
                    sealed=courier.heading and self._sealed,
                    paid_share=courier.delivered * self._pay.an_order / max(courier.guarantee, 1e-9),
                    shift_share=max(0.0, now - courier.on_min) / max(courier.off_min - courier.on_min, 1e-9),
                )
            )
        return Problem(
            now_min=now,
            orders=tuple(self._open.values()),
            drivers=tuple(drivers),
            travel_min=self._travel,
            pickup_service_min=self._instance.pickup_minutes,
            dropoff_service_min=self._instance.dropoff_minutes,
            demand=self._demand,
        )
