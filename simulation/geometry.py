"""The simulated city is a plane in metres; people outside see WGS84 degrees."""

from math import cos, degrees, hypot, radians
from typing import NamedTuple

EARTH_RADIUS_M = 6_371_008.8


class Point(NamedTuple):
    """Metres east (`x_m`) and north (`y_m`) of the plane's anchor."""

    x_m: float
    y_m: float

    def distance_m(self, other: "Point") -> float:
        """Straight-line metres."""
        return hypot(other.x_m - self.x_m, other.y_m - self.y_m)

    def towards(self, other: "Point", share: float) -> "Point":
        """The point after `share` (0..1) of the way to `other`."""
        return Point(self.x_m + (other.x_m - self.x_m) * share, self.y_m + (other.y_m - self.y_m) * share)


class Degrees(NamedTuple):
    """A WGS84 point."""

    lat: float
    lon: float


class LocalPlane(NamedTuple):
    """The tangent plane at an anchor; within 20 km its distances are right to a few parts in a thousand."""

    anchor: Degrees

    def to_degrees(self, point: Point) -> Degrees:
        """Map metres around the anchor to WGS84."""
        lat = self.anchor.lat + degrees(point.y_m / EARTH_RADIUS_M)
        lon = self.anchor.lon + degrees(point.x_m / (EARTH_RADIUS_M * cos(radians(self.anchor.lat))))
        return Degrees(lat, lon)

    def to_metres(self, position: Degrees) -> Point:
        """Map WGS84 to metres around the anchor: the inverse of `to_degrees`."""
        return Point(
            radians(position.lon - self.anchor.lon) * EARTH_RADIUS_M * cos(radians(self.anchor.lat)),
            radians(position.lat - self.anchor.lat) * EARTH_RADIUS_M,
        )
