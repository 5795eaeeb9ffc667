"""Restaurants and what they cook: near a point, one by one, with their menus."""

from collections.abc import Sequence
from datetime import datetime
from math import cos, degrees, radians
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    RowMapping,
    Table,
    Text,
    Uuid,
    and_,
    exists,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from domain.geo import EARTH_RADIUS_M, Position
from domain.restaurant import events
from projections.log import Logged
from projections.paging import Page, cut, read_cursor
from projections.projection import Projection
from projections.results import shown
from projections.rows import Document, Edits

METADATA = MetaData(schema="restaurants")
RESTAURANTS = Table(
    "restaurants",
    METADATA,
    Column("restaurant_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("address", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("cuisines", ARRAY(Text), nullable=False),
    Column("prep_seconds", Integer, nullable=False),
    Column("delivery_radius_m", Float, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("paused_until", DateTime(timezone=True)),
)
Index("by_place", func.point(RESTAURANTS.c.lon, RESTAURANTS.c.lat), postgresql_using="gist")
MENU = Table(
    "menu",
    METADATA,
    Column("restaurant_id", Uuid, primary_key=True),
    Column("item_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("available", Boolean, nullable=False),
    Column("added_at_version", Integer, nullable=False),
)


class RestaurantView(msgspec.Struct, frozen=True, kw_only=True):
    """One restaurant. `open` is what it said last; a pause that is not over yet closes it (`is_open`)."""

    restaurant_id: UUID
    version: int
    name: str
    region: str
    position: Position
    address: str
    phone: str
    cuisines: tuple[str, ...]
    prep_seconds: int
    delivery_radius_m: float
    open: bool
    paused_until: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Whether it takes orders at `now` (business time)."""
        return self.open and (self.paused_until is None or self.paused_until <= now)


class NearRestaurant(msgspec.Struct, frozen=True, kw_only=True):
    """A restaurant in a list by distance. `open` takes a pause into account; `delivers` tells whether it comes here."""

    restaurant_id: UUID
    name: str
    region: str
    position: Position
    address: str
    cuisines: tuple[str, ...]
    prep_seconds: int
    delivery_radius_m: float
    distance_m: float
    open: bool
    delivers: bool


class MenuItemView(msgspec.Struct, frozen=True, kw_only=True):
    """A dish; its price is in minor units of the region's currency."""

    item_id: UUID
    name: str
    description: str
    category: str
    price_minor: int
    available: bool


def get(c: Connection, restaurant_id: UUID) -> RestaurantView | None:
    """One restaurant without its menu."""
    query = select(RESTAURANTS).where(RESTAURANTS.c.restaurant_id == restaurant_id)
    row = c.execute(query).mappings().one_or_none()
    return None if row is None else shown(RestaurantView, row, position=_position(row))


def menu(c: Connection, restaurant_id: UUID) -> list[MenuItemView]:
    """The restaurant's dishes in the order they were added; empty for an unknown restaurant."""
    query = select(MENU).where(MENU.c.restaurant_id == restaurant_id).order_by(MENU.c.added_at_version)
    return [shown(MenuItemView, row) for row in c.execute(query).mappings()]


def near(
    c: Connection,
    *,
    position: Position,
    radius_m: float,
    now: datetime,
    cuisine: str | None = None,
    open_only: bool = True,
    delivering_only: bool = True,
    text: str | None = None,
    before: str | None = None,
    limit: int = 20,
) -> Page[NearRestaurant]:
    """Restaurants within `radius_m`, nearest first. `text` is part of a restaurant's or a dish's name.

    `delivering_only` leaves out those whose delivery radius ends before `position`; `before` is a page's `next_cursor`.
    """
    place = RESTAURANTS.c
    distance = _distance_m(position)
    is_open = and_(place.open, or_(place.paused_until.is_(None), place.paused_until <= now))
    wanted: list[ColumnElement[bool]] = [_in_box(position, radius_m), distance <= radius_m]
    if open_only:
        wanted.append(is_open)
    if delivering_only:
        wanted.append(distance <= place.delivery_radius_m)
    if cuisine is not None:
        each = func.unnest(place.cuisines).column_valued("cuisine")
        wanted.append(exists(select(each).where(func.lower(each) == cuisine.lower())))
    if text is not None and text.strip():
        dish = select(MENU.c.item_id).where(
            MENU.c.restaurant_id == place.restaurant_id, MENU.c.name.icontains(text.strip(), autoescape=True)
        )
        wanted.append(or_(place.name.icontains(text.strip(), autoescape=True), exists(dish)))
    if before is not None:
        far, last_id = read_cursor(before, tuple[float, UUID])
        wanted.append(tuple_(distance, place.restaurant_id) > tuple_(far, last_id))
    query = (
        select(
            *(column for column in place if column.name != "open"),
            distance.label("distance_m"),
            is_open.label("open"),
            (distance <= place.delivery_radius_m).label("delivers"),
        )
        .where(*wanted)
        .order_by(distance, place.restaurant_id)
        .limit(limit + 1)
    )
    items = [shown(NearRestaurant, row, position=_position(row)) for row in c.execute(query).mappings()]
    return cut(items, limit, "distance_m", "restaurant_id")


def _position(row: RowMapping) -> Position:
    return Position(lat=row["lat"], lon=row["lon"])


def _in_box(position: Position, radius_m: float) -> ColumnElement[bool]:
    """What the index finds: the smallest box of degrees around the circle (positions end at 85° north and south)."""
    high = degrees(radius_m / EARTH_RADIUS_M)
    wide = min(180.0, high / max(0.01, cos(radians(min(89.0, abs(position.lat) + high)))))
    corners = (
        func.point(position.lon - wide, position.lat - high),
        func.point(position.lon + wide, position.lat + high),
    )
    return func.point(RESTAURANTS.c.lon, RESTAURANTS.c.lat).op("<@", is_comparison=True)(func.box(*corners))


def _distance_m(position: Position) -> ColumnElement[float]:
    """Haversine, as in `domain.geo`."""
    lat, lon = RESTAURANTS.c.lat, RESTAURANTS.c.lon
    half = func.power(func.sin(func.radians(lat - position.lat) / 2), 2) + cos(radians(position.lat)) * func.cos(
        func.radians(lat)
    ) * func.power(func.sin(func.radians(lon - position.lon) / 2), 2)
    return 2 * EARTH_RADIUS_M * func.asin(func.least(1.0, func.sqrt(half)))


def apply(connection: Connection, batch: Sequence[Logged]) -> None:
    """Fold restaurants' events into their row and their menu's rows."""
    restaurants = Edits[UUID](RESTAURANTS)
    dishes = Edits[UUID](MENU)
    for logged in batch:
        event, restaurant_id = logged.event, logged.stream_id
        if isinstance(event, events.Registered):
            restaurants.add(restaurant_id, _registered(restaurant_id, event))
        elif logged.topic.startswith("restaurant."):
            changes = {"version": logged.version} | _changes(event)
            restaurants.change(restaurant_id, {"restaurant_id": restaurant_id}, changes)
            _fold_dish(dishes, logged)
    restaurants.write(connection)
    dishes.write(connection)


PROJECTION = Projection("restaurants", METADATA, apply)


def _registered(restaurant_id: UUID, event: events.Registered) -> Document:
    shared = {name: getattr(event, name) for name in event.__struct_fields__ if name in RESTAURANTS.c}
    place = {"lat": event.position.lat, "lon": event.position.lon}
    return shared | place | {"restaurant_id": restaurant_id, "version": 1, "open": False, "paused_until": None}


def _changes(event: object) -> Document:
    match event:
        case events.DetailsChanged():
            return {name: getattr(event, name) for name in event.__struct_fields__}
        case events.Opened():
            return {"open": True, "paused_until": None}
        case events.Closed():
            return {"open": False, "paused_until": None}
        case events.Paused():
            return {"paused_until": event.until}
    return {}


def _fold_dish(dishes: Edits[UUID], logged: Logged) -> None:
    event = logged.event
    match event:
        case events.MenuItemAdded():
            key = {"restaurant_id": logged.stream_id, "item_id": event.item_id}
            fields = {name: getattr(event, name) for name in event.__struct_fields__}
            dishes.add(event.item_id, key | fields | {"available": True, "added_at_version": logged.version})
        case events.MenuItemChanged():
            key = {"restaurant_id": logged.stream_id, "item_id": event.item_id}
            dishes.change(event.item_id, key, {name: getattr(event, name) for name in event.__struct_fields__})
        case events.MenuItemRemoved():
            dishes.remove(event.item_id, {"restaurant_id": logged.stream_id, "item_id": event.item_id})
        case events.ItemSoldOut() | events.ItemRestocked():
            key = {"restaurant_id": logged.stream_id, "item_id": event.item_id}
            dishes.change(event.item_id, key, {"available": isinstance(event, events.ItemRestocked)})
