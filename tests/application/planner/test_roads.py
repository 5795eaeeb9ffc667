"""Minutes between places, against the sphere."""

from random import Random

import pytest

from application.planner.roads import Roads
from domain.geo import Position, distance_m


def test_within_a_city_it_agrees_with_the_sphere() -> None:
    random = Random(5)  # noqa: S311 - no secret
    places = [
        Position(lat=41.15 + random.uniform(-0.05, 0.05), lon=-8.61 + random.uniform(-0.07, 0.07)) for _ in "1" * 40
    ]
    roads = Roads(1 / 300.0)
    numbers = [roads.place(place) for place in places]
    for a, origin in zip(numbers, places, strict=True):
        for b, target in zip(numbers, places, strict=True):
            assert roads[a][b] == pytest.approx(distance_m(origin, target) / 300.0, rel=2e-3, abs=1e-6)


def test_a_place_has_one_number() -> None:
    roads = Roads(1.0)
    first, second = Position(lat=41.1, lon=-8.6), Position(lat=41.2, lon=-8.6)
    assert [roads.place(first), roads.place(second), roads.place(first)] == [0, 1, 0]
    assert roads[0][0] == 0.0
