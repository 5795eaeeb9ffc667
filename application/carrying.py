"""The orders that a driver carries, as the log has them: what a second one has to go well with."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from application.kinds import DRIVER, ORDER
from application.store import EventStore
from domain.errors import NotFound
from domain.order import Order, Status, preparation_left_seconds
from domain.routing import Errand

type Carried = Callable[[UUID], tuple[Errand, ...]]
"""A driver to the orders carried, those taken first in front."""


def carried_by(store: EventStore, now: datetime) -> Carried:
    """Look drivers' orders up in the store; `now` is business time. A driver who is not known carries nothing."""

    def carried(driver_id: UUID) -> tuple[Errand, ...]:
        try:
            driver = store.load(DRIVER, driver_id)
        except NotFound:
            return ()
        return tuple(errand(store.load(ORDER, order_id), now) for order_id in driver.deliveries)

    return carried


def errand(order: Order, now: datetime) -> Errand:
    """An order as a route sees it."""
    return Errand(
        order_id=order.id,
        restaurant=order.restaurant_position,
        customer=order.dropoff_position,
        ready_seconds=preparation_left_seconds(order, now),
        picked_up=order.status is Status.PICKED_UP,
    )
