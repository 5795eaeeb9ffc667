"""Positions on the globe and the distances between them."""

from math import asin, cos, radians, sin, sqrt
from typing import Annotated

import msgspec

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the WGS84 ellipsoid."""

type Latitude = Annotated[float, msgspec.Meta(ge=-85.0, le=85.0)]
type Longitude = Annotated[float, msgspec.Meta(ge=-180.0, le=180.0)]


class Position(msgspec.Struct, frozen=True):
    """A WGS84 point in degrees. Latitude ends at 85° as in Web Mercator and in Valkey's geo sets."""

    lat: Latitude
    lon: Longitude


def distance_m(a: Position, b: Position) -> float:
    """Great-circle distance in metres (haversine)."""
    lat_a, lat_b = radians(a.lat), radians(b.lat)
    half = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin(radians(b.lon - a.lon) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half)))
