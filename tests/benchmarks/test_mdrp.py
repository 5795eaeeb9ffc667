"""A small day of our own, played; and a checker that catches every way of breaking the rules."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from benchmarks import mdrp
from benchmarks.mdrp_check import violations
from benchmarks.mdrp_day import BrokenPlan, Move, Pay, Played, Trip, play
from planning import greedy, search
from planning.problem import Order, Plan, Planner, Problem
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


def test_a_sealed_day_gives_nobody_more_under_way_and_an_open_one_does() -> None:
    opened, sealed = (play(small_day(), PAY, search.plan, sealed=sealed) for sealed in (False, True))
    assert violations(small_day(), sealed, sealed=True) == []
    assert any("given more under way" in what for what in violations(small_day(), opened, sealed=True))


def broken_planners() -> dict[str, Planner]:
    """Planners who ask for what cannot be, each by what it is told."""

    def twice(problem: Problem, previous: Plan, seed: int) -> Plan:  # noqa: ARG001 - a planner's signature
        return {driver.id: ((problem.orders[0],),) for driver in problem.drivers[:2]}

    def stale(problem: Problem, previous: Plan, seed: int) -> Plan:
        seen.extend(order for order in problem.orders if order not in seen)
        gone = [order for order in seen if order not in problem.orders]
        return {problem.drivers[0].id: ((gone[0],),)} if gone else greedy.plan(problem, previous, seed)

    def fickle(problem: Problem, previous: Plan, seed: int) -> Plan:
        if any(driver.heading for driver in problem.drivers):
            return {}
        return greedy.plan(problem, previous, seed)

    seen: list[Order] = []
    return {"planned twice": twice, "is not open": stale, "under way for it": fickle}


@pytest.mark.parametrize(("what", "planner"), broken_planners().items())
def test_a_plan_that_cannot_be_followed_is_refused(what: str, planner: Planner) -> None:
    with pytest.raises(BrokenPlan, match=what):
        play(small_day(), PAY, planner)


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
TRIP = Trip("c1", 18, 20, ("o1",), (18,), (26,))
MOVES = [Move("c1", 18, "0", "r1"), Move("c1", 22, "r1", "o1")]


def told(trip: Trip, moves: list[Move] | None = None, instance: Instance = TINY) -> str:
    return "; ".join(violations(instance, Played([trip], MOVES if moves is None else moves)))


def test_a_right_trip_passes() -> None:
    assert told(TRIP) == ""


@pytest.mark.parametrize(
    ("trip", "what"),
    [
        (replace(TRIP, departure_min=9, decided_min=(10,)), "leaves before anything is decided"),
        (replace(TRIP, departure_min=9, decided_min=(9,)), "o1 is decided at 9, before it is placed"),
        (replace(TRIP, departure_min=17), "leaves before anything is decided"),
        (replace(TRIP, decided_min=(19,)), "o1 is decided at 19, after arriving"),
        (replace(TRIP, pickup_min=19), "picks up at 19, not at 20"),
        (replace(TRIP, pickup_min=21), "picks up at 21, not at 20"),
        (replace(TRIP, dropoffs_min=(25,)), "o1 is dropped off at 25, not at 26"),  # 301 m are two minutes
        (replace(TRIP, orders=("o1", "o2"), decided_min=(18, 18), dropoffs_min=(26, 32)), "several restaurants"),
        (replace(TRIP, orders=("o1", "o1"), decided_min=(18, 18), dropoffs_min=(26, 30)), "delivered 2 times"),
        (replace(TRIP, orders=(), decided_min=(), dropoffs_min=()), "not one decision and drop-off an order"),
        (replace(TRIP, dropoffs_min=(26, 30)), "not one decision and drop-off an order"),
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
    second = Trip("c1", 27, 31, ("o2",), (27,), (37,))
    assert "leaves before 28" in "; ".join(violations(TINY, Played([TRIP, second], MOVES)))


def test_the_checker_catches_an_order_that_is_taken_along_before_it_is_placed() -> None:
    later = replace(TINY, orders=(TINY.orders[0], InstanceOrder("o2", Point(301, 0), 19, "r1", 19)), couriers=FAR)
    moves = [Move("c1", 18, "0", "r1"), Move("c1", 22, "r1", "o1"), Move("c1", 28, "o1", "o2")]
    both = Trip("c1", 18, 20, ("o1", "o2"), (18, 18), (26, 30))
    assert "o2 is decided at 18, before it is placed" in told(both, moves, later)
    assert "o2 is decided at 19, after arriving" in told(replace(both, decided_min=(18, 19)), moves, later)


FAR = (InstanceCourier("c1", Point(0, 0), 0, 100),)


def test_the_checker_catches_who_is_given_more_under_way_on_a_sealed_day() -> None:
    start = InstanceCourier("c1", Point(0, 900), 0, 100)
    orders = (TINY.orders[0], InstanceOrder("o2", Point(301, 0), 16, "r1", 19))
    day = replace(TINY, orders=orders, couriers=(start,))
    moves = [Move("c1", 15, "0", "r1"), Move("c1", 22, "r1", "o1"), Move("c1", 28, "o1", "o2")]
    both = Trip("c1", 15, 20, ("o1", "o2"), (15, 16), (26, 30))
    assert violations(day, Played([both], moves)) == []
    assert violations(day, Played([both], moves), sealed=True) == ["courier c1 at 15: is given more under way"]


def test_the_checker_catches_moves_that_no_order_asks_for() -> None:
    assert "moves otherwise" in told(TRIP, [*MOVES, Move("c1", 40, "o1", "r2")])
    assert "c9 is unknown" in told(TRIP, [*MOVES, Move("c9", 40, "0", "r2")])


def test_a_solution_is_written_for_other_evaluators(tmp_path: Path) -> None:
    mdrp.write(TINY, Played([TRIP], MOVES), tmp_path)
    written = {path.name: path.read_text().splitlines()[1:] for path in tmp_path.iterdir()}
    assert written == {
        "solution_info_assignments.txt": ["18 20 c1 o1"],
        "solution_info_orders.txt": ["o1 10 20 20 26 c1"],
        "solution_info_couriers.txt": ["c1 18 0 r1", "c1 22 r1 o1"],
    }


PARAMETERS = (
    "meters_per_minute\tpickup service minutes\tdropoff service minutes\tpay per order\tguaranteed pay per hour"
)
FILES = {
    "orders.txt": "order\tx\ty\tplacement_time\trestaurant\tready_time\no1\t301\t0\t10\tr1\t20\n",
    "couriers.txt": "courier\tx\ty\ton_time\toff_time\nc1\t0\t0\t0\t100\n",
    "restaurants.txt": "restaurant\tx\ty\nr1\t0\t0\n",
    "instance_parameters.txt": f"{PARAMETERS}\n300\t4\t4\t10\t15\n",
}


def run(data: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.mdrp", "--data", str(data), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - ours


def write_instance(folder: Path, **other: str) -> None:
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(other.get(name.removesuffix(".txt"), text))


def test_the_command_prints_its_progress_and_one_json_object(tmp_path: Path) -> None:
    write_instance(tmp_path / "data" / "tiny")
    done = run(tmp_path / "data", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "tiny planner: ctd 16.00" in done.stderr
    printed = json.loads(done.stdout)
    measures = {
        "orders": 1,
        "undelivered_pct": 0,
        "ctd_mean": 16,
        "ctd_p90": 16,
        "rtp_mean": 0,
        "cost_per_order": 25,
        "utilisation": 0.1,
    }
    assert printed.pop("greedy").keys() == {*measures, "ms_per_decision"}
    assert printed.pop("ms_per_decision") > 0
    assert printed == {"instances": 1, "cores": os.cpu_count(), **measures}
    assert (tmp_path / "out" / "tiny" / "solution_info_orders.txt").exists()


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"orders": ""}, "orders.txt"),
        ({"couriers": "courier\tx\ty\ton_time\toff_time\nc1\t0\tnorth\t0\t100\n"}, "y must be a number"),
        ({"instance_parameters": f"{PARAMETERS}\n300\t4\t4\tten\t15\n"}, "pay per order"),
        ({"instance_parameters": "meters_per_minute\n300\n"}, "instance_parameters.txt"),
    ],
)
def test_a_broken_file_is_named_before_anything_is_played(tmp_path: Path, other: dict[str, str], what: str) -> None:
    write_instance(tmp_path / "tiny", **other)
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert what in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_missing_or_holds_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, what in (("missing", "is not a folder"), ("empty", "holds no instance")):
        done = run(tmp_path / folder)
        assert (done.returncode, done.stdout) == (2, "")
        assert what in done.stderr
        assert "Traceback" not in done.stderr


def test_a_missing_file_of_an_instance_is_named(tmp_path: Path) -> None:
    write_instance(tmp_path / "tiny")
    (tmp_path / "tiny" / "orders.txt").unlink()
    done = run(tmp_path)
    assert done.returncode == 2
    assert "orders.txt" in done.stderr
