"""What a restaurant may do. Each decision returns events, or none when it is already so, or raises a Refusal."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from domain.errors import InvalidInput, NotFound
from domain.event import Event
from domain.geo import Position
from domain.restaurant.errors import ItemExists, RestaurantClosed
from domain.restaurant.events import (
    Closed,
    DetailsChanged,
    ItemRestocked,
    ItemSoldOut,
    MenuItemAdded,
    MenuItemChanged,
    MenuItemRemoved,
    Opened,
    Paused,
    Registered,
)
from domain.restaurant.state import MenuItem, Restaurant

MAX_MENU_ITEMS = 1_000
MAX_PRICE_MINOR = 10_000_000
MAX_PREP_SECONDS = 86_400
MAX_DELIVERY_RADIUS_M = 100_000.0


def register(
    *,
    name: str,
    region: str,
    position: Position,
    address: str,
    phone: str,
    cuisines: Sequence[str],
    prep_seconds: int,
    delivery_radius_m: float,
) -> list[Event]:
    """Join, closed and with an empty menu. Raises InvalidInput."""
    _check_details(name, prep_seconds, delivery_radius_m)
    return [
        Registered(
            name=name,
            region=region,
            position=position,
            address=address,
            phone=phone,
            cuisines=tuple(cuisines),
            prep_seconds=prep_seconds,
            delivery_radius_m=delivery_radius_m,
        )
    ]


def change_details(
    restaurant: Restaurant,
    *,
    name: str,
    address: str,
    phone: str,
    cuisines: Sequence[str],
    prep_seconds: int,
    delivery_radius_m: float,
) -> list[Event]:
    """Say anew what customers read; quiet when nothing differs. Raises InvalidInput."""
    _check_details(name, prep_seconds, delivery_radius_m)
    changed = DetailsChanged(
        name=name,
        address=address,
        phone=phone,
        cuisines=tuple(cuisines),
        prep_seconds=prep_seconds,
        delivery_radius_m=delivery_radius_m,
    )
    same = all(getattr(restaurant, field) == getattr(changed, field) for field in changed.__struct_fields__)
    return [] if same else [changed]


def open_(restaurant: Restaurant) -> list[Event]:
    """Take orders; ends a pause."""
    return [] if restaurant.open and restaurant.paused_until is None else [Opened()]


def close(restaurant: Restaurant) -> list[Event]:
    """Take no more orders; those placed go on."""
    return [Closed()] if restaurant.open else []


def pause(restaurant: Restaurant, *, until: datetime, now: datetime) -> list[Event]:
    """Take no orders until a time. Raises RestaurantClosed (nothing to pause), InvalidInput (a time gone by)."""
    if not restaurant.open:
        raise RestaurantClosed(restaurant.name, status="closed")
    if until <= now:
        raise InvalidInput("until", "A pause ends in the future.")
    return [] if restaurant.paused_until == until else [Paused(until=until)]


def add_item(
    restaurant: Restaurant, *, item_id: UUID, name: str, description: str, category: str, price_minor: int
) -> list[Event]:
    """Put a dish on the menu; quiet when that very dish is there. Raises ItemExists, InvalidInput."""
    _check_item(name, price_minor)
    known = restaurant.menu.get(item_id)
    if known is not None:
        if _is_same(known, name, description, category, price_minor):
            return []
        raise ItemExists(f"Item {item_id} is {known.name}; change it, or add a new item.", status="on_the_menu")
    if len(restaurant.menu) >= MAX_MENU_ITEMS:
        raise InvalidInput("item_id", f"A menu has at most {MAX_MENU_ITEMS} items; remove one first.")
    return [
        MenuItemAdded(item_id=item_id, name=name, description=description, category=category, price_minor=price_minor)
    ]


def change_item(
    restaurant: Restaurant, *, item_id: UUID, name: str, description: str, category: str, price_minor: int
) -> list[Event]:
    """Change a dish for orders to come. Raises NotFound, InvalidInput."""
    _check_item(name, price_minor)
    if _is_same(_item(restaurant, item_id), name, description, category, price_minor):
        return []
    return [
        MenuItemChanged(item_id=item_id, name=name, description=description, category=category, price_minor=price_minor)
    ]


def remove_item(restaurant: Restaurant, *, item_id: UUID) -> list[Event]:
    """Take a dish off the menu; quiet when it is not on it."""
    return [MenuItemRemoved(item_id=item_id)] if item_id in restaurant.menu else []


def sell_out(restaurant: Restaurant, *, item_id: UUID) -> list[Event]:
    """Say that a dish cannot be had for now. Raises NotFound."""
    return [ItemSoldOut(item_id=item_id)] if _item(restaurant, item_id).available else []


def restock(restaurant: Restaurant, *, item_id: UUID) -> list[Event]:
    """Say that a dish can be had again. Raises NotFound."""
    return [] if _item(restaurant, item_id).available else [ItemRestocked(item_id=item_id)]


def _item(restaurant: Restaurant, item_id: UUID) -> MenuItem:
    item = restaurant.menu.get(item_id)
    if item is None:
        raise NotFound("menu item", item_id)
    return item


def _is_same(item: MenuItem, name: str, description: str, category: str, price_minor: int) -> bool:
    return (item.name, item.description, item.category, item.price_minor) == (name, description, category, price_minor)


def _check_details(name: str, prep_seconds: int, delivery_radius_m: float) -> None:
    if not name.strip():
        raise InvalidInput("name", "A restaurant has a name.")
    if not 0 <= prep_seconds <= MAX_PREP_SECONDS:
        raise InvalidInput("prep_seconds", f"Preparation takes 0 to {MAX_PREP_SECONDS} seconds.")
    if not 0 < delivery_radius_m <= MAX_DELIVERY_RADIUS_M:
        raise InvalidInput("delivery_radius_m", f"Deliver within 1 to {MAX_DELIVERY_RADIUS_M:.0f} m.")


def _check_item(name: str, price_minor: int) -> None:
    if not name.strip():
        raise InvalidInput("name", "A dish has a name.")
    if not 0 <= price_minor <= MAX_PRICE_MINOR:
        raise InvalidInput("price_minor", f"A price is 0 to {MAX_PRICE_MINOR} minor units.")
