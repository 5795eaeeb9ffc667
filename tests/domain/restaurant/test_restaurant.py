from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import restaurant
from domain.errors import InvalidInput, NotFound
from domain.event import Event
from tests.domain.restaurant.kitchens import CAKE, FISH, MENU, OPEN, REGISTERED, SOUP, dish, given, kitchen
from tests.domain.scenario import NOON, when

UNKNOWN = UUID(int=0xDEAD)
LATER = NOON + timedelta(minutes=30)
PAUSED = restaurant.Paused(until=LATER)
DETAILS = restaurant.DetailsChanged(
    name="Tasca nova",
    address="Rua Formosa 2, Porto",
    phone="+351 220 000 001",
    cuisines=("portuguese", "vegan"),
    prep_seconds=1_200,
    delivery_radius_m=3_000.0,
)


def facts(event: Event, **changes: Any) -> dict[str, Any]:
    return {field: getattr(event, field) for field in event.__struct_fields__} | changes


BAD_DETAILS = [
    ("name", " "),
    ("prep_seconds", -1),
    ("prep_seconds", 86_401),
    ("delivery_radius_m", 0.0),
    ("delivery_radius_m", 100_001.0),
    ("delivery_radius_m", float("nan")),
]


def test_register() -> None:
    when(restaurant.register, **facts(REGISTERED)).then(REGISTERED)


@pytest.mark.parametrize(("field", "value"), BAD_DETAILS)
def test_register_refused(field: str, value: object) -> None:
    when(restaurant.register, **facts(REGISTERED, **{field: value})).then_refused(InvalidInput, field=field)


@pytest.mark.parametrize(
    ("field", "value"), [("prep_seconds", 0), ("prep_seconds", 86_400), ("delivery_radius_m", 100_000.0)]
)
def test_register_to_the_limits(field: str, value: float) -> None:
    (registered,) = when(restaurant.register, **facts(REGISTERED, **{field: value})).decide()
    assert getattr(registered, field) == value


def test_a_new_restaurant_is_closed_and_serves_nothing() -> None:
    new = kitchen(REGISTERED)
    assert restaurant.opening(new, NOON) == "closed"
    assert new.menu == {}


def test_change_details() -> None:
    given(*MENU).when(restaurant.change_details, **facts(DETAILS)).then(DETAILS)


def test_change_details_is_folded() -> None:
    after = kitchen(*OPEN, DETAILS)
    assert (after.name, after.cuisines, after.delivery_radius_m) == ("Tasca nova", ("portuguese", "vegan"), 3_000.0)
    assert after.open
    assert len(after.menu) == 3


@pytest.mark.parametrize(("field", "value"), BAD_DETAILS)
def test_change_details_refused(field: str, value: object) -> None:
    given(*MENU).when(restaurant.change_details, **facts(DETAILS, **{field: value})).then_refused(
        InvalidInput, field=field
    )


def test_change_details_quiet() -> None:
    given(*MENU, DETAILS).when(restaurant.change_details, **facts(DETAILS)).then_quiet()


def test_open() -> None:
    given(*MENU).when(restaurant.open_).then(restaurant.Opened())
    given(*OPEN, PAUSED).when(restaurant.open_).then(restaurant.Opened())


def test_open_quiet() -> None:
    given(*OPEN).when(restaurant.open_).then_quiet()


def test_close() -> None:
    given(*OPEN).when(restaurant.close).then(restaurant.Closed())
    given(*OPEN, PAUSED).when(restaurant.close).then(restaurant.Closed())


def test_close_quiet() -> None:
    given(*MENU).when(restaurant.close).then_quiet()


def test_pause() -> None:
    given(*OPEN).when(restaurant.pause, until=LATER, now=NOON).then(PAUSED)


def test_pause_refused() -> None:
    given(*MENU).when(restaurant.pause, until=LATER, now=NOON).then_refused(
        restaurant.RestaurantClosed, status="closed"
    )
    given(*OPEN).when(restaurant.pause, until=NOON, now=NOON).then_refused(InvalidInput, field="until")


def test_pause_quiet() -> None:
    given(*OPEN, PAUSED).when(restaurant.pause, until=LATER, now=NOON).then_quiet()


def test_a_pause_ends_by_itself() -> None:
    paused = kitchen(*OPEN, PAUSED)
    assert restaurant.opening(paused, LATER - timedelta(microseconds=1)) == "paused"
    assert restaurant.opening(paused, LATER) == "open"


