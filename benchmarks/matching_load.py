"""One load process of `benchmarks.matching`: drivers at their sockets, restaurants that confirm. Not started by hand.

Talks to its parent in lines: reads its Task, answers "ready" when every driver listens and every order is placed,
reads "go" with the machine time of the first confirmation, answers "confirmed" after the last one, reads "stop", and
answers with its Result. All times are seconds of machine time.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import uvloop

from benchmarks.matching_people import People, Someone
from simulation.client import Api, Person, Refused, Unreachable

CONNECTING = 12
RECONNECT_SECONDS = 1.0
PLACING = 24
TICK_SECONDS = 0.02
OFFERED = '"topic":"order.driver_offered"'
SNAPSHOT = '"type":"snapshot"'


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What one load process has to do. `rate` and `orders` are its own share."""

    base_url: str
    people: str
    """A file."""
    number: int
    processes: int
    orders: int
    rate: float
    ping_seconds: float
    carry_seconds: float
    origin: datetime
    """Where business time stands still until "go"; from then on it runs like machine time."""


class Result(msgspec.Struct, kw_only=True):
    """What one load process saw."""

    confirmed: dict[UUID, float] = {}
    """When its orders were to be confirmed; only of those that were."""
    heard: dict[UUID, float] = {}
    """When an order's first offer arrived at a socket, whoever confirmed that order."""
    confirm: list[float] = []
    """From when a confirmation was due to its answer."""
    lags: list[float] = []
    """How late this process's own timers ran: what its figures may be wrong by."""
    offers: int = 0
    frames: int = 0
    errors: list[str] = []
    repeats: int = 0
    closed: list[int] = []
    """The codes that sockets were closed with; each driver connects again."""


class _Offer(msgspec.Struct):
    offer_id: UUID


class _OrderOffered(msgspec.Struct):
    order_id: UUID
    data: _Offer


class _StandingOffer(msgspec.Struct):
    order_id: UUID
    offer_id: UUID


class _Standing(msgspec.Struct):
    offers: list[_StandingOffer]


class _Frame[D](msgspec.Struct):
    data: D


