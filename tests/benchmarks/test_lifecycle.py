"""How the benchmark counts."""

from benchmarks.generator import Result
from benchmarks.lifecycle import Event, lifecycles, placements
from domain.region import PORTO

START = 1_000.0


def story(order_id: str, *, confirmed: float, offered: float, completed: float | None) -> list[Event]:
    events = [
        Event(order_id, "order.placed", START + confirmed - 0.1),
        Event(order_id, "order.confirmed", START + confirmed),
        Event(order_id, "order.driver_offered", START + offered),
        Event(order_id, "order.driver_offered", START + offered + 5),
        Event(order_id, "order.driver_assigned", START + offered + 6),
    ]
    return events if completed is None else [*events, Event(order_id, "order.completed", START + completed)]


EVENTS = [
    *story("early", confirmed=0.5, offered=1.52, completed=3),
    *story("a", confirmed=6, offered=7.03, completed=9),
    *story("b", confirmed=7, offered=8.1, completed=10),
    *story("late", confirmed=19, offered=20.04, completed=25),
    *story("never", confirmed=8, offered=9.05, completed=None),
]
RESULTS = [
    Result(placed=["early", "a"], place=[0.010, 0.020], visible=[0.004], calls=[0.005]),
    Result(placed=["b", "late", "never"], place=[0.030, 0.040, 0.500], visible=[0.006], errors=["no"], repeats=2),
]


def test_what_is_not_delivered_is_lost() -> None:
    found = lifecycles(RESULTS, EVENTS, START, 20, PORTO)
    assert (found["placed"], found["lost"], found["errors"], found["repeats"]) == (5, 1, 1, 2)


def test_rates_leave_out_warm_up_and_drain() -> None:
    # a and b complete within seconds 5 to 20, "early" before and "late" after.
    assert lifecycles(RESULTS, EVENTS, START, 20, PORTO)["orders_per_s"] == round(2 / 15, 1)


def test_latencies_are_milliseconds_of_first_offers_without_settling() -> None:
    found = lifecycles(RESULTS, EVENTS, START, 20, PORTO)
    assert (found["place_p50_ms"], found["place_p99_ms"], found["visible_p99_ms"]) == (30, 500, 6)
    assert (found["match_p50_ms"], found["match_p99_ms"]) == (40, 100)


def test_placements_are_counted_a_second() -> None:
    assert placements(RESULTS, 2)["placements_per_s"] == 2.5