@pytest.mark.parametrize("event", [restaurant.Opened(), restaurant.Closed()])
def test_opening_and_closing_end_a_pause(event: Event) -> None:
    assert kitchen(*OPEN, PAUSED, event).paused_until is None


@pytest.mark.parametrize("price_minor", [0, 150, 10_000_000])
def test_add_item(price_minor: int) -> None:
    tea = dish(UNKNOWN, "Tea", price_minor)
    given(*MENU).when(restaurant.add_item, **facts(tea)).then(tea)


@pytest.mark.parametrize(("field", "value"), [("name", ""), ("price_minor", -1), ("price_minor", 10_000_001)])
def test_add_item_refused_for_what_is_no_dish(field: str, value: object) -> None:
    tea = facts(dish(UNKNOWN, "Tea", 150), **{field: value})
    given(*MENU).when(restaurant.add_item, **tea).then_refused(InvalidInput, field=field)


def test_add_item_refused_under_the_id_of_another() -> None:
    given(*MENU).when(restaurant.add_item, **facts(dish(CAKE, "Tea", 150))).then_refused(restaurant.ItemExists)


def test_add_item_refused_when_the_menu_is_full() -> None:
    full = (REGISTERED, *(dish(UUID(int=0xB000 + n), f"Dish {n}", 100) for n in range(1_000)))
    given(*full).when(restaurant.add_item, **facts(dish(UNKNOWN, "Tea", 150))).then_refused(InvalidInput)


def test_add_item_quiet() -> None:
    given(*MENU).when(restaurant.add_item, **facts(dish(CAKE, "Pastel de nata", 165))).then_quiet()


CHANGED = restaurant.MenuItemChanged(
    item_id=CAKE, name="Pastel de nata", description="warm", category="sweet", price_minor=175
)


def test_change_item() -> None:
    given(*MENU).when(restaurant.change_item, **facts(CHANGED)).then(CHANGED)


def test_change_item_keeps_whether_it_can_be_had() -> None:
    after = kitchen(*MENU, restaurant.ItemSoldOut(item_id=CAKE), CHANGED).menu[CAKE]
    assert (after.price_minor, after.available) == (175, False)


def test_change_item_refused() -> None:
    given(*MENU).when(restaurant.change_item, **facts(CHANGED, item_id=UNKNOWN)).then_refused(NotFound)
    given(*MENU).when(restaurant.change_item, **facts(CHANGED, price_minor=-1)).then_refused(
        InvalidInput, field="price_minor"
    )


def test_change_item_quiet() -> None:
    given(*MENU, CHANGED).when(restaurant.change_item, **facts(CHANGED)).then_quiet()


def test_remove_item() -> None:
    removed = restaurant.MenuItemRemoved(item_id=CAKE)
    given(*MENU).when(restaurant.remove_item, item_id=CAKE).then(removed)
    assert set(kitchen(*MENU, removed).menu) == {SOUP, FISH}


def test_remove_item_quiet() -> None:
    given(*MENU).when(restaurant.remove_item, item_id=UNKNOWN).then_quiet()


SOLD_OUT, RESTOCKED = restaurant.ItemSoldOut(item_id=FISH), restaurant.ItemRestocked(item_id=FISH)


def test_sell_out() -> None:
    given(*MENU).when(restaurant.sell_out, item_id=FISH).then(SOLD_OUT)


def test_sell_out_refused() -> None:
    given(*MENU).when(restaurant.sell_out, item_id=UNKNOWN).then_refused(NotFound)


def test_sell_out_quiet() -> None:
    given(*MENU, SOLD_OUT).when(restaurant.sell_out, item_id=FISH).then_quiet()


def test_restock() -> None:
    given(*MENU, SOLD_OUT).when(restaurant.restock, item_id=FISH).then(RESTOCKED)
    assert kitchen(*MENU, SOLD_OUT, RESTOCKED).menu[FISH].available


def test_restock_refused() -> None:
    given(*MENU).when(restaurant.restock, item_id=UNKNOWN).then_refused(NotFound)


def test_restock_quiet() -> None:
    given(*MENU).when(restaurant.restock, item_id=FISH).then_quiet()


def test_a_stream_begins_with_its_registration_and_holds_its_own_events() -> None:
    with pytest.raises(TypeError, match="cannot begin with"):
        kitchen(restaurant.Opened())
    with pytest.raises(TypeError, match="no event"):
        kitchen(*MENU, REGISTERED)