class Load:
    """Lives through its task."""

    def __init__(self, task: Task, api: Api, people: People) -> None:
        """Everybody in `people` is logged in."""
        self.task = task
        self.api = api
        self.people = people
        self.result = Result()
        self.rng = Random(task.number)  # noqa: S311 - load, not secrets
        self.orders: list[tuple[UUID, Person, Person]] = []
        """With the restaurant that confirms it and the customer who gives up in the end."""
        self.started: float | None = None
        self.gone = asyncio.Event()
        """Time runs."""
        self._read = msgspec.json.Decoder(_Frame[_OrderOffered]).decode
        self._read_snapshot = msgspec.json.Decoder(_Frame[_Standing]).decode
        self._tasks: set[asyncio.Task[Any]] = set()

    # Drivers

    async def listen(self) -> None:
        """Open every driver's socket."""
        doors = asyncio.Semaphore(CONNECTING)

        async def connect(driver: Someone) -> None:
            listening = asyncio.Event()
            async with doors:
                self._begin(self._drive(driver, listening))
                await listening.wait()

        await asyncio.gather(*(connect(driver) for driver in self.people.drivers))

    async def _drive(self, driver: Someone, listening: asyncio.Event) -> None:
        url = self.task.base_url.replace("http", "ws", 1) + "/v1/driver/stream"
        headers = {"Authorization": f"Bearer {driver.token}"}
        while True:
            try:
                async with self.api.http.ws_connect(url, headers=headers, max_msg_size=2**20) as socket:
                    await self._follow(driver, socket, listening)
                self.result.closed.append(socket.close_code or 0)
            except aiohttp.ClientError as error:
                self.result.errors.append(repr(error))
            await asyncio.sleep(self.rng.uniform(0, RECONNECT_SECONDS))

    async def _follow(self, driver: Someone, socket: aiohttp.ClientWebSocketResponse, listening: asyncio.Event) -> None:
        person = Person(self.api, driver.token, str(driver.id))
        await socket.send_str(self._ping(driver))
        self._begin(self._keep_pinging(driver, socket))
        async for message in socket:
            now = time.time()
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            self.result.frames += 1
            if OFFERED in message.data:
                offer = self._read(message.data).data
                self._hear(person, offer.order_id, offer.data.offer_id, now)
            elif SNAPSHOT in message.data:
                listening.set()
                for standing in self._read_snapshot(message.data).data.offers:
                    self._hear(person, standing.order_id, standing.offer_id, now)

    def _hear(self, person: Person, order_id: UUID, offer_id: UUID, now: float) -> None:
        self.result.offers += 1
        self.result.heard.setdefault(order_id, now)
        self._begin(self._post(person, f"/v1/orders/{order_id}/offers/{offer_id}/acceptance"))

    async def _keep_pinging(self, driver: Someone, socket: aiohttp.ClientWebSocketResponse) -> None:
        await self.gone.wait()
        await asyncio.sleep(self.rng.uniform(0, self.task.ping_seconds))
        while not socket.closed:
            await socket.send_str(self._ping(driver))
            await asyncio.sleep(self.task.ping_seconds)

    def _ping(self, driver: Someone) -> str:
        elapsed = 0.0 if self.started is None else max(0.0, time.time() - self.started)
        at = self.task.origin + timedelta(seconds=elapsed)
        return msgspec.json.encode({"lat": driver.position.lat, "lon": driver.position.lon, "at": at}).decode()

    # Orders

    async def place(self) -> None:
        """Place every order, as fast as the answers come."""
        kitchens = [(one, Person(self.api, one.token, str(one.id))) for one in self.people.restaurants]
        customers = [(one, Person(self.api, one.token, str(one.id))) for one in self.people.customers]
        doors = asyncio.Semaphore(PLACING)

        async def one(number: int) -> None:
            async with doors:
                place, kitchen = kitchens[number % len(kitchens)]
                home, customer = customers[number % len(customers)]
                body = {
                    "restaurant_id": place.id,
                    "lines": [{"item_id": place.item_id, "quantity": 2}],
                    "dropoff": {"position": home.position, "address": "Rua 1"},
                }
                reply = await customer.post("/v1/orders", body)
                self.orders.append((UUID(reply.body["id"]), kitchen, customer))

        await asyncio.gather(*(one(number) for number in range(self.task.orders)))
        self.rng.shuffle(self.orders)

    async def confirm(self, start: float) -> None:
        """Confirm `rate` orders a second from `start` on, whatever becomes of them."""
        self._begin(self._measure_lag())
        step = 1 / self.task.rate
        confirming: list[asyncio.Task[None]] = []
        for number, (order_id, kitchen, customer) in enumerate(self.orders):
            # The processes take turns.
            due = start + step * (number + self.task.number / self.task.processes)
            await asyncio.sleep(max(0.0, due - time.time()))
            confirming.append(self._begin(self._confirm(order_id, kitchen, due)))
            self._begin(self._give_up(order_id, customer))
        await asyncio.gather(*confirming)

    async def _confirm(self, order_id: UUID, kitchen: Person, due: float) -> None:
        if await self._post(kitchen, f"/v1/orders/{order_id}/confirmation", {"prep_seconds": 600}):
            self.result.confirm.append(time.time() - due)
            self.result.confirmed[order_id] = due

    async def _give_up(self, order_id: UUID, customer: Person) -> None:
        await asyncio.sleep(self.task.carry_seconds)
        await self._post(customer, f"/v1/orders/{order_id}/cancellation", {"reason": "frees the driver"})

    async def _post(self, person: Person, path: str, body: object = None) -> bool:
        try:
            await person.post(path, body)
        except (Refused, Unreachable) as error:
            self.result.errors.append(str(error))
            return False
        return True

    async def _measure_lag(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            self.result.lags.append(time.perf_counter() - before - TICK_SECONDS)

    async def end(self) -> None:
        """Whatever is still under way is of no more interest."""
        under_way = list(self._tasks)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _begin[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def main() -> None:
    """Follow the parent's lines."""
    task = msgspec.json.decode(await _line(), type=Task)
    written = await asyncio.to_thread(Path(task.people).read_bytes)
    people = msgspec.json.decode(written, type=People).share(task.number, task.processes)
    async with Api(task.base_url) as api:
        load = Load(task, api, people)
        await load.listen()
        await load.place()
        gc.collect()
        gc.freeze()
        _say(b"ready")
        start, load.started = (float(word) for word in (await _line()).split()[1:])
        load.gone.set()
        await load.confirm(start)
        _say(b"confirmed")
        await _line()
        load.result.repeats = api.repeats
        answer = msgspec.json.encode(load.result)
        await load.end()
    _say(answer)


async def _line() -> bytes:
    return await asyncio.to_thread(sys.stdin.buffer.readline)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(main())
