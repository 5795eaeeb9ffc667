"""What every simulated person has in common: the plane, the time, the book."""

from dataclasses import dataclass
from random import Random

from simulation.book import Book
from simulation.clock import Timeline
from simulation.geometry import Degrees, Point
from simulation.scenario import Scenario


@dataclass(frozen=True)
class Stage:
    """One run of a scenario."""

    scenario: Scenario
    timeline: Timeline
    book: Book

    def rng(self, who: str) -> Random:
        """Draws that depend on the seed and on who draws, not on what others happen to do first."""
        return Random(f"{self.scenario.seed}:{who}")  # noqa: S311 - a game, not a secret

    def degrees(self, point: Point) -> Degrees:
        """Where on the globe a point of the plane lies."""
        return self.scenario.plane.to_degrees(point)

    def position(self, point: Point) -> dict[str, float]:
        """The same as the API takes it."""
        lat, lon = self.degrees(point)
        return {"lat": round(lat, 6), "lon": round(lon, 6)}
