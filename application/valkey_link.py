"""One connection to Valkey that every task of an event loop shares: replies come in the order of the commands.

A pool of connections takes a connection, a write and a read for each command; here commands that are sent
in the same turn of the loop leave in one packet, and a reply costs a future.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, Self, cast

import hiredis
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection, parse_url

type Argument = str | bytes | int | float

PROBE_SECONDS = 0.5
"""While a server does not answer, one command in so long finds out whether it does again; the others fail at once."""


def lost_connection() -> ConnectionError:
    """What those get who wait for a reply."""
    return ConnectionError("the connection to Valkey was lost")


class ValkeyLink:
    """Connects with the first command, and again with the first after the connection was lost."""

    def __init__(
        self, valkey_url: str, *, connect_timeout_seconds: float = 2.0, reply_timeout_seconds: float = 2.0
    ) -> None:
        """Connect to nothing yet."""
        self._valkey_url = valkey_url
        self._connect_timeout_seconds = connect_timeout_seconds
        self._reply_timeout_seconds = reply_timeout_seconds
        self._wire: _Wire | None = None
        self._connecting = asyncio.Lock()
        self._probe_at: float | None = None
        """By the loop's clock, while the server does not answer; infinite while a probe is under way."""

    async def call(self, *command: Argument) -> Any:  # noqa: ANN401 - whatever the server answers
        """Send a command and wait for its reply.

        Raises hiredis.ReplyError for an error reply; OSError (ConnectionError, TimeoutError) where no reply came,
        and then nobody knows whether the command was executed.
        """
        if self._probe_at is None:
            return await self._call(*command)
        if asyncio.get_running_loop().time() < self._probe_at:
            raise lost_connection()
        self._probe_at = inf
        try:
            return await self._call(*command)
        finally:
            if self._probe_at is not None:
                self._put_off()

    async def close(self) -> None:
        """Hang up; commands without a reply fail."""
        if self._wire is not None:
            self._wire.hang_up()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(self, *command: Argument) -> Any:  # noqa: ANN401 - as above
        wire = self._wire
        if wire is None or wire.lost:
            wire = await self._connect()
        return await self._send(wire, *command)

    async def _send(self, wire: "_Wire", *command: Argument) -> Any:  # noqa: ANN401 - as above
        try:
            reply = await wire.send(command)
        except TimeoutError:
            self._put_off()
            raise
        self._probe_at = None
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def _put_off(self) -> None:
        self._probe_at = asyncio.get_running_loop().time() + PROBE_SECONDS

    async def _connect(self) -> "_Wire":
        async with self._connecting:
            if self._wire is None or self._wire.lost:
                if self._probe_at not in {None, inf}:
                    # Whoever connected before did not get through: not everybody who waited need try, too.
                    raise lost_connection()
                try:
                    async with asyncio.timeout(self._connect_timeout_seconds):
                        wire = await connect(self._valkey_url, lambda: _Wire(self._reply_timeout_seconds))
                except TimeoutError:
                    self._put_off()
                    raise
                try:
                    for command in greeting(self._valkey_url):
                        await self._send(wire, *command)
                except BaseException:  # a cancelled caller, too, must not leave a half-greeted connection open
                    wire.hang_up()
                    raise
                self._wire = wire
            return self._wire


async def connect[P: asyncio.Protocol](valkey_url: str, protocol: Callable[[], P]) -> P:
    """Open a connection to a redis://, rediss:// or unix:// URL. Raises OSError; set a time-out around it."""
    loop, at = asyncio.get_running_loop(), cast("dict[str, Any]", parse_url(valkey_url))
    kind = at.get("connection_class")
    if kind is UnixDomainSocketConnection:
        _, opened = await loop.create_unix_connection(protocol, at["path"])
    else:
        host, port, tls = at.get("host", "localhost"), at.get("port", 6379), kind is SSLConnection
        _, opened = await loop.create_connection(protocol, host, port, ssl=True if tls else None)
    return opened


def greeting(valkey_url: str) -> list[tuple[Argument, ...]]:
    """The commands that a fresh connection begins with, as the URL asks."""
    at = cast("dict[str, Any]", parse_url(valkey_url))
    commands: list[tuple[Argument, ...]] = []
    if password := at.get("password"):
        commands.append(("AUTH", at.get("username") or "default", password))
    if database := at.get("db"):
        commands.append(("SELECT", database))
    return commands


class _Wire(asyncio.Protocol):
    """One connection: a queue of futures, one for each command sent and not yet answered."""

    def __init__(self, reply_timeout_seconds: float) -> None:
        self.lost = False
        self._reply_timeout_seconds = reply_timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader()
        self._unanswered: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._outbox: list[bytes] = []
        self._watch: asyncio.TimerHandle | None = None
        self._late = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, command: tuple[Argument, ...]) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.lost:
            future.set_exception(lost_connection())
            return future
        if not self._outbox:
            self._loop.call_soon(self._write)
        self._outbox.append(hiredis.pack_command(cast("Any", command)))
        self._unanswered.append((self._loop.time(), future))
        if self._watch is None:
            self._watch = self._loop.call_later(self._reply_timeout_seconds, self._look)
        return future

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            _, future = self._unanswered.popleft()
            if not future.done():
                future.set_result(reply)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self._watch is not None:
            self._watch.cancel()
        if self._late:
            error = TimeoutError(f"Valkey did not answer within {self._reply_timeout_seconds:g} s")
        while self._unanswered:
            _, future = self._unanswered.popleft()
            if not future.done():
                future.set_exception(error or lost_connection())

    def hang_up(self) -> None:
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    def _look(self) -> None:
        """One alarm for all: a time-out of its own would cost a command more than all else that is done for it."""
        self._watch = None
        if not self._unanswered:
            return
        left = self._unanswered[0][0] + self._reply_timeout_seconds - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        else:
            # Replies are told apart by their order only: after one is given up, the connection cannot be used.
            self._late = True
            self.hang_up()

    def _write(self) -> None:
        if self._transport is not None and not self.lost:
            self._transport.write(b"".join(self._outbox))
        self._outbox.clear()
