"""Orders whose kitchen's time is over while the plan's driver cannot be asked yet: their customers hear of it."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from uuid import UUID

PATIENCE = timedelta(minutes=1)
"""Business time for which food that should be ready is foreseen for somebody and offered to nobody, untold."""


class Unserved:
    """Remembers since when each of a region's ready orders has waited, and whether its customer was told."""

    def __init__(self) -> None:
        """Nothing waits yet."""
        self._since: dict[UUID, datetime] = {}
        self._told: set[UUID] = set()

    def to_tell(self, waiting: Collection[UUID], ready: Collection[UUID], now: datetime) -> Iterator[UUID]:
        """Of the `ready`, who have waited long enough and were not told since they last left the `waiting`."""
        self._told.intersection_update(waiting)
        self._since = {order_id: self._since.get(order_id, now) for order_id in ready}
        for order_id, since in self._since.items():
            if order_id not in self._told and now - since >= PATIENCE:
                yield order_id

    def told(self, order_id: UUID) -> None:
        """Say nothing more of it, unless it is offered and waits anew."""
        self._told.add(order_id)
