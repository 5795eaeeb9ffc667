"""Restaurants: near a point, one by one, with menus; and the cache that placing an order reads."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from sqlalchemy import Connection, Engine, text

from domain.errors import InvalidInput
from domain.geo import Position, distance_m
from domain.restaurant import events as restaurant
from domain.restaurant.state import Restaurant, evolve
from projections import restaurant_cache, restaurants
from projections.restaurants import PROJECTION, NearRestaurant
from tests.projections.history import NOON, RESTAURANT, History, dish, founded

CENTER = Position(lat=41.145, lon=-8.605)
SOUP, CAKE = UUID(int=71), UUID(int=72)


def near(connection: Connection, **wanted: object) -> list[NearRestaurant]:
    fields: dict[str, object] = {"position": CENTER, "radius_m": 5_000.0, "now": NOON} | wanted
    return restaurants.near(connection, **fields).items  # type: ignore[arg-type]


def ids(found: list[NearRestaurant]) -> list[int]:
    return [item.restaurant_id.int for item in found]


def cached_in(valkey: redis.Redis, reads: Engine, restaurant_id: UUID) -> Restaurant | None:
    """Asked twice at once: the second answer comes from what was decoded, if anything was."""

    async def call(*command: Any) -> Any:
        try:
            return valkey.execute_command(*command)  # type: ignore[no-untyped-call]
        except redis.ConnectionError as error:
            raise ConnectionError from error

    async def ask() -> Restaurant | None:
        cache = restaurant_cache.RestaurantCache(call, reads)
        first, second = await cache.get(restaurant_id), await cache.get(restaurant_id)
        assert first == second
        return second

    return asyncio.run(ask())


@pytest.fixture
def town(connection: Connection, history: History) -> History:
    """Four open restaurants eastwards, 0, 840, 1,680 and 8,400 m away; the farther two deliver within 1 km."""
    for number, east in enumerate((0.0, 0.01, 0.02, 0.1)):
        details = founded(
            name=f"Casa {number}",
            position=Position(lat=CENTER.lat, lon=CENTER.lon + east),
            cuisines=("Portuguese", "vegan") if number == 1 else ("portuguese",),
            delivery_radius_m=4_000.0 if number < 2 else 1_000.0,
        )
        history.tell(UUID(int=number), details, restaurant.Opened())
    history.fold(connection, PROJECTION)
    return history


@pytest.mark.usefixtures("town")
def test_near_means_within_the_radius_nearest_first(connection: Connection) -> None:
    found = near(connection, delivering_only=False)
    assert ids(found) == [0, 1, 2]
    assert [item.delivers for item in found] == [True, True, False]
    expected = distance_m(CENTER, Position(lat=CENTER.lat, lon=CENTER.lon + 0.01))
    assert found[1].distance_m == pytest.approx(expected, rel=1e-9)
    assert ids(near(connection)) == [0, 1]
    assert ids(near(connection, radius_m=50_000.0, delivering_only=False)) == [0, 1, 2, 3]


def test_near_can_be_narrowed(connection: Connection, town: History) -> None:
    town.tell(UUID(int=1), dish(SOUP, "Caldo 100% verde"))
    town.fold(connection, PROJECTION)
    assert ids(near(connection, cuisine="VEGAN")) == [1]
    assert ids(near(connection, cuisine="thai")) == []
    assert ids(near(connection, text="casa 0")) == [0]
    assert ids(near(connection, text="100% VERDE")) == [1]
    assert ids(near(connection, text="_")) == []


def test_closed_and_paused_restaurants_are_left_out(connection: Connection, town: History) -> None:
    town.tell(UUID(int=0), restaurant.Closed())
    town.tell(UUID(int=1), restaurant.Paused(until=NOON + timedelta(hours=1)))
    town.fold(connection, PROJECTION)
    assert ids(near(connection)) == []
    everything = near(connection, open_only=False)
    assert [(item.restaurant_id.int, item.open) for item in everything] == [(0, False), (1, False)]
    assert ids(near(connection, now=NOON + timedelta(hours=1))) == [1]
    town.tell(UUID(int=1), restaurant.Opened())
    town.fold(connection, PROJECTION)
    assert ids(near(connection)) == [1]


def test_near_comes_in_pages(connection: Connection, history: History) -> None:
    for number in range(5):
        history.tell(UUID(int=number), founded(), restaurant.Opened())
    history.fold(connection, PROJECTION)
    seen: list[int] = []
    cursor = None
    for _ in range(3):
        page = restaurants.near(connection, position=CENTER, radius_m=100.0, now=NOON, before=cursor, limit=2)
        seen += ids(page.items)
        cursor = page.next_cursor
    assert (seen, cursor) == ([0, 1, 2, 3, 4], None)
    with pytest.raises(InvalidInput):
        restaurants.near(connection, position=CENTER, radius_m=100.0, now=NOON, before="x")


def test_near_works_at_the_edges_of_the_map(connection: Connection, history: History) -> None:
    history.tell(RESTAURANT, founded(position=Position(lat=84.99, lon=179.9)), restaurant.Opened())
    history.fold(connection, PROJECTION)
    assert len(near(connection, position=Position(lat=85.0, lon=180.0))) == 1


def test_a_restaurant_is_as_its_events_left_it(connection: Connection, history: History) -> None:
    changed = restaurant.DetailsChanged(
        name="Nova", address="Rua 2", phone="+351", cuisines=("soup",), prep_seconds=300, delivery_radius_m=2_000.0
    )
    history.tell(RESTAURANT, founded(), restaurant.Opened(), changed, restaurant.Paused(until=NOON))
    history.fold(connection, PROJECTION, batch=2)
    found = restaurants.get(connection, RESTAURANT)
    assert found is not None
    assert (found.name, found.cuisines, found.version, found.position) == ("Nova", ("soup",), 4, CENTER)
    assert (found.open, found.paused_until, found.is_open(NOON)) == (True, NOON, True)
    assert not found.is_open(NOON - timedelta(seconds=1))
    assert restaurants.get(connection, UUID(int=12345)) is None


@pytest.mark.parametrize("batch", [1, 1_000])
def test_a_menu_keeps_the_order_in_which_dishes_came(connection: Connection, history: History, batch: int) -> None:
    history.tell(RESTAURANT, founded(), dish(SOUP, "Soup", 300), dish(CAKE, "Cake", 250), dish(UUID(int=73)))
    history.tell(
        RESTAURANT,
        restaurant.ItemSoldOut(item_id=SOUP),
        restaurant.ItemSoldOut(item_id=CAKE),
        restaurant.ItemRestocked(item_id=CAKE),
        restaurant.MenuItemChanged(item_id=SOUP, name="Soup", description="", category="starters", price_minor=350),
        restaurant.MenuItemRemoved(item_id=UUID(int=73)),
    )
    history.fold(connection, PROJECTION, batch=batch)
    menu = restaurants.menu(connection, RESTAURANT)
    assert [(item.name, item.price_minor, item.available) for item in menu] == [
        ("Soup", 350, False),
        ("Cake", 250, True),
    ]
    assert restaurants.menu(connection, UUID(int=12345)) == []


@pytest.fixture
def reads(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@pytest.fixture
def valkey(valkey_url: str) -> redis.Redis:
    return redis.Redis.from_url(valkey_url, socket_timeout=5, socket_connect_timeout=2)


def test_placing_reads_the_restaurant_that_the_aggregate_knows(
    connection: Connection, reads: Engine, history: History, valkey: redis.Redis
) -> None:
    history.tell(
        RESTAURANT, founded(), restaurant.Opened(), dish(SOUP), restaurant.ItemSoldOut(item_id=SOUP), dish(CAKE)
    )
    with connection.begin():
        history.fold(connection, PROJECTION)
    expected: Restaurant | None = None
    for logged in history.events:
        expected = evolve(expected, RESTAURANT, logged.event, NOON)
    for _ in range(2):
        found = cached_in(valkey, reads, RESTAURANT)
        assert found is not None
        assert expected is not None
        for field in ("id", "name", "position", "open", "menu", "delivery_radius_m", "paused_until"):
            assert getattr(found, field) == getattr(expected, field)
        assert found.version == 5
    assert cached_in(valkey, reads, UUID(int=12345)) is None


def test_the_cache_answers_until_the_restaurant_changes(
    connection: Connection, reads: Engine, history: History, valkey: redis.Redis
) -> None:
    history.tell(RESTAURANT, founded(), restaurant.Opened())
    with connection.begin():
        history.fold(connection, PROJECTION)
    assert cached_in(valkey, reads, RESTAURANT)
    with connection.begin():
        connection.execute(text("UPDATE restaurants.restaurants SET name = 'unseen'"))
    cached = cached_in(valkey, reads, RESTAURANT)
    assert cached is not None
    assert cached.name == "Casa Guedes"
    restaurant_cache.purge(valkey, history.events)
    fresh = cached_in(valkey, reads, RESTAURANT)
    assert fresh is not None
    assert fresh.name == "unseen"


def test_who_read_before_a_purge_cannot_cache_what_is_old(
    connection: Connection, reads: Engine, history: History, valkey: redis.Redis
) -> None:
    history.tell(RESTAURANT, founded())
    with connection.begin():
        history.fold(connection, PROJECTION)
    restaurant_cache.purge(valkey, history.events)
    assert cached_in(valkey, reads, RESTAURANT), "read from the table, not yet cached"
    with connection.begin():
        connection.execute(text("UPDATE restaurants.restaurants SET name = 'committed since'"))
    found = cached_in(valkey, reads, RESTAURANT)
    assert found is not None
    assert found.name == "committed since"


def test_placing_goes_on_without_the_cache(connection: Connection, reads: Engine, history: History) -> None:
    history.tell(RESTAURANT, founded())
    with connection.begin():
        history.fold(connection, PROJECTION)
    away = redis.Redis(port=1, socket_connect_timeout=1)
    assert cached_in(away, reads, RESTAURANT)
