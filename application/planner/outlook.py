"""What a plan is made of: a region's open orders and its drivers, who are free or will be, as a `planning.Problem`."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from math import inf
from uuid import UUID

import msgspec

from application.planner.roads import Roads
from domain.batching import MOST_ORDERS
from domain.eta import travel_seconds
from domain.geo import Position, distance_m
from domain.order import NEEDS_DRIVER, Status
from domain.region import Region
from domain.routing import Errand, best_route
from planning.problem import Driver, Order, Plan, Problem
from projections.order_lists import OrderInPlay

PICKUP_SERVICE_MIN, DROPOFF_SERVICE_MIN = 2.0, 2.0
"""What stopping costs beside the drive."""


class OnDuty(msgspec.Struct, frozen=True, kw_only=True):
    """A driver and what they carry or are asked for just now."""

    driver_id: UUID
    position: Position
    orders: tuple[OrderInPlay, ...] = ()
    full: bool = False
    """Has as many as the driver may carry."""


def minutes(at: datetime) -> float:
    """A moment as plans count them."""
    return at.timestamp() / 60.0


def ready_seconds(order: OrderInPlay, now: datetime) -> float:
    """What the kitchen still needs, as it said when it confirmed; nothing once it is overdue or the food is ready."""
    if order.status not in (Status.CONFIRMED, Status.PREPARING) or order.confirmed_at is None:
        return 0.0
    return max(0.0, order.prep_seconds - (now - order.confirmed_at).total_seconds())


def problem(
    region: Region,
    now: datetime,
    searching: Sequence[OrderInPlay],
    on_duty: Sequence[OnDuty],
    refused: Mapping[UUID, AbstractSet[UUID]],
) -> Problem:
    """Put the region into numbers. `refused`: driver to the orders that are not for them."""

    def drive(metres: float) -> float:
        return travel_seconds(metres, region.travel, now, region.timezone)

    roads = Roads(drive(1.0) / 60.0)
    orders: dict[UUID, Order] = {}

    def known(order: OrderInPlay) -> Order:
        if order.order_id not in orders:
            orders[order.order_id] = Order(
                id=order.order_id.int,
                placed_min=minutes(order.placed_at),
                ready_min=minutes(now) + ready_seconds(order, now) / 60.0,
                restaurant=roads.place(order.restaurant_position),
                place=roads.place(order.dropoff_position),
            )
        return orders[order.order_id]

    def driver(one: OnDuty) -> Driver:
        place, busy_min, locked = one.position, 0.0, frozenset[int]()
        if one.orders and _one_pickup(one.orders):
            place = one.orders[0].restaurant_position
            busy_min = drive(distance_m(one.position, place)) / 60.0
            locked = frozenset(known(order).id for order in one.orders)
        elif one.orders:
            route = best_route(one.position, [_errand(order, now) for order in one.orders], drive)
            place = route.stops[-1].position
            busy_min = route.seconds / 60.0 + len(one.orders) * DROPOFF_SERVICE_MIN
        return Driver(
            id=one.driver_id.int,
            place=roads.place(place),
            free_min=minutes(now) + busy_min,
            off_min=inf,
            locked=locked,
            heading=bool(locked),
            sealed=one.full and bool(locked),
            refused=frozenset(order_id.int for order_id in refused.get(one.driver_id, ())) - locked,
        )

    demand = Counter(known(order).restaurant for order in searching)
    drivers = tuple(driver(one) for one in on_duty)
    return Problem(
        now_min=minutes(now),
        orders=tuple(orders.values()),
        drivers=drivers,
        travel_min=roads,
        pickup_service_min=PICKUP_SERVICE_MIN,
        dropoff_service_min=DROPOFF_SERVICE_MIN,
        demand=demand,
        bundle_orders=MOST_ORDERS,
        reach_min=drive(region.dispatch.radii_m[-1]) / 60.0,
    )


def followed(previous: Plan, new: Problem) -> Plan:
    """An earlier plan in terms of what is known of its orders now; who is under way begins with what they carry."""
    orders = {order.id: order for order in new.orders}
    taken = {order_id for driver in new.drivers for order_id in driver.locked}
    plan: Plan = {}
    for driver in new.drivers:
        free = [
            tuple(orders[order.id] for order in bundle if order.id in orders and order.id not in taken)
            for bundle in previous.get(driver.id, ())
        ]
        first = tuple(orders[order_id] for order_id in sorted(driver.locked))
        if first:
            joining = free[0] if free and free[0] and free[0][0].restaurant == first[0].restaurant else ()
            rest = free[1:] if joining else free
            room = 0 if driver.sealed else new.bundle_orders - len(first)
            free = [(*first, *joining[:room]), joining[room:], *rest]
        if route := tuple(bundle for bundle in free if bundle):
            plan[driver.id] = route
    return plan


def by_driver(in_play: Sequence[OrderInPlay]) -> dict[UUID, tuple[OrderInPlay, ...]]:
    """Who carries what, or is asked for it: the likely answer is yes."""
    found: dict[UUID, list[OrderInPlay]] = defaultdict(list)
    for order in in_play:
        driver_id = order.driver_id or order.offered_to
        if driver_id is not None:
            found[driver_id].append(order)
    return {driver_id: tuple(orders) for driver_id, orders in found.items()}


def _one_pickup(orders: Sequence[OrderInPlay]) -> bool:
    """Whether all is still to be picked up, and at one restaurant: then more from there can join."""
    return all(order.status in NEEDS_DRIVER for order in orders) and len({order.restaurant_id for order in orders}) == 1


def _errand(order: OrderInPlay, now: datetime) -> Errand:
    return Errand(
        order_id=order.order_id,
        restaurant=order.restaurant_position,
        customer=order.dropoff_position,
        ready_seconds=ready_seconds(order, now),
        picked_up=order.status is Status.PICKED_UP,
    )
