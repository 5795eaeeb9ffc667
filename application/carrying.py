"""The orders that a driver carries, as the log has them: what a second one has to go well with."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from application.kinds import DRIVER, ORDER
from application.store import EventStore
from domain.order import Order, Status, preparation_left_seconds
from domain.routing import Errand


class Carried:
    """The orders that drivers carry, each driver looked up once."""

    def __init__(self, store: EventStore, now: datetime) -> None:
        """`now` is business time."""
        self._store = store
        self._now = now
        self._known: dict[UUID, tuple[Errand, ...]] = {}

    def look_up(self, driver_ids: Collection[UUID]) -> None:
        """Ask about several drivers, in two round trips altogether."""
        asked = [driver_id for driver_id in driver_ids if driver_id not in self._known]
        drivers = self._store.load_many(DRIVER, asked)
        carried = {driver_id: drivers[driver_id].deliveries if driver_id in drivers else () for driver_id in asked}
        orders = self._store.load_many(ORDER, [order_id for ids in carried.values() for order_id in ids])
        self._known |= {
            driver_id: tuple(errand(orders[order_id], self._now) for order_id in ids)
            for driver_id, ids in carried.items()
        }

    def __call__(self, driver_id: UUID) -> tuple[Errand, ...]:
        """One driver's orders, those taken first in front. A driver who is not known carries nothing."""
        self.look_up([driver_id])
        return self._known[driver_id]


def carried_by(store: EventStore, now: datetime) -> Carried:
    """Look drivers' orders up in the store; `now` is business time."""
    return Carried(store, now)


def errand(order: Order, now: datetime) -> Errand:
    """An order as a route sees it."""
    return Errand(
        order_id=order.id,
        restaurant=order.restaurant_position,
        customer=order.dropoff_position,
        ready_seconds=preparation_left_seconds(order, now),
        picked_up=order.status is Status.PICKED_UP,
    )
