"""A restaurant as its events leave it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.event import Event, PersonalText
from domain.geo import Position
from domain.restaurant import events


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
    phone: PersonalText
    cuisines: tuple[str, ...]
    prep_seconds: int
    delivery_radius_m: float
    open: bool = False
    paused_until: datetime | None = None
    menu: dict[UUID, MenuItem] = {}


def opening(restaurant: Restaurant, now: datetime) -> Literal["open", "closed", "paused"]:
    """Say whether the restaurant takes orders; a pause that is over counts as open."""
    if not restaurant.open:
        return "closed"
    if restaurant.paused_until is not None and now < restaurant.paused_until:
        return "paused"
    return "open"


def is_open(restaurant: Restaurant, now: datetime) -> bool:
    """Whether the restaurant takes orders."""
    return opening(restaurant, now) == "open"


def evolve(restaurant: Restaurant | None, restaurant_id: UUID, event: Event, _at: datetime) -> Restaurant:
    """Fold one event into the next state; `version` is the fold's business."""
    if restaurant is None:
        if not isinstance(event, events.Registered):
            raise TypeError(f"a restaurant's stream cannot begin with {event.TOPIC}")
        return Restaurant(id=restaurant_id, menu={}, **_fields(event))
    match event:
        case events.ItemSoldOut():
            return _with_item(restaurant, replace(restaurant.menu[event.item_id], available=False))
        case events.ItemRestocked():
            return _with_item(restaurant, replace(restaurant.menu[event.item_id], available=True))
        case events.MenuItemAdded():
            return _with_item(restaurant, MenuItem(**_fields(event)))
        case events.MenuItemChanged():
            return _with_item(restaurant, replace(restaurant.menu[event.item_id], **_fields(event)))
        case events.MenuItemRemoved():
            menu = {key: item for key, item in restaurant.menu.items() if key != event.item_id}
            return replace(restaurant, menu=menu)
        case events.Opened():
            return replace(restaurant, open=True, paused_until=None)
        case events.Closed():
            return replace(restaurant, open=False, paused_until=None)
        case events.Paused():
            return replace(restaurant, paused_until=event.until)
        case events.DetailsChanged():
            return replace(restaurant, **_fields(event))
    raise TypeError(f"a restaurant has no event {event.TOPIC!r}")


def _with_item(restaurant: Restaurant, item: MenuItem) -> Restaurant:
    return replace(restaurant, menu={**restaurant.menu, item.item_id: item})


def _fields(event: Event) -> dict[str, Any]:
    """Give an event's fields by name, where event and state call them alike."""
    return {name: getattr(event, name) for name in event.__struct_fields__}
