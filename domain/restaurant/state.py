"""A restaurant as its events leave it."""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.geo import Position


class MenuItem(msgspec.Struct, frozen=True, kw_only=True):
    """A dish and whether it can be had now."""

    item_id: UUID
    name: str
    description: str
    category: str
    price_minor: int
    available: bool = True


class Restaurant(msgspec.Struct, frozen=True, kw_only=True):
    """One restaurant. `version` is the version of the last event folded in."""

    id: UUID
    version: int = 0
    name: str
    region: str
    position: Position
    address: str
    phone: str
    cuisines: tuple[str, ...]
    prep_seconds: int
    delivery_radius_m: float
    open: bool = False
    paused_until: datetime | None = None
    menu: dict[UUID, MenuItem] = {}
