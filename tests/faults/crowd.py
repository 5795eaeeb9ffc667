"""Drivers' devices and customers who watch, on one event loop in a thread beside the test.

They do what good clients do: repeat what got no answer with the same key, and connect again when cut off. An answer
of status 500 is nobody's fault but ours and is kept in `faults`.
"""

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp

from tests.api.people import HERE, Person

PING_SECONDS = 0.2
LOOK_SECONDS = 0.3
AGAIN_SECONDS = 0.2
AWAY = frozenset({429, 502, 503, 504})
LOST = (aiohttp.ClientError, TimeoutError, OSError)
TIMEOUT = aiohttp.ClientTimeout(total=15.0, sock_connect=5.0)
OPEN_END = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
METRES_NORTH = 1 / 111_195


class Answer(NamedTuple):
    """What an HTTP call came to, after how many tries and seconds."""

    status: int
    body: Any
    tries: int
    seconds: float


class Crowd:
    """A context manager; everybody leaves at its end."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.faults: list[str] = []
        self.delivering = False
        """Whether drivers go on with what they carry."""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="crowd")
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20.0)
        assert not self._thread.is_alive()

    def rider(self, person: Person, *, metres_away: float, skew: timedelta = timedelta()) -> "Rider":
        """A driver on shift, whose device is connected from now on."""
        person.do("/v1/driver/shift")
        rider = Rider(self, person, metres_away, skew)
        self.begin(rider.ride())
        self.begin(rider.deliver())
        return rider

    def watcher(self, person: Person, order_id: str) -> "Watcher":
        """A customer who looks at where the order is."""
        watcher = Watcher(self, person, order_id)
        self.begin(watcher.watch())
        return watcher

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(self._keep(work), self.loop).result(5.0)

    def call(self, person: Person, path: str, body: Any = None, *, method: str = "POST", key: str = "") -> Answer:
        """Call until there is an answer that is not "later"; from the test's thread."""
        asked = self.ask(person, path, body, method=method, key=key or str(uuid.uuid4()))
        return asyncio.run_coroutine_threadsafe(asked, self.loop).result(90.0)

    async def ask(self, person: Person, path: str, body: Any = None, *, method: str = "POST", key: str = "") -> Answer:
        began, tries = time.monotonic(), 0
        while time.monotonic() - began < 60.0:
            tries += 1
            headers = {"Authorization": f"Bearer {person.token}"} | ({"Idempotency-Key": key} if key else {})
            with suppress(*LOST):
                async with self.session.request(
                    method, self.base_url + path, json=body, headers=headers, timeout=TIMEOUT
                ) as answer:
                    told = json.loads(await answer.read() or b"null")
                    if answer.status == 500:
                        self.faults.append(f"{method} {path}: {told}")
                    if answer.status not in AWAY:
                        return Answer(answer.status, told, tries, time.monotonic() - began)
            await asyncio.sleep(AGAIN_SECONDS)
        raise AssertionError(f"{method} {path} was not answered within a minute, in {tries} tries")

    async def _live(self) -> None:
        self.loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with aiohttp.ClientSession() as self.session:
            self._ready.set()
            await self._over.wait()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.faults.append(repr(error))


