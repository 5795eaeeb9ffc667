"""How the matching benchmark counts."""

from typing import Any
from uuid import UUID

from application.ids import new_id
from benchmarks.matching import Matched, matched
from benchmarks.matching_load import Result
from domain.region import PORTO

START = 1_000.0
SETTLE = PORTO.dispatch.settle_seconds
EARLY, FAST, SLOW, NEVER = (new_id() for _ in range(4))


def way(confirmed: float, *, searched: float, offered: float) -> Matched:
    due = START + confirmed + SETTLE
    return Matched(START + confirmed, due + searched, due + offered)


LOG: dict[UUID, Matched] = {
    EARLY: way(1, searched=0.5, offered=0.6),
    FAST: way(6, searched=0.010, offered=0.015),
    SLOW: way(9, searched=0.030, offered=0.050),
    NEVER: Matched(START + 9),
}


def heard(order_id: UUID, seconds: float) -> dict[UUID, float]:
    return {order_id: LOG[order_id].confirmed + SETTLE + seconds}


def found() -> dict[str, Any]:
    one = Result(confirmed={EARLY: START, FAST: START}, heard=heard(EARLY, 0.9), offers=2, lags=[0.001])
    # An offer is heard by whichever process its driver belongs to.
    other = Result(
        confirmed={SLOW: START, NEVER: START}, heard=heard(FAST, 0.020) | heard(SLOW, 0.070), errors=["no"], repeats=3
    )
    return matched([one, other], LOG, START, 20, PORTO)


def test_times_count_from_when_the_search_was_due_and_from_the_confirmation() -> None:
    assert (found()["p50_ms"], found()["p99_ms"]) == (20, 70)
    assert (found()["confirmed_p50_ms"], found()["confirmed_p99_ms"]) == (1_020, 1_070)


def test_the_warm_up_counts_in_numbers_only() -> None:
    assert (found()["orders"], found()["offered"], found()["unmatched"]) == (4, 3, 1)
    assert found()["orders_per_s"] == 0.2, "three orders in the seconds 5 to 20"


def test_stages_add_up() -> None:
    stages = found()["stages"]
    assert [stages[f"{stage}_p99_ms"] for stage in ("searching", "offering", "telling")] == [30, 20, 20]


def test_faults_and_lags_of_all_processes_are_told() -> None:
    assert (found()["errors"], found()["repeats"], found()["offers"], found()["load_lag_p99_ms"]) == (1, 3, 2, 1)
