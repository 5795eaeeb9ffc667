"""Plans for a small city of our own: places 0 and 1 are restaurants ten minutes apart."""

from dataclasses import replace
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


def driver(
    number: int, place: int, *, off_min: float = 500, locked: frozenset[int] = frozenset(), sealed: bool = False
) -> Driver:
    heading = bool(locked)
    return Driver(id=number, place=place, free_min=10, off_min=off_min, locked=locked, heading=heading, sealed=sealed)


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


@pytest.mark.parametrize(("sealed", "orders"), [(False, 2), (True, 1)])
def test_who_is_under_way_is_given_more_of_the_restaurant_unless_sealed(sealed: bool, orders: int) -> None:  # noqa: FBT001 - parametrized
    under_way, beside = Order(1, 0, 30, 0, 5), Order(2, 0, 30, 0, 6)
    day = problem([under_way, beside], [driver(1, 0, locked=frozenset({1}), sealed=sealed)])
    route = search.plan(day, {1: ((under_way,),)}, 0)[1]
    assert len(route[0]) == orders
    assert sum(map(len, route)) == 2


def test_who_is_ahead_of_their_guarantee_is_dearer() -> None:
    order = Order(1, 0, 10, 0, 5)
    behind, even, ahead = (
        Driver(id=1, place=0, free_min=10, off_min=500, paid_share=paid, shift_share=0.5) for paid in (0.1, 0.5, 0.9)
    )
    costs = [Costs(problem([order], [one])).route(one, ((order,),)) for one in (behind, even, ahead)]
    assert costs == sorted(set(costs))


class Deadline:
    """Says yes from the n-th question on."""

    def __init__(self, questions: int) -> None:
        self.left = questions
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("questions", [0, 1, 25])
def test_without_time_for_any_plan_it_is_greedy(questions: int) -> None:
    day, deadline = city(1), Deadline(questions)
    assert search.plan(day, {}, 7, expired=deadline) == greedy.plan(day, {}, 7) != {}
    assert deadline.asked == questions + 1


def test_without_time_for_a_new_plan_the_last_one_is_kept() -> None:
    day = city(1)
    last = search.plan(day, {}, 7)
    assert search.plan(day, last, 8, expired=Deadline(len(day.orders) + 1)) == last
    assert len(planned(last)) > len(planned(greedy.plan(day, {}, 7)))


def test_more_time_gives_no_worse_a_plan_and_all_of_it_the_very_plan_without_a_deadline() -> None:
    for seed in range(3):
        day = city(seed)
        costs = Costs(day)
        found = [total(day, costs, search.plan(day, {}, seed, expired=Deadline(n))) for n in (80, 200, 1000, 10**9)]
        assert found == sorted(found, reverse=True)
        assert found[0] > found[-1]
        assert search.plan(day, {}, seed, expired=Deadline(10**9)) == search.plan(day, {}, seed)


def test_once_time_is_up_nothing_more_is_asked_and_the_plan_is_whole() -> None:
    for questions in range(0, 400, 7):
        deadline = Deadline(questions)
        plan = search.plan(city(2), {}, 1, expired=deadline)
        assert deadline.asked == questions + 1
        assert len(planned(plan)) == len(set(planned(plan)))


@pytest.mark.parametrize("planner", PLANNERS)
def test_nobody_is_planned_for_what_they_refused(planner: Planner) -> None:
    order = Order(1, 0, 5, 0, 5)
    near, far = Driver(id=1, place=0, free_min=10, off_min=500, refused=frozenset({1})), driver(2, 40)
    assert planner(problem([order], [near, far]), {1: ((order,),)}, 0) == {2: ((order,),)}


@pytest.mark.parametrize("planner", PLANNERS)
def test_nobody_is_sent_further_than_the_reach(planner: Planner) -> None:
    day = replace(problem([Order(1, 0, 5, 10, 20), Order(2, 0, 5, 59, 50)], [driver(7, 0), driver(8, 1)]), reach_min=20)
    assert planned(planner(day, {}, 0)) == [1]
    assert planned(planner(replace(day, reach_min=59), {}, 0)) == [1, 2]
