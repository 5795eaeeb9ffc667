"""Positions that a gateway hands on."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from api.bodies.driver import Ping
from api.types import Form, in_utc
from application.positions import Ping as DriverPing
from domain.geo import Position


class RelayedPing(Ping, frozen=True, kw_only=True):
    """A position, and whose."""

    driver_id: UUID


class GatewayPings(Form, frozen=True, kw_only=True):
    """Positions of many drivers of one region, each driver's oldest first."""

    region: Annotated[str, Meta(min_length=1, max_length=100)]
    positions: Annotated[tuple[RelayedPing, ...], Meta(min_length=1, max_length=1_000)]

    def pings(self) -> list[DriverPing]:
        """As the application takes them. Raises InvalidInput."""
        return [
            DriverPing(ping.driver_id, Position(ping.lat, ping.lon), in_utc("positions[{}].at", ping.at, i))
            for i, ping in enumerate(self.positions)
        ]
