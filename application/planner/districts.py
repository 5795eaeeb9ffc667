"""A region too big for one plan, cut into districts that are planned by themselves."""

from collections.abc import Sequence
from math import cos, radians

import msgspec

from application.planner.outlook import OnDuty
from domain.geo import Position, distance_m
from domain.order import Status
from projections.order_lists import OrderInPlay


class District(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that are planned together, and the drivers for them."""

    searching: tuple[OrderInPlay, ...]
    on_duty: tuple[OnDuty, ...]


def districts(searching: Sequence[OrderInPlay], on_duty: Sequence[OnDuty], *, most_orders: int) -> list[District]:
    """Cut where the orders' restaurants are, always the longer side in the middle, until few enough are left.

    Each driver belongs to the district whose nearest restaurant is nearest to where they will be free.
    """
    parts = _cut(list(searching), most_orders)
    if len(parts) <= 1:
        return [District(searching=tuple(searching), on_duty=tuple(on_duty))]
    flat = _Flat(parts[0][0].restaurant_position)
    places = dict.fromkeys(
        (*flat.of(order.restaurant_position), number) for number, part in enumerate(parts) for order in part
    )
    drivers: list[list[OnDuty]] = [[] for _ in parts]
    for one in on_duty:
        x, y = flat.of(_free_at(one))
        *_, nearest = min(places, key=lambda place: (place[0] - x) ** 2 + (place[1] - y) ** 2)
        drivers[nearest].append(one)
    return [District(searching=tuple(part), on_duty=tuple(found)) for part, found in zip(parts, drivers, strict=True)]


class _Flat:
    """A city as a plane, in degrees of latitude: to say who is nearest, the sphere costs too much."""

    def __init__(self, center: Position) -> None:
        self._narrow = cos(radians(center.lat))

    def of(self, position: Position) -> tuple[float, float]:
        return position.lon * self._narrow, position.lat


def _cut(orders: list[OrderInPlay], most_orders: int) -> list[list[OrderInPlay]]:
    if len(orders) <= most_orders:
        return [orders] if orders else []
    lats = [order.restaurant_position.lat for order in orders]
    lons = [order.restaurant_position.lon for order in orders]
    south_west, south_east = Position(lat=min(lats), lon=min(lons)), Position(lat=min(lats), lon=max(lons))
    north_west = Position(lat=max(lats), lon=min(lons))
    if distance_m(south_west, south_east) > distance_m(south_west, north_west):
        orders = sorted(orders, key=lambda order: (order.restaurant_position.lon, order.restaurant_position.lat))
    else:
        orders = sorted(orders, key=lambda order: (order.restaurant_position.lat, order.restaurant_position.lon))
    middle = _between_restaurants(orders)
    return [*_cut(orders[:middle], most_orders), *_cut(orders[middle:], most_orders)]


def _between_restaurants(orders: Sequence[OrderInPlay]) -> int:
    """Where to cut: near the middle, one restaurant's orders on one side if there are several restaurants."""
    middle = len(orders) // 2
    for away in range(middle):
        for at in (middle - away, middle + away):
            if 0 < at < len(orders) and orders[at - 1].restaurant_position != orders[at].restaurant_position:
                return at
    return middle


def _free_at(one: OnDuty) -> Position:
    if not one.orders:
        return one.position
    last = one.orders[-1]
    return last.dropoff_position if last.status is Status.PICKED_UP else last.restaurant_position
