"""What the simulated people know among themselves: the orders they placed, the fate of each, and what went wrong."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from simulation.client import Person
from simulation.scenario import OrderPlan

FATE_TIMEOUT_SECONDS = 20.0
MOST_TROUBLES_KEPT = 20


@dataclass(frozen=True)
class PlacedOrder:
    """An order that got its 201."""

    order_id: str
    plan: OrderPlan
    customer: Person


@dataclass
class Book:
    """One run's notes."""

    placed: dict[str, PlacedOrder] = field(default_factory=dict)
    """The client's own list: by order id."""
    counts: Counter[str] = field(default_factory=Counter)
    """How often each behaviour happened, by its name in the report."""
    troubles: list[str] = field(default_factory=list)
    """The first answers that nobody expected, as they were."""
    _fates: dict[str, asyncio.Future[OrderPlan]] = field(default_factory=dict)

    def write_down(self, order: PlacedOrder) -> None:
        """Note a 201, and let the kitchen know what fate holds."""
        self.placed[order.order_id] = order
        self._fate(order.order_id).set_result(order.plan)

    async def fate(self, order_id: str) -> OrderPlan | None:
        """What is going to happen to an order; None for one that nobody here placed.

        The restaurant's live stream may be faster than the customer's 201, hence the wait.
        """
        try:
            async with asyncio.timeout(FATE_TIMEOUT_SECONDS):
                return await asyncio.shield(self._fate(order_id))
        except TimeoutError:
            return None

    def count(self, what: str) -> None:
        """Count a behaviour."""
        self.counts[what] += 1

    def trouble(self, error: Exception) -> None:
        """Note an answer that nobody expected."""
        self.counts["troubles"] += 1
        if len(self.troubles) < MOST_TROUBLES_KEPT:
            self.troubles.append(str(error))

    def _fate(self, order_id: str) -> asyncio.Future[OrderPlan]:
        return self._fates.setdefault(order_id, asyncio.get_running_loop().create_future())
