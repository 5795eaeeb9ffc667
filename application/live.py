"""Live streams: one Valkey subscription per process, handed on to many bounded readers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from domain.geo import Position


class OrderMessage(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """An event of an order, as customers, restaurants and drivers may see it; `version` is the sequence."""

    position: int
    order_id: UUID
    version: int
    topic: str
    occurred_at: datetime
    status: str
    dispatch: str
    restaurant_id: UUID | None
    driver_id: UUID | None
    driver_name: str | None
    """First name only."""
    data: dict[str, Any]


class PositionMessage(msgspec.Struct, frozen=True, kw_only=True, tag="position"):
    """The latest position of the watched driver."""

    driver_id: UUID
    position: Position
    at: datetime


class Resync(msgspec.Struct, frozen=True, kw_only=True, tag="resync"):
    """Messages were lost (reconnected, or this reader was too slow): fetch a snapshot anew."""


type LiveMessage = OrderMessage | PositionMessage | Resync


class Subscription:
    """One reader's bounded queue."""

    async def get(self, timeout_seconds: float) -> LiveMessage | None:
        """Return the next message, or None when there was none for so long (send a heart-beat)."""

    async def watch(self, region: str, driver_id: UUID | None) -> None:
        """Get this driver's positions from now on (None: nobody's); latest only."""


class LiveHub:
    """One per process: `async with LiveHub(url, prefix) as hub` in the application's lifespan."""

    def __init__(self, valkey_url: str, prefix: str) -> None:
        """`prefix` as in `projections.valkey.keys.prefix`."""

    def order(self, order_id: UUID) -> str:
        """Channel of an order."""

    def driver(self, driver_id: UUID) -> str:
        """Channel of a driver: offers and orders carried."""

    def restaurant(self, restaurant_id: UUID) -> str:
        """Channel of a restaurant's orders."""

    @asynccontextmanager
    async def subscribe(self, *channels: str) -> AsyncIterator[Subscription]:
        """Subscribe; entered once Valkey has confirmed, so that a snapshot taken inside misses nothing."""
