"""What a plan is made of, looked up: earlier offers of each order, who is near the restaurants, and who carries what.

One round trip for each order that was offered before and for each restaurant: so there is a deadline. What was not
looked at by then is not planned this time.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from application.bootstrap import Tiffin
from application.kinds import ORDER
from application.matching import may_ask
from application.planner.outlook import OnDuty, by_driver
from application.positions import Near, silent_before
from application.reactions import rows
from domain import order as orders
from domain.geo import Position
from domain.region import Region
from projections.order_lists import OrderInPlay
from projections.valkey.rows import parse, unheard

AFTER_AN_OFFER = frozenset(
    event.TOPIC for event in (orders.OfferDeclined, orders.OfferExpired, orders.OfferWithdrawn, orders.DriverUnassigned)
)


class Asked(NamedTuple):
    """What earlier offers of an order leave: whom not to ask again, and whether there is another offer in the round."""

    drivers: frozenset[UUID]
    may_ask: bool


class Looking:
    """Looks around one region. Remembers what earlier offers were as long as the search they led to is the same."""

    def __init__(self, tiffin: Tiffin, region: Region) -> None:
        """Nothing is known yet."""
        self._tiffin, self._region = tiffin, region
        self._asked: dict[tuple[int, datetime], Asked] = {}

    def asked(self, waiting: Iterable[rows.Search], past: Callable[[], bool]) -> dict[UUID, Asked]:
        """Whom earlier offers rule out, by order; orders never offered need not be read. At least one is."""
        waiting = list(waiting)
        keys = {(one.position, one.due_at) for one in waiting}
        self._asked = {key: asked for key, asked in self._asked.items() if key in keys}
        found: dict[UUID, Asked] = {}
        read = False
        for one in waiting:
            if one.topic not in AFTER_AN_OFFER:
                found[one.order_id] = Asked(frozenset(), may_ask=True)
                continue
            key = (one.position, one.due_at)
            if key not in self._asked and not (read and past()):
                self._asked[key] = self._read(one.order_id)
                read = True
            if key in self._asked:
                found[one.order_id] = self._asked[key]
        return found

    def near(
        self, restaurants: Iterable[Position], now: datetime, past: Callable[[], bool]
    ) -> tuple[set[Position], dict[UUID, Near]]:
        """Who can be asked, around each restaurant, and which of these were looked at: at least the first."""
        machine_now, dispatch = self._tiffin.clock.machine_now(), self._region.dispatch
        found: dict[UUID, Near] = {}
        looked: set[Position] = set()
        for position in dict.fromkeys(restaurants):
            if looked and past():
                break
            looked.add(position)
            for one in self._tiffin.positions.nearest(
                self._region.id,
                position,
                k=dispatch.candidates,
                radius_m=dispatch.radii_m[-1],
                now=now,
                machine_now=machine_now,
            ):
                found[one.driver_id] = one
        return looked, found

    def carrying(self, in_play: Sequence[OrderInPlay], now: datetime) -> list[OnDuty]:
        """Who carries orders or is asked just now, and was heard of lately."""
        carrying = by_driver(in_play)
        if not carrying:
            return []
        state = self._tiffin.positions.keys[self._region.id].state
        texts = cast("list[bytes | None]", self._tiffin.valkey.hmget(state, [str(one) for one in carrying]))
        since = silent_before(self._region.dispatch, now, self._tiffin.clock.machine_now())
        found = []
        for (driver_id, carried), text in zip(carrying.items(), texts, strict=True):
            if text is None or unheard(text, *since):
                continue
            if (row := parse(text)).last is not None:
                full = max(row.load, len(carried)) >= row.capacity
                found.append(OnDuty(driver_id=driver_id, position=row.last.position, orders=carried, full=full))
        return found

    def forget(self) -> None:
        """Nothing is planned for a while."""
        self._asked.clear()

    def _read(self, order_id: UUID) -> Asked:
        order = self._tiffin.store.load(ORDER, order_id)
        drivers = frozenset() if order.round_over else frozenset(order.asked)
        return Asked(drivers, may_ask(order, self._region))
