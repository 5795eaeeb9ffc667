"""What a plan costs, in minutes that somebody waits."""

from collections.abc import Mapping
from math import exp, inf

from planning.problem import Driver, Order, Problem, Route

UNASSIGNED = 300.0
FOOD_WAITING = 0.2
LATE = 1 + FOOD_WAITING
"""What a minute of a late pick-up costs at least: the drop-off is late too."""
OVERAGE, TARGET_MIN = 0.3, 40.0
EMPTY_TRAVEL, EASY_LOAD, LOAD_WINDOW_MIN = 0.1, 0.5, 20.0
PAY, PACE = 2.0, 4.0
POSITION = 2.0
SHIFT, LONG_SHIFT_MIN = 0.2, 120.0
NEAR_MIN, SOON_MIN, LONELY, UNKNOWN_DEMAND = 8.0, 15.0, 0.05, 0.3


class Costs:
    """Prices routes of one problem."""

    def __init__(self, problem: Problem) -> None:
        """Work out once what all routes of a problem share."""
        self._travel = problem.travel_min
        self._pickup = problem.pickup_service_min / 2
        self._dropoff = problem.dropoff_service_min / 2
        on_duty = sum(driver.free_min <= problem.now_min + LOAD_WINDOW_MIN for driver in problem.drivers)
        due = sum(order.ready_min <= problem.now_min + LOAD_WINDOW_MIN for order in problem.orders)
        self._empty = EMPTY_TRAVEL * max(0.0, due / max(1, on_duty) - EASY_LOAD)
        worth = _worth_of_places(problem)
        self._use = {driver.id: self._using(driver, problem.now_min, worth) for driver in problem.drivers}
        self._pay = {driver.id: PAY * _paid_more(driver) for driver in problem.drivers}
        self._earliest = {order.id: self._earliest_dropoff(order) for order in problem.orders}

    def route(self, driver: Driver, route: Route, limit: float = inf) -> float:
        """Cost of a route; infinite when a pick-up would come after the driver's shift, or when above `limit`."""
        if not route:
            return 0.0
        travel, pickup, dropoff, earliest = self._travel, self._pickup, self._dropoff, self._earliest
        at, now = driver.place, driver.free_min
        cost = self._use[driver.id] + self._pay[driver.id] * sum(map(len, route))
        for bundle in route:
            restaurant = bundle[0].restaurant
            empty_min = travel[at][restaurant]
            picked = now + empty_min + pickup
            for order in bundle:
                picked = max(picked, order.ready_min)
            if picked > driver.off_min:
                return inf
            cost += self._empty * empty_min
            now, at = picked + pickup, restaurant
            for order in bundle:
                dropped = now + travel[at][order.place] + dropoff
                cost += dropped - earliest[order.id] + FOOD_WAITING * (picked - order.ready_min)
                over = dropped - order.placed_min - TARGET_MIN
                if over > 0:
                    cost += OVERAGE * over
                now, at = dropped + dropoff, order.place
            if cost > limit:
                return inf
        return cost

    def _earliest_dropoff(self, order: Order) -> float:
        return order.ready_min + self._pickup + self._travel[order.restaurant][order.place] + self._dropoff

    def _using(self, driver: Driver, now_min: float, worth: Mapping[int, float]) -> float:
        if driver.heading:
            return 0.0
        return POSITION * worth[driver.id] + SHIFT * max(0.0, min(1.0, (driver.off_min - now_min) / LONG_SHIFT_MIN))


def _paid_more(driver: Driver) -> float:
    """How sure it is, from 0 to 1, that an order costs its pay: who stays below their guarantee is paid that anyway."""
    return max(0.0, min(1.0, 0.5 + PACE * (driver.paid_share - driver.shift_share)))


def _worth_of_places(problem: Problem) -> dict[int, float]:
    """Each driver's share in being near to demand, on average 1: whom it would cost most to send away."""
    drivers = problem.drivers
    worth = {driver.id: 0.0 for driver in drivers}
    soon = [exp(-max(0.0, driver.free_min - problem.now_min) / SOON_MIN) for driver in drivers]
    rows = [(problem.travel_min[driver.place], s) for driver, s in zip(drivers, soon, strict=True)]
    for restaurant, demand in problem.demand.items():
        near = [exp(row[restaurant] / -NEAR_MIN) * s for row, s in rows]
        share = (demand + UNKNOWN_DEMAND) / (LONELY + sum(near))
        for driver, k in zip(drivers, near, strict=True):
            worth[driver.id] += share * k
    mean = sum(worth.values()) / max(1, len(worth))
    return {driver: value / mean for driver, value in worth.items()} if mean > 0 else worth
