"""What of a plan is done now: offers go out as late as the food allows: a better match may replace an early one."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from planning.problem import Driver, Order, Plan, Problem


class Step(NamedTuple):
    """One order of a plan: when its driver should be asked, and when it would be picked up. Minutes."""

    driver: Driver
    order: Order
    offer_min: float
    """When the driver is asked: not before free."""
    needed_min: float
    """When a driver standing there would have to be asked, for the food not to wait."""
    pickup_min: float
    next: bool
    """Of the driver's next stop; later ones are only foreseen."""


def steps(problem: Problem, plan: Plan, lead_min: float) -> Iterator[Step]:
    """Walk over everything in a plan that was not promised to its driver yet."""
    for driver in problem.drivers:
        at, free_min = driver.place, driver.free_min
        for number, bundle in enumerate(plan.get(driver.id, ())):
            arrival_min = free_min + problem.travel_min[at][bundle[0].restaurant] + problem.pickup_service_min / 2
            ready_min = max(order.ready_min for order in bundle)
            pickup_min = max(arrival_min, ready_min)
            if driver.heading and number == 0:
                # One more from where the driver goes anyway: asked in time, for nobody waits there longer than needed.
                waits_min = max(order.ready_min for order in bundle if order.id in driver.locked)
                needed_min = offer_min = max(free_min, waits_min) - 2 * lead_min
            else:
                needed_min = ready_min - (arrival_min - free_min) - lead_min
                offer_min = max(needed_min, free_min - lead_min)
            for order in bundle:
                if order.id not in driver.locked:
                    yield Step(driver, order, offer_min, needed_min, pickup_min, next=number == 0)
            at, free_min = bundle[-1].place, _free_after(problem, bundle, pickup_min)


def moment(at_min: float) -> datetime:
    """A plan's minute as business time."""
    return datetime.fromtimestamp(at_min * 60.0, UTC)


def _free_after(problem: Problem, bundle: tuple[Order, ...], pickup_min: float) -> float:
    at, now = bundle[0].restaurant, pickup_min + problem.pickup_service_min / 2
    for order in bundle:
        now += problem.travel_min[at][order.place] + problem.dropoff_service_min
        at = order.place
    return now
