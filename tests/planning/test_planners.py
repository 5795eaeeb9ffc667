"""Plans for a small city of our own: places 0 and 1 are restaurants ten minutes apart."""

from math import inf
from random import Random

import pytest

from planning import greedy, search
from planning.cost import Costs
from planning.problem import MAX_BUNDLE_ORDERS, MAX_BUNDLES, Driver, Order, Plan, Planner, Problem

PLANNERS = (search.plan, greedy.plan)
TRAVEL = [[abs(a - b) for b in range(60)] for a in range(60)]


def problem(orders: list[Order], drivers: list[Driver], now_min: float = 10) -> Problem:
    return Problem(
        now_min=now_min,
        orders=orders,
        drivers=drivers,
        travel_min=TRAVEL,
        pickup_service_min=4,
        dropoff_service_min=4,
        demand={0: 1.0, 10: 2.0},
    )


def driver(number: int, place: int, *, off_min: float = 500, locked: frozenset[int] = frozenset()) -> Driver:
    return Driver(id=number, place=place, free_min=10, off_min=off_min, locked=locked, heading=bool(locked))


def city(seed: int) -> Problem:
    random = Random(seed)  # noqa: S311 - no secret
    orders = [Order(n, 0, random.randint(0, 30), random.choice((0, 10, 20)), random.randint(0, 59)) for n in range(20)]
    return problem(orders, [driver(n, random.randint(0, 59)) for n in range(6)])


def planned(plan: Plan) -> list[int]:
    return sorted(order.id for route in plan.values() for bundle in route for order in bundle)


@pytest.mark.parametrize("planner", PLANNERS)
@pytest.mark.parametrize("seed", range(5))
def test_no_order_is_planned_twice_and_every_bundle_is_of_one_restaurant(planner: Planner, seed: int) -> None:
    plan = planner(city(seed), {}, seed)

    assert len(planned(plan)) == len(set(planned(plan))) > 0
    for route in plan.values():
        assert len(route) <= MAX_BUNDLES
        assert all(len(bundle) <= MAX_BUNDLE_ORDERS for bundle in route)
        assert all(len({order.restaurant for order in bundle}) == 1 for bundle in route)


@pytest.mark.parametrize("planner", PLANNERS)
def test_the_same_problem_and_seed_give_the_same_plan(planner: Planner) -> None:
    day = city(1)
    assert planner(day, {}, 7) == planner(day, {}, 7)


def test_planning_costs_less_than_greedy() -> None:
    for seed in range(5):
        day = city(seed)
        costs, plan = Costs(day), search.plan(day, {}, seed)
        baseline = greedy.plan(day, {}, seed)
        assert total(day, costs, plan) < total(day, costs, baseline)


def total(day: Problem, costs: Costs, plan: Plan) -> float:
    routes = sum(costs.route(driver, plan.get(driver.id, ())) for driver in day.drivers)
    return routes + 300 * (len(day.orders) - len(planned(plan)))


def test_two_orders_of_a_restaurant_go_together() -> None:
    orders = [Order(1, 0, 12, 0, 5), Order(2, 0, 12, 0, 6)]
    assert {
        len(bundle) for route in search.plan(problem(orders, [driver(1, 0)]), {}, 0).values() for bundle in route
    } == {2}


@pytest.mark.parametrize("planner", PLANNERS)
def test_nobody_is_asked_to_pick_up_after_their_shift(planner: Planner) -> None:
    day = problem([Order(1, 0, 5, 10, 12)], [driver(1, 0, off_min=21)])
    assert planner(day, {}, 0) == {}
    assert Costs(day).route(day.drivers[0], ((day.orders[0],),)) == inf


def test_an_order_somebody_is_under_way_for_stays_first_with_them() -> None:
    under_way = Order(1, 0, 30, 0, 59)
    orders = [under_way, *(Order(n, 0, 5, 10, 12) for n in range(2, 6))]
    day = problem(orders, [driver(1, 0, locked=frozenset({1})), driver(2, 10)])
    for seed in range(10):
        assert under_way in search.plan(day, {1: ((under_way,),)}, seed)[1][0]


def test_without_drivers_or_orders_there_is_no_plan() -> None:
    assert search.plan(problem([], [driver(1, 0)]), {}, 0) == {}
    assert search.plan(problem([Order(1, 0, 5, 0, 3)], []), {}, 0) == {}
