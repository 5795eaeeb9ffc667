"""What can happen to a restaurant and its menu."""

from datetime import datetime
from uuid import UUID

from domain.event import Event, PersonalText, topic
from domain.geo import Position


@topic("restaurant.registered")
class Registered(Event, frozen=True, kw_only=True):
    """A restaurant joined; it opens when it says so."""

    name: str
    region: str
    position: Position
    address: str
    phone: PersonalText
    cuisines: tuple[str, ...]
    prep_seconds: int
    """Usual preparation time, used for a quote's ETA."""
    delivery_radius_m: float


@topic("restaurant.details_changed")
class DetailsChanged(Event, frozen=True, kw_only=True):
    """What customers read about it, as it is from now on."""

    name: str
    address: str
    phone: PersonalText
    cuisines: tuple[str, ...]
    prep_seconds: int
    delivery_radius_m: float


@topic("restaurant.opened")
class Opened(Event, frozen=True, kw_only=True):
    """Takes orders."""


@topic("restaurant.closed")
class Closed(Event, frozen=True, kw_only=True):
    """Takes no orders."""


@topic("restaurant.paused")
class Paused(Event, frozen=True, kw_only=True):
    """Takes no orders until a time; then it is open again by itself."""

    until: datetime


@topic("restaurant.menu_item_added")
class MenuItemAdded(Event, frozen=True, kw_only=True):
    """A dish on the menu, priced in minor units of the region's currency."""

    item_id: UUID
    name: str
    description: str
    category: str
    price_minor: int


@topic("restaurant.menu_item_changed")
class MenuItemChanged(Event, frozen=True, kw_only=True):
    """A dish as it is from now on; orders placed before keep what was sold."""

    item_id: UUID
    name: str
    description: str
    category: str
    price_minor: int


@topic("restaurant.menu_item_removed")
class MenuItemRemoved(Event, frozen=True, kw_only=True):
    """A dish left the menu."""

    item_id: UUID


@topic("restaurant.item_sold_out")
class ItemSoldOut(Event, frozen=True, kw_only=True):
    """A dish cannot be ordered for now."""

    item_id: UUID


@topic("restaurant.item_restocked")
class ItemRestocked(Event, frozen=True, kw_only=True):
    """A dish can be ordered again."""

    item_id: UUID
