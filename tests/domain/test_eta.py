from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.eta import ASSUMED_APPROACH_M, EtaFacts, estimate, traffic_multiplier, travel_seconds
from domain.region import Travel

LISBON, NEW_YORK = "Europe/Lisbon", "America/New_York"
QUIET = datetime(2026, 1, 14, 15, 0, tzinfo=UTC)
"""A winter afternoon between the rush hours, in Lisbon."""
STEADY = Travel(speed_mps=5.0, detour_factor=1.0)
metres = st.floats(min_value=0, max_value=20_000)
seconds = st.floats(min_value=0, max_value=7_200)


def facts(**changes: Any) -> EtaFacts:
    usual: dict[str, Any] = {
        "at": QUIET,
        "timezone": LISBON,
        "travel": STEADY,
        "driver_to_restaurant_m": 1_000.0,
        "restaurant_to_customer_m": 2_000.0,
        "preparation_left_seconds": 600.0,
    }
    return EtaFacts(**(usual | changes))


def test_waits_for_the_kitchen_when_it_takes_longer_than_the_drive() -> None:
    eta = estimate(facts())
    assert eta.breakdown.to_restaurant_seconds == 200
    assert eta.breakdown.preparation_seconds == 600
    assert eta.breakdown.to_customer_seconds == 400
    assert eta.total_seconds == 600 + 400 + 180 + 120


def test_waits_for_the_driver_when_the_drive_takes_longer_than_the_kitchen() -> None:
    assert estimate(facts(driver_to_restaurant_m=5_000.0)).total_seconds == 1_000 + 400 + 180 + 120


@given(metres, metres, seconds)
def test_drive_and_preparation_run_side_by_side(approach_m: float, way_m: float, left_seconds: float) -> None:
    eta = estimate(
        facts(driver_to_restaurant_m=approach_m, restaurant_to_customer_m=way_m, preparation_left_seconds=left_seconds)
    )
    parts = eta.breakdown
    assert eta.total_seconds == parts.total_seconds
    assert eta.total_seconds == pytest.approx(max(approach_m / 5, left_seconds) + way_m / 5 + 300)
    assert 0 < eta.confidence < 1


@given(metres, metres, seconds)
def test_once_picked_up_only_the_way_to_the_customer_counts(
    approach_m: float, way_m: float, left_seconds: float
) -> None:
    eta = estimate(
        facts(
            driver_to_restaurant_m=approach_m,
            restaurant_to_customer_m=way_m,
            preparation_left_seconds=left_seconds,
            picked_up=True,
        )
    )
    assert eta.breakdown.to_restaurant_seconds == eta.breakdown.preparation_seconds == 0
    assert eta.breakdown.pickup_buffer_seconds == 0
    assert eta.total_seconds == pytest.approx(way_m / 5 + 120)


def test_without_a_driver_a_usual_approach_is_assumed() -> None:
    eta = estimate(facts(driver_to_restaurant_m=None, preparation_left_seconds=0.0))
    assert eta.breakdown.to_restaurant_seconds == ASSUMED_APPROACH_M / 5


def test_a_kitchen_behind_its_time_does_not_shorten_the_estimate() -> None:
    late = estimate(facts(driver_to_restaurant_m=0.0, preparation_left_seconds=-300.0))
    assert late.breakdown.preparation_seconds == 0
    assert late.total_seconds == 400 + 300


@pytest.mark.parametrize(
    ("hour", "minute", "multiplier"),
    [
        (6, 59, 1.0),
        (7, 0, 1.5),
        (8, 59, 1.5),
        (9, 0, 1.0),
        (10, 59, 1.0),
        (11, 0, 1.3),
        (12, 59, 1.3),
        (13, 0, 1.0),
        (16, 59, 1.0),
        (17, 0, 1.5),
        (18, 59, 1.5),
        (19, 0, 1.0),
        (0, 0, 1.0),
    ],
)
def test_rush_hours_begin_and_end_on_the_minute(hour: int, minute: int, multiplier: float) -> None:
    at = datetime(2026, 1, 14, hour, minute, tzinfo=UTC)
    assert traffic_multiplier(at, LISBON) == multiplier


def test_rush_hours_are_local() -> None:
    at = datetime(2026, 1, 14, 12, 30, tzinfo=UTC)
    assert traffic_multiplier(at, LISBON) == 1.3
    assert traffic_multiplier(at, NEW_YORK) == 1.5


def test_rush_hours_follow_summer_time() -> None:
    winter, summer = datetime(2026, 3, 28, 6, 30, tzinfo=UTC), datetime(2026, 3, 29, 6, 30, tzinfo=UTC)
    assert traffic_multiplier(winter, LISBON) == 1.0
    assert traffic_multiplier(summer, LISBON) == 1.5


def test_both_passages_of_the_repeated_hour_are_the_same_hour() -> None:
    # New York, 1 November 2026: 1:30 comes twice, at 5:30 and at 6:30 UTC; 7:00 comes at 12:00 UTC.
    for utc_hour in (5, 6):
        assert traffic_multiplier(datetime(2026, 11, 1, utc_hour, 30, tzinfo=UTC), NEW_YORK) == 1.0
    assert traffic_multiplier(datetime(2026, 11, 1, 11, 59, tzinfo=UTC), NEW_YORK) == 1.0
    assert traffic_multiplier(datetime(2026, 11, 1, 12, 0, tzinfo=UTC), NEW_YORK) == 1.5


def test_traffic_slows_the_ways_and_not_the_kitchen() -> None:
    rush = estimate(facts(at=QUIET + timedelta(hours=2)))
    assert rush.breakdown.traffic_multiplier == 1.5
    assert rush.breakdown.to_restaurant_seconds == 300
    assert rush.breakdown.to_customer_seconds == 600
    assert rush.breakdown.preparation_seconds == 600


def test_roads_are_longer_than_the_crow_flies() -> None:
    assert travel_seconds(1_200.0, Travel(speed_mps=6.0, detour_factor=1.3), QUIET, LISBON) == pytest.approx(260)


def test_an_estimate_is_surer_the_further_the_order_and_the_nearer_the_end() -> None:
    searching = estimate(facts(driver_to_restaurant_m=None)).confidence
    assigned = estimate(facts()).confidence
    picked_up = estimate(facts(picked_up=True)).confidence
    assert searching < assigned < picked_up
    assert estimate(facts(preparation_left_seconds=3_600.0)).confidence < assigned


@given(metres, seconds, st.booleans())
def test_confidence_lies_between_none_and_full(way_m: float, left_seconds: float, picked_up: bool) -> None:  # noqa: FBT001
    eta = estimate(
        facts(restaurant_to_customer_m=way_m, preparation_left_seconds=left_seconds * 10, picked_up=picked_up)
    )
    assert 0.3 <= eta.confidence <= 0.95
