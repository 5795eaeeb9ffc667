"""Drivers who should have been free long ago: nobody knows when they will be, so no order is to wait for them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from application.planner.outlook import OnDuty, minutes, problem
from domain.order import Status
from domain.region import Region

PATIENCE = timedelta(minutes=10)
"""Business time; kitchens, doors and lifts take longer than planned."""

type Hands = tuple[tuple[UUID, Status], ...]


class Overdue:
    """Remembers when each driver of a region would be free, as it was foreseen when they last got on."""

    def __init__(self, region: Region) -> None:
        """Nobody is known yet."""
        self._region = region
        self._expected: dict[UUID, tuple[Hands, float]] = {}

    def left_out(self, on_duty: Sequence[OnDuty], now: datetime) -> list[OnDuty]:
        """Leave out who is late. A plan foresees everybody to be free soon from now, however long that has been so."""
        new = [one for one in on_duty if self._expected.get(one.driver_id, ((), 0.0))[0] != _hands(one)]
        expected = self._expected | {one.driver_id: (_hands(one), at) for one, at in self._foreseen(new, now)}
        self._expected = {one.driver_id: expected[one.driver_id] for one in on_duty if one.driver_id in expected}
        latest = minutes(now - PATIENCE)
        return [one for one in on_duty if not _hands(one) or self._expected[one.driver_id][1] >= latest]

    def _foreseen(self, new: Sequence[OnDuty], now: datetime) -> Iterator[tuple[OnDuty, float]]:
        found = problem(self._region, now, (), new, {})
        ready = {order.id: order.ready_min for order in found.orders}
        for one, driver in zip(new, found.drivers, strict=True):
            yield one, max([driver.free_min, *(ready[order_id] for order_id in driver.locked)])


def _hands(one: OnDuty) -> Hands:
    """What the driver carries, and how far it is; who is only asked will have answered soon."""
    return tuple((order.order_id, order.status) for order in one.orders if order.driver_id == one.driver_id)
