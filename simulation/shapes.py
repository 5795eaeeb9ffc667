"""The parts of the API's answers that the simulated people look at; everything else in them is ignored."""

from datetime import datetime
from typing import Any

import msgspec

from simulation.geometry import Degrees, LocalPlane, Point

OVER = frozenset({"delivered", "completed", "cancelled", "rejected"})
"""Statuses in which nobody waits for the food any more."""


class Place(msgspec.Struct, frozen=True):
    """A position."""

    lat: float
    lon: float

    def on(self, plane: LocalPlane) -> Point:
        """The same place in the simulation's plane."""
        return plane.to_metres(Degrees(self.lat, self.lon))


class OrderStep(msgspec.Struct, frozen=True, kw_only=True):
    """A live stream's `order` message."""

    position: int
    order_id: str
    version: int
    topic: str
    status: str
    driver_id: str | None = None
    data: dict[str, Any] = {}


class ProjectionLag(msgspec.Struct, frozen=True):
    """A projection in the operators' view."""

    name: str
    lag: int


class Reactions(msgspec.Struct, frozen=True):
    """The reactions table in the operators' view."""

    pending: int
    dead: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """GET /v1/ops/progress."""

    orders_by_status: dict[str, int]
    offers: dict[str, int]
    drivers_on_shift: int
    silent_drivers: int
    orders_driver_silent: int
    events: int
    projections: list[ProjectionLag]
    reactions: Reactions
    queues: dict[str, int]

    @property
    def lag(self) -> int:
        """Events that the projection farthest behind has yet to see."""
        return max((projection.lag for projection in self.projections), default=0)

    @property
    def under_way(self) -> int:
        """Orders that are not over, those whose payment is still to be taken included."""
        ended = ("completed", "cancelled", "rejected")
        return sum(count for status, count in self.orders_by_status.items() if status not in ended)


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the auditor's log."""

    position: int
    topic: str
    stream_id: str
    occurred_at: datetime
    recorded_at: datetime
    data: dict[str, Any] = {}
