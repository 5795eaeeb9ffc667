"""What a restaurant asks of its own record and menu. Every answer's status is "open", "closed" or "paused"."""

from datetime import datetime
from uuid import UUID

import msgspec

from domain.geo import Position


class RegisterRestaurant(msgspec.Struct, frozen=True, kw_only=True):
    """A restaurant joins, closed until it opens."""

    restaurant_id: UUID
    name: str
    region: str
    position: Position
    address: str
    phone: str
    cuisines: tuple[str, ...]
    prep_seconds: int
    delivery_radius_m: float


class ChangeDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What customers read about it, from now on."""

    restaurant_id: UUID
    name: str
    address: str
    phone: str
    cuisines: tuple[str, ...]
    prep_seconds: int
    delivery_radius_m: float


class OpenRestaurant(msgspec.Struct, frozen=True, kw_only=True):
    """Take orders."""

    restaurant_id: UUID


class CloseRestaurant(msgspec.Struct, frozen=True, kw_only=True):
    """Take no orders."""

    restaurant_id: UUID


class PauseRestaurant(msgspec.Struct, frozen=True, kw_only=True):
    """Take no orders until a time (business)."""

    restaurant_id: UUID
    until: datetime


class MenuEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One dish as the restaurant writes it down; prices in minor units of the region's currency."""

    item_id: UUID
    name: str
    description: str = ""
    category: str = ""
    price_minor: int


class AddMenuItem(msgspec.Struct, frozen=True, kw_only=True):
    """Put one dish on the menu. Answers with the item's id."""

    restaurant_id: UUID
    item: MenuEntry


class AddMenuItems(msgspec.Struct, frozen=True, kw_only=True):
    """Put several dishes on the menu at once. Answers with the restaurant's id."""

    restaurant_id: UUID
    items: tuple[MenuEntry, ...]


class ChangeMenuItem(msgspec.Struct, frozen=True, kw_only=True):
    """Rewrite a dish; orders placed before keep what was sold."""

    restaurant_id: UUID
    item: MenuEntry


class RemoveMenuItem(msgspec.Struct, frozen=True, kw_only=True):
    """Take a dish off the menu."""

    restaurant_id: UUID
    item_id: UUID


class MarkSoldOut(msgspec.Struct, frozen=True, kw_only=True):
    """A dish cannot be ordered for now."""

    restaurant_id: UUID
    item_id: UUID


class MarkRestocked(msgspec.Struct, frozen=True, kw_only=True):
    """A dish can be ordered again."""

    restaurant_id: UUID
    item_id: UUID
