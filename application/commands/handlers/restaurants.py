"""What a restaurant asks of its own record and menu."""

from application.bootstrap import Tiffin
from application.commands.handlers.regions import known_region
from application.commands.handlers.saving import begin, fold, own_restaurant, save_restaurant
from application.commands.restaurants import (
    AddMenuItem,
    AddMenuItems,
    ChangeDetails,
    ChangeMenuItem,
    CloseRestaurant,
    MarkRestocked,
    MarkSoldOut,
    MenuEntry,
    OpenRestaurant,
    PauseRestaurant,
    RegisterRestaurant,
    RemoveMenuItem,
)
from application.context import Context
from application.kinds import RESTAURANT
from application.store import Receipt
from domain import restaurant as restaurants
from domain.event import Event
from domain.restaurant import Restaurant


def register(tiffin: Tiffin, ctx: Context, command: RegisterRestaurant) -> Receipt:
    """A restaurant joins a region, closed."""
    events = restaurants.register(
        name=command.name,
        region=known_region(tiffin, command.region).id,
        position=command.position,
        address=command.address,
        phone=command.phone,
        cuisines=command.cuisines,
        prep_seconds=command.prep_seconds,
        delivery_radius_m=command.delivery_radius_m,
    )
    return begin(tiffin, ctx, command.restaurant_id, events, status="closed")


def change_details(tiffin: Tiffin, ctx: Context, command: ChangeDetails) -> Receipt:
    """What customers read from now on."""
    restaurant = own_restaurant(tiffin, ctx, command.restaurant_id)
    events = restaurants.change_details(
        restaurant,
        name=command.name,
        address=command.address,
        phone=command.phone,
        cuisines=command.cuisines,
        prep_seconds=command.prep_seconds,
        delivery_radius_m=command.delivery_radius_m,
    )
    return save_restaurant(tiffin, ctx, restaurant, events)


def open_(tiffin: Tiffin, ctx: Context, command: OpenRestaurant) -> Receipt:
    """Take orders."""
    restaurant = own_restaurant(tiffin, ctx, command.restaurant_id)
    return save_restaurant(tiffin, ctx, restaurant, restaurants.open_(restaurant))


def close(tiffin: Tiffin, ctx: Context, command: CloseRestaurant) -> Receipt:
    """Take no orders."""
    restaurant = own_restaurant(tiffin, ctx, command.restaurant_id)
    return save_restaurant(tiffin, ctx, restaurant, restaurants.close(restaurant))


def pause(tiffin: Tiffin, ctx: Context, command: PauseRestaurant) -> Receipt:
    """Take no orders for a while."""
    restaurant = own_restaurant(tiffin, ctx, command.restaurant_id)
    return save_restaurant(tiffin, ctx, restaurant, restaurants.pause(restaurant, until=command.until, now=ctx.now))


def add_item(tiffin: Tiffin, ctx: Context, command: AddMenuItem) -> Receipt:
    """Put a dish on the menu."""
    restaurant = own_restaurant(tiffin, ctx, command.restaurant_id)
    return save_restaurant(tiffin, ctx, restaurant, _added(restaurant, command.item), answer_id=command.item.item_id)


def add_items(tiffin: Tiffin, ctx: Context, command: AddMenuItems) -> Receipt:
    """Put dishes on the menu, all or none."""
    restaurant = own_restaurant(tiffin, ctx, command.restaurant_id)
    events: list[Event] = []
    filled = restaurant
    for item in command.items:
        added = _added(filled, item)
        filled = fold(RESTAURANT, filled, added, ctx.now)
        events += added
    return save_restaurant(tiffin, ctx, restaurant, events)


def change_item(tiffin: Tiffin, ctx: Context, command: ChangeMenuItem) -> Receipt:
    """Rewrite a dish."""
    restaurant = own_restaurant(tiffin, ctx, command.restaurant_id)
    item = command.item
    events = restaurants.change_item(
        restaurant,
        item_id=item.item_id,
        name=item.name,
        description=item.description,
        category=item.category,
        price_minor=item.price_minor,
    )
    return save_restaurant(tiffin, ctx, restaurant, events, answer_id=item.item_id)


def remove_item(tiffin: Tiffin, ctx: Context, command: RemoveMenuItem) -> Receipt:
    """Take a dish off the menu."""
    restaurant = own_restaurant(tiffin, ctx, command.restaurant_id)
    events = restaurants.remove_item(restaurant, item_id=command.item_id)
    return save_restaurant(tiffin, ctx, restaurant, events, answer_id=command.item_id)


def sell_out(tiffin: Tiffin, ctx: Context, command: MarkSoldOut) -> Receipt:
    """A dish cannot be had for now."""
    restaurant = own_restaurant(tiffin, ctx, command.restaurant_id)
    events = restaurants.sell_out(restaurant, item_id=command.item_id)
    return save_restaurant(tiffin, ctx, restaurant, events, answer_id=command.item_id)


def restock(tiffin: Tiffin, ctx: Context, command: MarkRestocked) -> Receipt:
    """A dish can be had again."""
    restaurant = own_restaurant(tiffin, ctx, command.restaurant_id)
    events = restaurants.restock(restaurant, item_id=command.item_id)
    return save_restaurant(tiffin, ctx, restaurant, events, answer_id=command.item_id)


def _added(restaurant: Restaurant, item: MenuEntry) -> list[Event]:
    return restaurants.add_item(
        restaurant,
        item_id=item.item_id,
        name=item.name,
        description=item.description,
        category=item.category,
        price_minor=item.price_minor,
    )
