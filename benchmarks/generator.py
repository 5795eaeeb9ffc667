"""One load generator: a process with people of its own. Started by `benchmarks.lifecycle`, not by hand.

Talks to its parent in lines: reads its Task, answers "ready" when everybody is logged in and listening, reads "go"
with the machine time of the first order, answers "placed" when its last order is on its way, reads "stop", and
answers with its Result. All latencies are in seconds.
"""

import asyncio
import sys
import time
from contextlib import aclosing
from datetime import datetime, timedelta
from itertools import count, cycle
from random import Random
from typing import Any

import msgspec
import uvloop

from simulation.city import dinner_rush
from simulation.client import Api, Person, Refused, Unreachable
from simulation.enrolment import People, enrol
from simulation.scenario import Scenario

PING_SECONDS = 10.0
NOT_READY_SECONDS = 0.05
PICKUP_ATTEMPTS = 200
"""A driver who comes before the food asks again this often, every NOT_READY_SECONDS."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What one generator has to do. `rate` and the counts are its own share."""

    base_url: str
    number: int
    generators: int
    region: str
    center: tuple[float, float]
    customers: int
    restaurants: int
    drivers: int
    origin: datetime
    """Where business time stands still until "go"; from then on it runs like machine time."""
    seconds: float
    rate: float = 0.0
    """Lifecycles begun a second, open loop; unused when `placers` are given."""
    placers: int = 0
    """Closed-loop customers who place as fast as they are answered, and nothing else happens."""


class Result(msgspec.Struct, kw_only=True):
    """What one generator saw."""

    placed: list[str] = []
    place: list[float] = []
    """From the intended start to the 201; closed loop: from the call."""
    visible: list[float] = []
    """From the 201 to the read model's answer that includes it."""
    calls: list[float] = []
    """Every command after the placement, from its call."""
    errors: list[str] = []
    repeats: int = 0


