"""When the offers of a plan go out: as late as the food allows, in time for an answer."""

from math import inf

import pytest

from application.planner.committing import Step, moment, steps
from planning.problem import Driver, Order, Problem

TRAVEL = [[float(abs(a - b)) for b in range(40)] for a in range(40)]
"""Places on a line, a minute apart."""


def problem(*drivers: Driver, orders: tuple[Order, ...]) -> Problem:
    return Problem(
        now_min=100.0,
        orders=orders,
        drivers=drivers,
        travel_min=TRAVEL,
        pickup_service_min=2.0,
        dropoff_service_min=2.0,
    )


def driver(place: int, *, free_min: float = 100.0, locked: frozenset[int] = frozenset()) -> Driver:
    return Driver(id=1, place=place, free_min=free_min, off_min=inf, locked=locked, heading=bool(locked))


def of(found: Problem, route: tuple[tuple[Order, ...], ...]) -> list[Step]:
    return list(steps(found, {1: route}, lead_min=1.0))


def test_an_idle_driver_is_asked_a_lead_before_leaving() -> None:
    order = Order(id=5, placed_min=90, ready_min=120, restaurant=10, place=15)
    (step,) = of(problem(driver(4), orders=(order,)), ((order,),))
    assert step.offer_min == 120 - 1 - 6 - 1, "ready, less half the stop, the drive, and the time to answer"
    assert step.pickup_min == 120
    assert step.next


def test_whoever_cannot_be_in_time_is_asked_at_once() -> None:
    order = Order(id=5, placed_min=90, ready_min=95, restaurant=10, place=15)
    (step,) = of(problem(driver(4), orders=(order,)), ((order,),))
    assert step.offer_min <= 100
    assert step.pickup_min == 107


def test_a_busy_driver_is_asked_just_before_being_free() -> None:
    order = Order(id=5, placed_min=90, ready_min=95, restaurant=10, place=15)
    (step,) = of(problem(driver(4, free_min=110.0), orders=(order,)), ((order,),))
    assert step.offer_min == 109
    assert step.needed_min == 95 - 1 - 6 - 1, "somebody who stood there would have been asked long ago"


def test_only_the_next_stop_is_offered_later_ones_are_foreseen() -> None:
    first = Order(id=5, placed_min=90, ready_min=95, restaurant=10, place=15)
    then = Order(id=6, placed_min=90, ready_min=95, restaurant=20, place=25)
    one, two = of(problem(driver(10), orders=(first, then)), ((first,), (then,)))
    assert (one.next, two.next) == (True, False)
    assert two.pickup_min == pytest.approx(one.pickup_min + 1 + 5 + 2 + 5 + 1), "stop, drive, stop, drive, half a stop"


def test_one_more_where_the_driver_goes_anyway_is_asked_for_before_the_pick_up() -> None:
    mine = Order(id=5, placed_min=90, ready_min=120, restaurant=10, place=15)
    more = Order(id=6, placed_min=95, ready_min=121, restaurant=10, place=16)
    found = problem(driver(10, free_min=104.0, locked=frozenset({5})), orders=(mine, more))
    (step,) = of(found, ((mine, more),))
    assert step.order is more, "what the driver has is not offered again"
    assert (step.pickup_min, step.offer_min) == (121, 118), "the first food is ready at 120"


def test_a_plans_minute_is_business_time() -> None:
    assert moment(29_000_000.5).isoformat() == "2025-02-19T21:20:30+00:00"
