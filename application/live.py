"""Live streams: one Valkey subscription per process, handed on to many bounded readers.

A reader learns what happens from the moment it subscribes, in order, or is told to fetch anew: after the connection
was lost, or when it reads too slowly. Of a driver's positions only the latest waits.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from application import logs
from application.valkey_subscriber import Subscriber
from domain.geo import Position
from projections.live import OrderMessage
from projections.valkey import keys
from projections.valkey.functions import moment
from projections.valkey.keys import RegionKeys

MOST_WAITING = 256
"""Messages that wait for one reader before all are dropped for one `Resync`."""
CONFIRM_SECONDS = 2.0
RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)

log = logs.logger(__name__)


class PositionMessage(msgspec.Struct, frozen=True, kw_only=True, tag="position"):
    """The latest position of the watched driver, who carries an order; `at` is business time."""

    driver_id: UUID
    position: Position
    at: datetime


class Resync(msgspec.Struct, frozen=True, kw_only=True, tag="resync"):
    """Messages were lost: fetch a snapshot anew."""


class Ending(msgspec.Struct, frozen=True):
    """This process is about to end: nothing more comes."""


type LiveMessage = OrderMessage | PositionMessage | Resync | Ending


class Subscription:
    """One reader. Only one task may `get` at a time."""

    def __init__(self, hub: "LiveHub") -> None:
        """Made by `LiveHub.subscribe`."""
        self._hub = hub
        self._waiting: deque[LiveMessage] = deque()
        self._position: PositionMessage | None = None
        self._arrived = asyncio.Event()
        self._watched: tuple[str, UUID] | None = None
        self._ended = False

    async def get(self, timeout_seconds: float) -> LiveMessage | None:
        """The next message, or None when there was none for so long: time for a heart-beat."""
        if not self._waiting and self._position is None and not self._ended:
            self._arrived.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), timeout_seconds)
        if self._ended:
            return Ending()
        if self._waiting:
            return self._waiting.popleft()
        latest, self._position = self._position, None
        return latest

    async def watch(self, region: str, driver_id: UUID | None) -> None:
        """From now on get this driver's positions; nobody's for None."""
        wanted = None if driver_id is None else (region, driver_id)
        if wanted == self._watched:
            return
        before, self._watched, self._position = self._watched, wanted, None
        if wanted is not None:
            await self._hub.add_watcher(*wanted, self)
        if before is not None:
            self._hub.remove_watcher(*before, self)

    def put(self, message: OrderMessage) -> None:
        """Called by the hub."""
        if len(self._waiting) >= MOST_WAITING:
            self.resync()
        else:
            self._waiting.append(message)
            self._arrived.set()

    def put_position(self, message: PositionMessage) -> None:
        """Called by the hub."""
        self._position = message
        self._arrived.set()

    def resync(self) -> None:
        """Called by the hub. What waits is older than the snapshot that will be fetched."""
        self._waiting.clear()
        self._waiting.append(Resync())
        self._arrived.set()

    def end(self) -> None:
        """Called by the hub."""
        self._ended = True
        self._arrived.set()


class LiveHub:
    """One per process: `async with LiveHub(url, prefix) as hub` in the application's lifespan."""

    def __init__(self, valkey_url: str, prefix: str) -> None:
        """`prefix` is `WorldSettings.prefix`."""
        self._url = valkey_url
        self._prefix = prefix
        self._readers: dict[str, set[Subscription]] = defaultdict(set)
        self._watchers: dict[str, dict[UUID, set[Subscription]]] = defaultdict(lambda: defaultdict(set))
        self._regions: dict[str, str] = {}
        self._subscriber: Subscriber | None = None
        self._running: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._decoder = msgspec.json.Decoder(OrderMessage)
        self._ended = False

    def order(self, order_id: UUID) -> str:
        """Channel of an order."""
        return keys.order_channel(self._prefix, order_id)

    def driver(self, driver_id: UUID) -> str:
        """Channel of a driver: offers, and orders carried."""
        return keys.driver_channel(self._prefix, driver_id)

    def restaurant(self, restaurant_id: UUID) -> str:
        """Channel of a restaurant's orders."""
        return keys.restaurant_channel(self._prefix, restaurant_id)

    @asynccontextmanager
    async def subscribe(self, *channels: str) -> AsyncIterator[Subscription]:
        """Subscribe, and enter once Valkey has confirmed: a snapshot taken inside misses nothing.

        Where Valkey does not answer it is entered all the same; the reader gets a `Resync` when it does.
        """
        reader = Subscription(self)
        for channel in channels:
            self._readers[channel].add(reader)
        if self._ended:
            reader.end()
        try:
            await self._listen(*channels)
            yield reader
        finally:
            await reader.watch("", None)
            for channel in channels:
                self._readers[channel].discard(reader)
                if not self._readers[channel]:
                    del self._readers[channel]
                    self._leave(channel)

    def end(self) -> None:
        """Tell every reader, also those yet to come, that the process ends."""
        self._ended = True
        for reader in self._all():
            reader.end()

    async def add_watcher(self, region: str, driver_id: UUID, reader: Subscription) -> None:
        """Called by `Subscription.watch`."""
        channel = RegionKeys(self._prefix, region).positions_channel
        self._regions[channel] = region
        self._watchers[region][driver_id].add(reader)
        await self._listen(channel)

    def remove_watcher(self, region: str, driver_id: UUID, reader: Subscription) -> None:
        """Called by `Subscription.watch`."""
        drivers = self._watchers[region]
        drivers[driver_id].discard(reader)
        if not drivers[driver_id]:
            del drivers[driver_id]
        if not drivers:
            del self._watchers[region]
            channel = RegionKeys(self._prefix, region).positions_channel
            del self._regions[channel]
            self._leave(channel)

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), CONFIRM_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def _run(self) -> None:
        """Keep one connection; each new one subscribes to everything there is and tells all readers."""
        tries = 0
        while True:
            try:
                async with Subscriber.connect(self._url, self._receive) as self._subscriber:
                    await self._subscriber.subscribe(keys.resync_channel(self._prefix), *self._readers, *self._regions)
                    self._resync_all()
                    self._connected.set()
                    tries = 0
                    await self._subscriber.lost()
            except OSError as error:
                log.warning("live streams without Valkey", error=str(error))
            self._subscriber = None
            await asyncio.sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
            tries += 1

    async def _listen(self, *channels: str) -> None:
        if self._subscriber is not None and channels:
            # A connection that breaks meanwhile is found out by `_run`, which subscribes and tells all readers.
            with suppress(OSError):
                async with asyncio.timeout(CONFIRM_SECONDS):
                    await self._subscriber.subscribe(*channels)

    def _leave(self, channel: str) -> None:
        if self._subscriber is not None:
            self._subscriber.unsubscribe(channel)

    def _receive(self, channel: str, data: bytes) -> None:
        if (region := self._regions.get(channel)) is not None:
            self._receive_positions(region, data)
        elif (readers := self._readers.get(channel)) is not None:
            try:
                message = self._decoder.decode(data)
            except msgspec.DecodeError:
                # Told by a process of another release; what it means can be fetched.
                for reader in readers:
                    reader.resync()
            else:
                for reader in readers:
                    reader.put(message)
        elif channel == keys.resync_channel(self._prefix):
            self._resync_all()

    def _receive_positions(self, region: str, data: bytes) -> None:
        watchers = self._watchers[region]
        for line in data.decode().splitlines():
            driver_id, lat, lon, at = line.split()
            if readers := watchers.get(UUID(driver_id)):
                message = PositionMessage(
                    driver_id=UUID(driver_id), position=Position(lat=float(lat), lon=float(lon)), at=moment(at)
                )
                for reader in readers:
                    reader.put_position(message)

    def _resync_all(self) -> None:
        for reader in self._all():
            reader.resync()

    def _all(self) -> set[Subscription]:
        return {reader for readers in self._readers.values() for reader in readers}
