"""The restaurant's side: answers, cooks, and is sometimes late."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from simulation.book import Book
from simulation.client import Person, Refused, Unreachable
from simulation.scenario import OrderPlan, RestaurantPlan
from simulation.shapes import OVER, OrderStep
from simulation.stage import Stage

LATE_SECONDS = 240.0
"""A kitchen this much slower than it said counts as late in the report."""
PRESS_AGAIN_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 300.0
"""How often the work list is read although the live stream told nothing new."""


class Kitchen:
    """One restaurant at work."""

    def __init__(self, plan: RestaurantPlan, person: Person, stage: Stage) -> None:
        """`person` is logged in as the restaurant."""
        self.plan = plan
        self.person = person
        self._stage = stage
        self._seen: set[str] = set()
        self._over: set[str] = set()

    async def open(self) -> None:
        """Put the menu up and open."""
        items = [
            {"name": dish.name, "description": "", "category": dish.category, "price_minor": dish.price_minor}
            for dish in self.plan.menu
        ]
        await self.person.post("/v1/restaurant/menu/batch", {"items": items})
        await self.person.post("/v1/restaurant/opening")

    async def work(self) -> None:
        """Take and cook orders until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look(group))
            while True:
                async with aclosing(self.person.stream("/v1/restaurant/stream")) as messages:
                    async for message in messages:
                        if message.event == "snapshot":
                            self._take(group, message.data)
                        elif message.event == "order":
                            self._hear(group, msgspec.convert(message.data, OrderStep))
                await asyncio.sleep(0.05)

    async def _look(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self._stage.timeline.pause(LOOK_AGAIN_SECONDS)
            try:
                self._take(group, await self.person.get("/v1/restaurant/orders", open="true", limit=100))
            except (Refused, Unreachable) as error:
                self._book.trouble(error)

    @property
    def _book(self) -> Book:
        return self._stage.book

    def _take(self, group: asyncio.TaskGroup, snapshot: dict[str, Any]) -> None:
        for order in snapshot.get("items") or snapshot.get("orders") or ():
            self._begin(group, order["order_id"], order["status"])

    def _hear(self, group: asyncio.TaskGroup, step: OrderStep) -> None:
        if step.status in OVER:
            self._over.add(step.order_id)
        else:
            self._begin(group, step.order_id, step.status)

    def _begin(self, group: asyncio.TaskGroup, order_id: str, status: str) -> None:
        if order_id not in self._seen and status == "placed":
            self._seen.add(order_id)
            group.create_task(self._cook(order_id))

    async def _cook(self, order_id: str) -> None:
        plan = await self._book.fate(order_id)
        if plan is None:
            self._book.count("orders of strangers")
            return
        timeline, at = self._stage.timeline, plan.at_seconds
        await timeline.until(at + plan.answer_after_seconds)
        if plan.rejected:
            await self._do(order_id, "rejection", {"reason": "Out of ingredients"})
            return
        told = {"prep_seconds": self._told_seconds(plan)}
        if not await self._do(order_id, "confirmation", told):
            return
        await timeline.until(at + plan.start_after_seconds)
        if not await self._do(order_id, "preparation"):
            return
        await timeline.until(at + plan.ready_after_seconds)
        if await self._do(order_id, "readiness") and plan.late_seconds > LATE_SECONDS:
            self._book.count("late kitchens")

    def _told_seconds(self, plan: OrderPlan) -> int:
        return max(60, plan.told_prep_seconds)

    async def _do(self, order_id: str, step: str, body: Mapping[str, object] | None = None) -> bool:
        """Take one step; False when the order is over for the kitchen."""
        while order_id not in self._over:
            try:
                await self.person.post(f"/v1/orders/{order_id}/{step}", body)
            except Refused as refusal:
                if refusal.current_status not in OVER:
                    self._book.trouble(refusal)
                return False
            except Unreachable:
                # The cook presses the button again a little later.
                self._book.count("server away")
                await self._stage.timeline.pause(PRESS_AGAIN_SECONDS)
            else:
                return True
        return False