class Generator:
    """Lives through its task."""

    def __init__(self, task: Task, api: Api, people: People, scenario: Scenario) -> None:
        """Everybody in `people` is logged in."""
        self.task = task
        self.api = api
        self.people = people
        self.scenario = scenario
        self.result = Result()
        self.rng = Random(task.number)  # noqa: S311 - load, not secrets
        self.bodies: list[tuple[Person, dict[str, Any]]] = []
        self.started: float | None = None
        """Machine time at which the world's clock began to run."""

    async def open(self) -> None:
        """Menus up, doors open, drivers on shift and somewhere."""
        doors = asyncio.Semaphore(16)

        async def restaurant(person: Person) -> None:
            async with doors:
                items = [{"name": "Dal", "description": "", "category": "mains", "price_minor": 990}]
                answer = await person.post("/v1/restaurant/menu/batch", {"items": items})
                await person.post("/v1/restaurant/opening")
                request = {
                    "restaurant_id": person.subject_id,
                    "lines": [{"item_id": answer.body["items"][0], "quantity": 2}],
                }
                self.bodies.append((person, request))

        async def driver(person: Person, number: int) -> None:
            async with doors:
                await person.post("/v1/driver/shift")
                await self._ping(person, number)

        await asyncio.gather(
            *(restaurant(person) for person in self.people.restaurants),
            *(driver(person, number) for number, person in enumerate(self.people.drivers)),
        )

    async def lifecycles(self, start: float) -> None:
        """Begin `rate` orders a second from `start` (machine time) on, whatever becomes of them."""
        async with asyncio.TaskGroup() as group:
            customers = cycle(self.people.customers)
            step = 1 / self.task.rate
            for number in count():
                # The generators take turns: each begins its first order one turn after the one before.
                due = start + step * (number + self.task.number / self.task.generators)
                if due >= start + self.task.seconds:
                    break
                await asyncio.sleep(max(0.0, due - time.time()))
                group.create_task(self._order(next(customers), due))

    async def placements(self, start: float) -> None:
        """Place as fast as the answers come."""
        await asyncio.sleep(max(0.0, start - time.time()))

        async def placer(customer: Person) -> None:
            while time.time() < start + self.task.seconds:
                await self._place(customer, self._request()[1], time.time())

        customers = cycle(self.people.customers)
        await asyncio.gather(*(placer(next(customers)) for _ in range(self.task.placers)))

    async def _order(self, customer: Person, due: float) -> None:
        restaurant, request = self._request()
        placed = await self._place(customer, request, due)
        if placed is None:
            return
        order_id, position = placed
        order = f"/v1/orders/{order_id}"
        asked = time.time()
        try:
            seen = await self.api.call("GET", order, token=customer.token, position=position)
            self.result.visible.append(time.time() - asked)
            if seen.position is not None and seen.position < position:
                self.result.errors.append(f"{order} was read at {seen.position}, before its placement at {position}")
            await self._timed(restaurant, f"{order}/confirmation", {"prep_seconds": 60})
            await self._timed(restaurant, f"{order}/preparation")
            await self._timed(restaurant, f"{order}/readiness")
        except (Refused, Unreachable) as error:
            self.result.errors.append(str(error))

    async def _place(self, customer: Person, request: dict[str, Any], due: float) -> tuple[str, int] | None:
        try:
            reply = await customer.post("/v1/orders", request)
        except (Refused, Unreachable) as error:
            self.result.errors.append(str(error))
            return None
        self.result.place.append(time.time() - due)
        self.result.placed.append(reply.body["id"])
        return reply.body["id"], reply.position or 0

    def _request(self) -> tuple[Person, dict[str, Any]]:
        restaurant, request = self.rng.choice(self.bodies)
        lat, lon = self.scenario.plane.to_degrees(self.rng.choice(self.scenario.restaurants).point)
        return restaurant, request | {"dropoff": {"position": {"lat": lat, "lon": lon}, "address": "Rua 1"}}

    async def _timed(self, person: Person, path: str, body: object = None) -> None:
        began = time.time()
        await person.post(path, body)
        self.result.calls.append(time.time() - began)

    # Drivers

    async def drive(self, person: Person, number: int, listening: asyncio.Event) -> None:
        """Ping, and do at once whatever is offered, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_pinging(person, number))
            while True:
                async with aclosing(person.stream("/v1/driver/stream")) as messages:
                    async for message in messages:
                        if message.event == "snapshot":
                            listening.set()
                            for offer in message.data["offers"]:
                                group.create_task(self._deliver(person, offer["order_id"], offer["offer_id"]))
                        elif message.event == "order" and message.data["topic"] == "order.driver_offered":
                            offer_id = message.data["data"]["offer_id"]
                            group.create_task(self._deliver(person, message.data["order_id"], offer_id))
                await asyncio.sleep(0.05)

    async def _deliver(self, person: Person, order_id: str, offer_id: str) -> None:
        order = f"/v1/orders/{order_id}"
        try:
            await self._timed(person, f"{order}/offers/{offer_id}/acceptance")
            await self._timed(person, f"{order}/arrival")
            for _ in range(PICKUP_ATTEMPTS):
                try:
                    await self._timed(person, f"{order}/pickup")
                    break
                except Refused as refusal:
                    if refusal.current_status not in ("confirmed", "preparing"):
                        raise
                    await asyncio.sleep(NOT_READY_SECONDS)
            await self._timed(person, f"{order}/delivery")
        except (Refused, Unreachable) as error:
            self.result.errors.append(str(error))

    async def _keep_pinging(self, person: Person, number: int) -> None:
        await asyncio.sleep(self.rng.uniform(0, PING_SECONDS))
        while True:
            try:
                await self._ping(person, number)
            except (Refused, Unreachable) as error:
                self.result.errors.append(str(error))
            await asyncio.sleep(PING_SECONDS)

    async def _ping(self, person: Person, number: int) -> None:
        lat, lon = self.scenario.plane.to_degrees(self.scenario.drivers[number].start)
        elapsed = 0.0 if self.started is None else max(0.0, time.time() - self.started)
        at = self.task.origin + timedelta(seconds=elapsed)
        await person.post("/v1/driver/positions", {"lat": lat, "lon": lon, "at": at.isoformat()})


async def main() -> None:
    """Follow the parent's lines."""
    task = msgspec.json.decode(await _line(), type=Task)
    scenario = dinner_rush(
        center=task.center,
        region=task.region,
        timezone="UTC",
        metres_per_second=5,
        seed=task.number,
        restaurants=task.restaurants,
        drivers=task.drivers,
        customers=task.customers,
        orders=0,
    )
    async with Api(task.base_url) as api:
        generator = Generator(task, api, await enrol(api, scenario), scenario)
        await generator.open()
        listening = [asyncio.Event() for _ in generator.people.drivers]
        driving = [
            asyncio.create_task(generator.drive(person, number, listening[number]))
            for number, person in enumerate(generator.people.drivers)
        ]
        await asyncio.gather(*(event.wait() for event in listening))
        _say(b"ready")
        generator.started = start = float((await _line()).split()[1])
        await (generator.placements(start) if task.placers else generator.lifecycles(start))
        _say(b"placed")
        await _line()
        for drive in driving:
            drive.cancel()
        await asyncio.gather(*driving, return_exceptions=True)
        generator.result.repeats = api.repeats
    _say(msgspec.json.encode(generator.result))


async def _line() -> bytes:
    return await asyncio.to_thread(sys.stdin.buffer.readline)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(main())
