"""Which driver to ask first, and why: every factor's points are kept, so that support can answer for the choice."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

MILE_M = 1_609.344
NEAR_M, FAIRLY_NEAR_M = 0.5 * MILE_M, 1.2 * MILE_M


FIRST_RATING = 5.0
WEIGHT_OF_FIRST = 5
"""A driver begins with as many ratings of five stars, so that one bad day among the first is no verdict."""


def rating_of(stars: int, ratings: int) -> float:
    """Mean of the stars that customers gave, those that a driver begins with included: 0 to 5."""
    return (FIRST_RATING * WEIGHT_OF_FIRST + stars) / (WEIGHT_OF_FIRST + ratings)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A driver who could be asked, as matching knows him."""

    driver_id: UUID
    distance_m: float
    """To the restaurant."""
    travel_seconds: float
    """To the restaurant, in the traffic of now."""
    active_orders: int
    rating: float
    """0 to 5."""
    deliveries: int
    """Ever."""
    deliveries_today: int
    earnings_goal: int
    """Deliveries a day."""
    acceptance_rate: float
    """Offers accepted of offers made, 0 to 1."""
    route_efficiency: float = 0.0
    """How well the order lies on the way of those carried, 0 to 1; counts only when some are."""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Why this driver: the profile's total and the points each factor added or took."""

    profile: str
    total: float
    factors: dict[str, float]


class PassedOver(StrEnum):
    """Why another candidate was not asked."""

    OUTSCORED = "outscored"
    """Somebody had more points, or as many and was nearer."""
    TAKEN = "taken"
    """Had more points, but was held for another order in that moment."""
    PLANNED_OTHERWISE = "planned_otherwise"
    """A plan for all open orders and drivers had better use for them."""


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """A driver who was near enough and free and was not asked, and why."""

    driver_id: UUID
    why: PassedOver
    distance_m: float
    travel_seconds: float
    score: Score


class Profile(Protocol):
    """A way to score."""

    def __call__(self, candidate: Candidate, *, preparation_left_seconds: float) -> Score:
        """Score one candidate; the highest total is asked first."""
        ...


def seven_factor(candidate: Candidate, *, preparation_left_seconds: float) -> Score:
    """Distance, load, rating, experience, earnings goal, route efficiency and timing (intended: 40/25/15/10/10 %).

    max(0, 100 - 10 km) - 15 orders + 5 rating + min(deliveries / 10, 20) + 10 below the day's goal
    + 20 efficiency when carrying - 20 when the drive takes longer than the preparation left.
    """
    late = candidate.travel_seconds > preparation_left_seconds
    factors = {
        "distance": max(0.0, 100.0 - 10.0 * candidate.distance_m / 1000.0),
        "load": -15.0 * candidate.active_orders,
        "rating": 5.0 * candidate.rating,
        "experience": min(candidate.deliveries / 10.0, 20.0),
        "earnings_goal": 10.0 if candidate.deliveries_today < candidate.earnings_goal else 0.0,
        "route_efficiency": 20.0 * candidate.route_efficiency if candidate.active_orders else 0.0,
        "timing": -20.0 if late else 0.0,
    }
    return Score(profile="seven_factor", total=sum(factors.values()), factors=factors)


def weighted(candidate: Candidate, *, preparation_left_seconds: float) -> Score:  # noqa: ARG001 - as all profiles
    """Distance, rating, acceptance and load, each 0 to 1, weighted 40/25/20/15 %; the best total is 1.

    0.40 max(0, 1 - km / 5) + 0.25 rating / 5 + 0.20 acceptance + 0.15 max(0, 1 - orders / 3).
    """
    factors = {
        "distance": 0.40 * max(0.0, 1.0 - candidate.distance_m / 5_000.0),
        "rating": 0.25 * candidate.rating / 5.0,
        "acceptance": 0.20 * candidate.acceptance_rate,
        "load": 0.15 * max(0.0, 1.0 - candidate.active_orders / 3.0),
    }
    return Score(profile="weighted", total=sum(factors.values()), factors=factors)


def proximity(candidate: Candidate, *, preparation_left_seconds: float) -> Score:  # noqa: ARG001 - as all profiles
    """Nearness above all, then rating and acceptance, each 0 to 10, weighted 50/30/20 %; the best total is 10.

    Nearness is 10 up to half a mile, 8 at 1.2 miles, and falls on as steeply: nothing from 4 miles on.
    """
    beyond_m = max(0.0, candidate.distance_m - NEAR_M)
    factors = {
        "distance": 0.5 * max(0.0, 10.0 - 2.0 * beyond_m / (FAIRLY_NEAR_M - NEAR_M)),
        "rating": 0.3 * 2.0 * candidate.rating,
        "acceptance": 0.2 * 10.0 * candidate.acceptance_rate,
    }
    return Score(profile="proximity", total=sum(factors.values()), factors=factors)


PROFILES: Mapping[str, Profile] = {"seven_factor": seven_factor, "weighted": weighted, "proximity": proximity}
"""Ways to score; `Region.dispatch.profile` names the one in use."""