class Rider:
    """A driver: pings over the WebSocket, accepts what is offered there, delivers when the crowd does."""

    def __init__(self, crowd: Crowd, person: Person, metres_away: float, skew: timedelta) -> None:
        self.crowd = crowd
        self.person = person
        self.skew = skew
        self.place = HERE | {"lat": HERE["lat"] + metres_away * METRES_NORTH}
        self.accepts = True
        self.reachable = True
        self.sent = 0
        self.outcomes: dict[str, int] = {}
        """How many frames were answered how; of `taken`, how many positions were accepted or dropped."""
        self.accepted_at: list[float] = []
        self.lines = 0
        self.offers: list[str] = []
        """Offers heard of, each once."""
        self.spoil: Callable[[int], str | None] = lambda _number: None
        """What to send in place of the frame with this number."""
        self._line: aiohttp.ClientWebSocketResponse | None = None
        self._answering: set[asyncio.Task[None]] = set()

    def cut(self, *, for_good: bool = False) -> None:
        """The network is gone from one moment to the next: nobody says goodbye. `for_good`: until made reachable."""
        self.reachable = not for_good

        def abort() -> None:
            if self._line is not None and (transport := self._line._response.connection) is not None:
                assert transport.transport is not None
                transport.transport.abort()

        self.crowd.loop.call_soon_threadsafe(abort)

    async def ride(self) -> None:
        while True:
            if self.reachable:
                with suppress(*LOST):
                    await self._connected()
            await asyncio.sleep(AGAIN_SECONDS)

    async def deliver(self) -> None:
        """By what the server says, not by what was heard: this is not what is tested."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self.crowd.delivering:
                continue
            carried = await self.crowd.ask(self.person, "/v1/driver/orders?open=true", method="GET")
            assert carried.status == 200, carried
            for order in carried.body["items"]:
                step = {"ready_for_pickup": "pickup", "picked_up": "delivery"}.get(order["status"])
                if step is not None:
                    path = f"/v1/orders/{order['order_id']}/{step}"
                    answer = await self.crowd.ask(self.person, path, key=f"{step}-{order['order_id']}")
                    assert answer.status in {200, 409}, answer

    async def _connected(self) -> None:
        session, headers = self.crowd.session, {"Authorization": f"Bearer {self.person.token}"}
        url = f"{self.crowd.base_url}/v1/driver/stream"
        async with session.ws_connect(
            url, headers=headers, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)
        ) as self._line:
            self.lines += 1
            pinging = asyncio.create_task(self._ping(self._line))
            try:
                async for message in self._line:
                    self._hear(json.loads(message.data))
            finally:
                pinging.cancel()
                with suppress(*LOST, asyncio.CancelledError):
                    await pinging

    async def _ping(self, line: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            at = (datetime.now(UTC) + self.skew).isoformat()
            await line.send_str(self.spoil(self.sent) or json.dumps(self.place | {"at": at}))
            self.sent += 1
            await asyncio.sleep(PING_SECONDS)

    def _hear(self, told: dict[str, Any]) -> None:
        kind, data = told["type"], told["data"]
        self.outcomes[kind] = self.outcomes.get(kind, 0) + 1
        if kind == "taken":
            for what in ("accepted", "late", "dropped"):
                self.outcomes[what] = self.outcomes.get(what, 0) + data[what]
            if data["accepted"]:
                self.accepted_at.append(time.monotonic())
        elif kind == "snapshot":
            for offer in data["offers"]:
                self._consider(offer["order_id"], offer["offer_id"])
        elif kind == "order" and data["topic"] == "order.driver_offered":
            self._consider(data["order_id"], data["data"]["offer_id"])

    def _consider(self, order_id: str, offer_id: str) -> None:
        if offer_id in self.offers:
            return
        self.offers.append(offer_id)
        if self.accepts:
            path = f"/v1/orders/{order_id}/offers/{offer_id}/acceptance"
            task = asyncio.create_task(self._accept(path, offer_id))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _accept(self, path: str, offer_id: str) -> None:
        await self.crowd.ask(self.person, path, key=offer_id)


class Heard(NamedTuple):
    """One event of a stream, and when it came."""

    at: float
    name: str
    data: Any


class Watcher:
    """A customer's live stream of an order; opened again when it ends, which is counted."""

    def __init__(self, crowd: Crowd, person: Person, order_id: str) -> None:
        self.crowd = crowd
        self.person = person
        self.order_id = order_id
        self.heard: list[Heard] = []
        self.lines = 0

    async def watch(self) -> None:
        while True:
            with suppress(*LOST):
                await self._connected()
            await asyncio.sleep(AGAIN_SECONDS)

    def first(self, name: str, *, after: float, **data: object) -> Heard | None:
        for one in self.heard:
            if one.at >= after and one.name == name and all(one.data.get(key) == data[key] for key in data):
                return one
        return None

    async def _connected(self) -> None:
        headers = {"Authorization": f"Bearer {self.person.token}"}
        url = f"{self.crowd.base_url}/v1/orders/{self.order_id}/stream"
        async with self.crowd.session.get(url, headers=headers, timeout=OPEN_END) as stream:
            self.lines += 1
            name = ""
            async for raw in stream.content:
                field, _, value = raw.decode().rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    self.heard.append(Heard(time.monotonic(), name, json.loads(value)))
