"""The plane and the globe."""

from math import hypot

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.geo import Position, distance_m
from simulation.geometry import Degrees, LocalPlane, Point

metres = st.floats(-10_000, 10_000)


@given(metres, metres, st.floats(-60, 60), st.floats(-170, 170))
def test_there_and_back(x_m: float, y_m: float, lat: float, lon: float) -> None:
    plane = LocalPlane(Degrees(lat, lon))
    assert plane.to_metres(plane.to_degrees(Point(x_m, y_m))) == pytest.approx((x_m, y_m), abs=1e-3)


@given(metres, metres, st.floats(-60, 60), st.floats(-170, 170))
def test_distances_from_the_anchor_are_the_globes(x_m: float, y_m: float, lat: float, lon: float) -> None:
    there = LocalPlane(Degrees(lat, lon)).to_degrees(Point(x_m, y_m))
    on_the_globe = distance_m(Position(lat=lat, lon=lon), Position(lat=there.lat, lon=there.lon))
    assert on_the_globe == pytest.approx(hypot(x_m, y_m), rel=5e-3, abs=0.01)


def test_on_the_way() -> None:
    assert Point(0, 0).towards(Point(100, 200), 0.25) == Point(25, 50)
