from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.region import PORTO, Dispatch
from domain.scoring import MILE_M, PROFILES, Candidate, proximity, rating_of, seven_factor, weighted

NEUTRAL = {
    "distance": 0.0,
    "load": 0.0,
    "rating": 0.0,
    "experience": 0.0,
    "earnings_goal": 0.0,
    "route_efficiency": 0.0,
    "timing": 0.0,
}


def candidate(**changes: Any) -> Candidate:
    """One whom no factor gives or takes anything."""
    neutral: dict[str, Any] = {
        "driver_id": UUID(int=1),
        "distance_m": 10_000.0,
        "travel_seconds": 0.0,
        "active_orders": 0,
        "rating": 0.0,
        "deliveries": 0,
        "deliveries_today": 0,
        "earnings_goal": 0,
        "acceptance_rate": 0.0,
        "route_efficiency": 0.0,
    }
    return Candidate(**(neutral | changes))


@pytest.mark.parametrize(
    ("changes", "factor", "points"),
    [
        ({"distance_m": 0.0}, "distance", 100.0),
        ({"distance_m": 2_500.0}, "distance", 75.0),
        ({"distance_m": 12_000.0}, "distance", 0.0),
        ({"active_orders": 1}, "load", -15.0),
        ({"active_orders": 2}, "load", -30.0),
        ({"rating": 4.6}, "rating", 23.0),
        ({"deliveries": 85}, "experience", 8.5),
        ({"deliveries": 200}, "experience", 20.0),
        ({"deliveries": 5_000}, "experience", 20.0),
        ({"deliveries_today": 19, "earnings_goal": 20}, "earnings_goal", 10.0),
        ({"deliveries_today": 20, "earnings_goal": 20}, "earnings_goal", 0.0),
        ({"route_efficiency": 0.8}, "route_efficiency", 0.0),
        ({"travel_seconds": 300.0}, "timing", 0.0),
        ({"travel_seconds": 300.1}, "timing", -20.0),
    ],
)
def test_each_factor_alone(changes: dict[str, Any], factor: str, points: float) -> None:
    score = seven_factor(candidate(**changes), preparation_left_seconds=300.0)
    assert score.factors == NEUTRAL | {factor: pytest.approx(points)}
    assert score.total == pytest.approx(points)


def test_route_efficiency_counts_for_who_carries_an_order() -> None:
    score = seven_factor(candidate(active_orders=1, route_efficiency=0.8), preparation_left_seconds=300.0)
    assert score.factors == NEUTRAL | {"load": -15.0, "route_efficiency": 16.0}


def test_all_factors_together() -> None:
    score = seven_factor(
        candidate(
            distance_m=1_500.0,
            travel_seconds=900.0,
            active_orders=1,
            rating=4.8,
            deliveries=120,
            deliveries_today=3,
            earnings_goal=10,
            route_efficiency=0.75,
        ),
        preparation_left_seconds=600.0,
    )
    assert score.total == pytest.approx(85 - 15 + 24 + 12 + 10 + 15 - 20)
    assert score.profile == "seven_factor"


candidates = st.builds(
    Candidate,
    driver_id=st.uuids(),
    distance_m=st.floats(min_value=0, max_value=50_000),
    travel_seconds=st.floats(min_value=0, max_value=7_200),
    active_orders=st.integers(min_value=0, max_value=10),
    rating=st.floats(min_value=0, max_value=5),
    deliveries=st.integers(min_value=0, max_value=100_000),
    deliveries_today=st.integers(min_value=0, max_value=100),
    earnings_goal=st.integers(min_value=0, max_value=100),
    acceptance_rate=st.floats(min_value=0, max_value=1),
    route_efficiency=st.floats(min_value=0, max_value=1),
)


