"""A small day of our own, played; and a checker that catches every way of breaking the rules."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from benchmarks import mdrp
from benchmarks.mdrp_check import violations
from benchmarks.mdrp_day import Move, Pay, Played, Trip, play
from planning import greedy, search
from planning.problem import Plan, Planner, Problem
from simulation.geometry import Point
from simulation.mdrp import Instance, InstanceCourier, InstanceOrder

PAY = Pay(10, 15)


def small_day(seed: int = 3) -> Instance:
    random = Random(seed)  # noqa: S311 - no secret

    def somewhere() -> Point:
        return Point(random.randint(0, 5000), random.randint(0, 5000))

    orders = []
    for number in range(40):
        placed = random.randint(5, 90)
        ready = placed + random.randint(5, 20)
        orders.append(InstanceOrder(f"o{number}", somewhere(), placed, f"r{number % 4}", ready))
    return Instance(
        name="small",
        metres_per_minute=300,
        pickup_minutes=4,
        dropoff_minutes=4,
        orders=tuple(sorted(orders, key=lambda order: order.placement_min)),
        couriers=tuple(InstanceCourier(f"c{n}", somewhere(), 0, 200) for n in range(6)),
        restaurants={f"r{n}": somewhere() for n in range(4)},
    )


@pytest.mark.parametrize("planner", [search.plan, greedy.plan])
def test_a_day_is_played_within_the_rules(planner: Planner) -> None:
    played = play(small_day(), PAY, planner)
    assert violations(small_day(), played) == []
    assert mdrp.measure(small_day(), PAY, played)["undelivered_pct"] < 20


def test_a_day_is_played_the_same_twice() -> None:
    assert play(small_day(), PAY, search.plan).trips == play(small_day(), PAY, search.plan).trips


def test_planning_is_faster_than_greedy_at_the_door() -> None:
    day = small_day()
    ours, theirs = (mdrp.measure(day, PAY, play(day, PAY, planner)) for planner in (search.plan, greedy.plan))
    assert ours["ctd_mean"] < theirs["ctd_mean"]


def test_a_planner_hears_of_no_order_before_it_is_placed() -> None:
    heard: list[float] = []

    def listening(problem: Problem, previous: Plan, seed: int) -> Plan:
        heard.extend(problem.now_min - order.placed_min for order in problem.orders)
        return search.plan(problem, previous, seed)

    play(small_day(), PAY, listening)
    assert min(heard) == 0


# One courier at the first restaurant; two orders, one of each restaurant, the second 300 m (a minute) off.
TINY = Instance(
    name="tiny",
    metres_per_minute=300,
    pickup_minutes=4,
    dropoff_minutes=4,
    orders=(InstanceOrder("o1", Point(301, 0), 10, "r1", 20), InstanceOrder("o2", Point(900, 0), 12, "r2", 20)),
    couriers=(InstanceCourier("c1", Point(0, 0), 0, 100),),
    restaurants={"r1": Point(0, 0), "r2": Point(300, 0)},
)
TRIP = Trip("c1", 18, 18, 20, ("o1",), (26,))
MOVES = [Move("c1", 18, "0", "r1"), Move("c1", 22, "r1", "o1")]


def told(trip: Trip, moves: list[Move] | None = None, instance: Instance = TINY) -> str:
    return "; ".join(violations(instance, Played([trip], MOVES if moves is None else moves)))


def test_a_right_trip_passes() -> None:
    assert told(TRIP) == ""


@pytest.mark.parametrize(
    ("trip", "what"),
    [
        (replace(TRIP, departure_min=9, assigned_min=10), "leaves before any order is placed"),
        (replace(TRIP, departure_min=9, assigned_min=9), "assigned before an order is placed"),
        (replace(TRIP, assigned_min=19), "after arriving"),
        (replace(TRIP, pickup_min=19), "picks up at 19, not at 20"),
        (replace(TRIP, dropoffs_min=(25,)), "o1 is dropped off at 25, not at 26"),  # 301 m are two minutes
        (replace(TRIP, orders=("o1", "o2"), dropoffs_min=(26, 32)), "several restaurants"),
        (replace(TRIP, orders=("o1", "o1"), dropoffs_min=(26, 30)), "delivered 2 times"),
        (replace(TRIP, orders=("o9",)), "o9 is unknown"),
        (replace(TRIP, courier="c9"), "c9 is unknown"),
    ],
)
def test_the_checker_catches(trip: Trip, what: str) -> None:
    assert what in told(trip)


def test_the_checker_catches_a_pickup_after_the_shift_and_a_start_before_it() -> None:
    courier = TINY.couriers[0]
    assert "after the shift's end" in told(TRIP, instance=replace(TINY, couriers=(replace(courier, off_min=19),)))
    assert "leaves before 19" in told(TRIP, instance=replace(TINY, couriers=(replace(courier, on_min=19),)))


def test_the_checker_catches_a_departure_before_the_last_dropoff_is_done() -> None:
    second = Trip("c1", 27, 27, 31, ("o2",), (37,))
    assert "leaves before 28" in "; ".join(violations(TINY, Played([TRIP, second], MOVES)))


def test_the_checker_catches_moves_that_no_order_asks_for() -> None:
    assert "moves otherwise" in told(TRIP, [*MOVES, Move("c1", 40, "o1", "r2")])


def test_a_solution_is_written_for_other_evaluators(tmp_path: Path) -> None:
    mdrp.write(TINY, Played([TRIP], MOVES), tmp_path)
    written = {path.name: path.read_text().splitlines()[1:] for path in tmp_path.iterdir()}
    assert written == {
        "solution_info_assignments.txt": ["18 20 c1 o1"],
        "solution_info_orders.txt": ["o1 10 20 20 26 c1"],
        "solution_info_couriers.txt": ["c1 18 0 r1", "c1 22 r1 o1"],
    }
