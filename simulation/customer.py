"""The customer's side: browses, orders, follows, and sometimes thinks better of it."""

import asyncio
from contextlib import aclosing
from typing import Any

import msgspec

from simulation.book import PlacedOrder
from simulation.client import Person, Refused, Unreachable
from simulation.scenario import OrderPlan
from simulation.shapes import OVER, OrderStep
from simulation.stage import Stage

BROWSE_RADIUS_M = 2_500
QUOTE_RATE = 0.3


class Customer:
    """Somebody hungry."""

    def __init__(self, person: Person, stage: Stage, restaurant_ids: list[str]) -> None:
        """`restaurant_ids` are those of the scenario's restaurants, in their order."""
        self.person = person
        self._stage = stage
        self._restaurant_ids = restaurant_ids

    async def live(self, number: int, plan: OrderPlan) -> None:
        """Go through one order of the scenario, its `number`th."""
        await self._stage.timeline.until(plan.at_seconds)
        try:
            order_id = await self._order(number, plan)
            if order_id is None:
                return
            self._stage.book.write_down(PlacedOrder(order_id, plan, self.person))
            await asyncio.gather(self._follow(order_id, plan), self._think_better(order_id, plan))
        except (Refused, Unreachable) as error:
            self._stage.book.trouble(error)

    async def _order(self, number: int, plan: OrderPlan) -> str | None:
        rng = self._stage.rng(f"order:{number}")
        restaurant_id = await self._choose(plan, rng.random())
        if restaurant_id is None:
            self._stage.book.count("nothing near by")
            return None
        menu = (await self.person.get(f"/v1/restaurants/{restaurant_id}"))["menu"]
        available = [item for item in menu if item["available"]]
        dishes = rng.sample(available, min(plan.lines, len(available)))
        request = {
            "restaurant_id": restaurant_id,
            "lines": [{"item_id": dish["item_id"], "quantity": rng.choice((1, 1, 2))} for dish in dishes],
            "dropoff": {
                "position": self._stage.position(plan.dropoff),
                "address": f"Rua {number + 1}",
                "instructions": rng.choice(("", "Ring twice", "Leave at the door")),
            },
            "tip_minor": plan.tip_minor,
        }
        if rng.random() < QUOTE_RATE:
            await self.person.post("/v1/quotes", request)
        placed = await self.person.post("/v1/orders", request)
        return str(placed.body["id"])

    async def _choose(self, plan: OrderPlan, draw: float) -> str | None:
        if plan.restaurant is not None:
            return self._restaurant_ids[plan.restaurant]
        lat, lon = self._stage.degrees(plan.dropoff)
        near = await self.person.get(
            "/v1/restaurants", lat=lat, lon=lon, radius_m=BROWSE_RADIUS_M, open="true", limit=20
        )
        items: list[dict[str, Any]] = near["items"]
        # Nearer ones are likelier: the square of an even draw leans towards the front of the list.
        return str(items[int(draw * draw * len(items))]["id"]) if items else None

    async def _think_better(self, order_id: str, plan: OrderPlan) -> None:
        if plan.cancel_after_seconds is None:
            return
        await self._stage.timeline.until(plan.at_seconds + plan.cancel_after_seconds)
        try:
            await self.person.post(f"/v1/orders/{order_id}/cancellation", {"reason": "Changed my mind"})
        except Refused as refusal:
            if refusal.current_status is None:
                raise
            self._stage.book.count("cancellations too late")
        else:
            self._stage.book.count("cancelling customers")

    async def _follow(self, order_id: str, plan: OrderPlan) -> None:
        """Watch the live stream until the order is over."""
        if not plan.watched:
            return
        book, version = self._stage.book, 0
        while True:
            async with aclosing(self.person.stream(f"/v1/orders/{order_id}/stream")) as messages:
                async for message in messages:
                    book.count(f"live {message.event} messages")
                    if message.event not in ("snapshot", "order"):
                        continue
                    status, now_at = self._heard(message.event, message.data)
                    if message.event == "order" and now_at > version + 1:
                        book.count("gaps in live streams")
                    version = max(version, now_at)
                    if status in OVER:
                        return
            await asyncio.sleep(0.05)

    def _heard(self, event: str, data: dict[str, Any]) -> tuple[str, int]:
        if event == "snapshot":
            return str(data["status"]), int(data["version"])
        step = msgspec.convert(data, OrderStep)
        return step.status, step.version