@given(candidates, st.floats(min_value=0, max_value=7_200))
def test_the_total_is_the_sum_of_what_is_shown(someone: Candidate, left_seconds: float) -> None:
    score = seven_factor(someone, preparation_left_seconds=left_seconds)
    assert set(score.factors) == set(NEUTRAL)
    assert score.total == pytest.approx(sum(score.factors.values()))
    assert score.total <= 100 + 25 + 20 + 10 + 20


def test_a_rating_begins_with_five_times_five_stars() -> None:
    assert rating_of(0, 0) == 5.0
    assert rating_of(1, 1) == pytest.approx(26 / 6)
    assert rating_of(1_000, 1_000) == pytest.approx(1.02, abs=0.01), "in the end it is what customers say"


def test_the_regions_profile_is_known() -> None:
    assert PORTO.dispatch.profile in PROFILES


@pytest.mark.parametrize(
    ("changes", "factor", "points"),
    [
        ({"distance_m": 0.0}, "distance", 0.40),
        ({"distance_m": 2_500.0}, "distance", 0.20),
        ({"distance_m": 5_000.0}, "distance", 0.0),
        ({"distance_m": 9_000.0}, "distance", 0.0),
        ({"rating": 4.0}, "rating", 0.20),
        ({"acceptance_rate": 0.9}, "acceptance", 0.18),
        ({"active_orders": 0}, "load", 0.15),
        ({"active_orders": 1}, "load", 0.10),
        ({"active_orders": 4}, "load", 0.0),
    ],
)
def test_weighted_factors(changes: dict[str, Any], factor: str, points: float) -> None:
    score = weighted(candidate(**changes), preparation_left_seconds=0.0)
    assert score.factors[factor] == pytest.approx(points)


@pytest.mark.parametrize(("miles", "points"), [(0.0, 5.0), (0.5, 5.0), (0.85, 4.5), (1.2, 4.0), (4.0, 0.0), (9.0, 0.0)])
def test_proximity_falls_from_half_a_mile_on(miles: float, points: float) -> None:
    score = proximity(candidate(distance_m=miles * MILE_M), preparation_left_seconds=0.0)
    assert score.factors == {"distance": pytest.approx(points), "rating": 0.0, "acceptance": 0.0}


def test_proximity_weighs_rating_and_acceptance() -> None:
    score = proximity(candidate(rating=5.0, acceptance_rate=0.5), preparation_left_seconds=0.0)
    assert score.factors == {"distance": 0.0, "rating": pytest.approx(3.0), "acceptance": pytest.approx(1.0)}


drivers = st.builds(
    candidate,
    distance_m=st.floats(0.0, 30_000.0),
    travel_seconds=st.floats(0.0, 7_200.0),
    active_orders=st.integers(0, 3),
    rating=st.floats(0.0, 5.0),
    deliveries=st.integers(0, 10_000),
    acceptance_rate=st.floats(0.0, 1.0),
    route_efficiency=st.floats(0.0, 1.0),
)


@pytest.mark.parametrize(("profile", "best"), [("weighted", 1.0), ("proximity", 10.0)])
@given(driver=drivers, nearer_by=st.floats(0.0, 30_000.0))
def test_no_profile_prefers_the_farther_of_two_alike(
    profile: str, best: float, driver: Candidate, nearer_by: float
) -> None:
    score = PROFILES[profile]
    nearer = replace(driver, distance_m=max(0.0, driver.distance_m - nearer_by))
    told = score(driver, preparation_left_seconds=0.0)
    assert 0.0 <= told.total <= best + 1e-9
    assert told.total == pytest.approx(sum(told.factors.values()))
    assert score(nearer, preparation_left_seconds=0.0).total >= told.total


def test_a_region_names_a_profile_that_exists() -> None:
    assert {Dispatch(profile=name).profile for name in PROFILES} == {"seven_factor", "weighted", "proximity"}
    with pytest.raises(ValueError, match="unknown scoring profile 'nearest': use one of seven_factor, weighted"):
        Dispatch(profile="nearest")
