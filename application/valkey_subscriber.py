"""One connection to Valkey in subscriber mode: channels come and go while messages arrive.

The client library's own reconnects without a word; here a lost connection is the caller's business, who alone
knows what was missed meanwhile.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import hiredis

from application.valkey_link import connect, greeting, lost_connection

type Receive = Callable[[str, bytes], None]

CONNECT_SECONDS = 2.0
PING_SECONDS = 2.0
"""A connection that is quiet for two of these is taken for lost."""


class Subscriber(asyncio.Protocol):
    """Hands every message to `receive`, which must not raise or wait."""

    def __init__(self, receive: Receive) -> None:
        """Use `connect`."""
        self._receive = receive
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._greetings: deque[asyncio.Future[None]] = deque()
        self._confirming: dict[bytes, deque[asyncio.Future[None]]] = defaultdict(deque)
        self._quiet = 0

    @classmethod
    @asynccontextmanager
    async def connect(cls, valkey_url: str, receive: Receive) -> AsyncIterator["Subscriber"]:
        """Connect, for as long as the block lasts. Raises OSError, of which TimeoutError is one."""
        async with asyncio.timeout(CONNECT_SECONDS):
            subscriber = await connect(valkey_url, lambda: cls(receive))
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                for command in greeting(valkey_url):
                    await subscriber.greet(*command)
            pinging = asyncio.create_task(subscriber.ping())
            try:
                yield subscriber
            finally:
                pinging.cancel()
        finally:
            subscriber.hang_up()

    async def subscribe(self, *channels: str) -> None:
        """Subscribe and wait until the server has confirmed. Raises ConnectionError."""
        loop = asyncio.get_running_loop()
        waiting: list[asyncio.Future[None]] = []
        for channel in channels:
            confirmed: asyncio.Future[None] = loop.create_future()
            self._confirming[channel.encode()].append(confirmed)
            waiting.append(confirmed)
        self._send("SUBSCRIBE", *channels)
        await asyncio.gather(*waiting)

    def unsubscribe(self, channel: str) -> None:
        """Leave a channel; messages under way may still arrive."""
        if not self._lost.done():
            self._send("UNSUBSCRIBE", channel)

    async def lost(self) -> None:
        """Wait until the connection is lost."""
        await asyncio.shield(self._lost)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        self._quiet = 0
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._take(reply)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop."""
        if not self._lost.done():
            self._lost.set_result(None)
        for waiting in (self._greetings, *self._confirming.values()):
            _fail(waiting, error or lost_connection())

    def _take(self, reply: Any) -> None:  # noqa: ANN401 - whatever the server sends
        match reply:
            case [b"message", bytes(channel), bytes(data)]:
                self._receive(channel.decode(), data)
            case [b"subscribe", bytes(channel), _]:
                waiting = self._confirming.get(channel)
                if waiting:
                    _done(waiting.popleft())
                if not waiting:
                    self._confirming.pop(channel, None)
            case hiredis.ReplyError():
                # AUTH or SUBSCRIBE refused: nothing will come.
                _fail(self._greetings, ConnectionError(str(reply)))
                self.hang_up()
            case b"OK":
                _done(self._greetings.popleft())

    async def greet(self, *command: str | bytes | float) -> None:
        """Send a command of the greeting and wait for its OK. Raises ConnectionError."""
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._greetings.append(answered)
        self._send(*command)
        await answered

    async def ping(self) -> None:
        """Keep pinging: a peer that vanished without a word is noticed by its silence."""
        while not self._lost.done():
            await asyncio.sleep(PING_SECONDS)
            self._quiet += 1
            if self._quiet > 2:  # noqa: PLR2004 - as PING_SECONDS says
                self.hang_up()
            else:
                self._send("PING")

    def _send(self, *command: str | bytes | float) -> None:
        if self._transport is None or self._lost.done():
            raise lost_connection()
        self._transport.write(hiredis.pack_command(cast("Any", command)))

    def hang_up(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(waiting: deque[asyncio.Future[None]], error: Exception) -> None:
    while waiting:
        future = waiting.popleft()
        if not future.done():
            future.set_exception(error)
