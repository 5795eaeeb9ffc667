"""Minutes between places, as a plan asks for them."""

from math import cos, hypot, radians

from domain.geo import EARTH_RADIUS_M, Position


class Roads(dict[int, list[float]]):
    """Travel times between numbered places; a row is worked out when it is first asked for.

    A city is flat here: over 10 km the error is below a tenth of a per cent, and the sphere costs five times as much.
    """

    def __init__(self, minutes_per_metre: float) -> None:
        """As the crow flies: detours and traffic are in the factor."""
        super().__init__()
        self._minutes_per_metre = minutes_per_metre
        self._numbers: dict[tuple[float, float], int] = {}
        self._places: list[tuple[float, float]] = []

    def place(self, position: Position) -> int:
        """Give a position its number. All are numbered before the first row is asked for."""
        number = self._numbers.setdefault((position.lat, position.lon), len(self._places))
        if number == len(self._places):
            metres_a_degree = radians(1.0) * EARTH_RADIUS_M
            first = next(iter(self._numbers))
            east = metres_a_degree * cos(radians(first[0])) * (position.lon - first[1])
            self._places.append((east, metres_a_degree * (position.lat - first[0])))
        return number

    def __missing__(self, number: int) -> list[float]:
        """Work out a row."""
        x, y = self._places[number]
        factor = self._minutes_per_metre
        row = self[number] = [factor * hypot(there_x - x, there_y - y) for there_x, there_y in self._places]
        return row
