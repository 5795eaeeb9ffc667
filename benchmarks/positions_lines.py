"""Lines of `benchmarks.positions_load`: connections that send one request or frame at a time, on bare sockets."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="

type Make = Iterator[bytes]
"""The next request or frame of a line, put together when it is asked for."""


class Taken(msgspec.Struct, frozen=True):
    """An answer of any door."""

    accepted: int
    dropped: Any = 0


class Told(msgspec.Struct, frozen=True):
    """A frame that came down."""

    type: str
    data: msgspec.Raw = msgspec.Raw(b"")


_read_taken = msgspec.json.Decoder(Taken).decode
_read_told = msgspec.json.Decoder(Told).decode


async def open_http(port: int, make: Make) -> "Line":
    """A connection, nothing sent."""
    _, line = await asyncio.get_running_loop().create_connection(lambda: HttpLine(make), "127.0.0.1", port)
    return line


async def open_socket(port: int, bearer: str, make: Make) -> "Line":
    """A driver's WebSocket that has its snapshot."""
    _, line = await asyncio.get_running_loop().create_connection(lambda: SocketLine(make), "127.0.0.1", port)
    line.greet(port, bearer)
    await line.opened
    return line


class Line(asyncio.Protocol):
    """A connection that sends one thing at a time."""

    def __init__(self, make: Make) -> None:
        """`make` puts together what is sent."""
        self._make = make
        self._received = b""
        self._told: Callable[[Line, Taken | None], None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        """While something is on its way: refused."""
        self._transport = None
        del error
        self._answer(None)

    def send(self, told: Callable[["Line", Taken | None], None]) -> None:
        """Send the next; `told` hears what became of it."""
        self._told = told
        if self._transport is None:
            raise ConnectionError("the API hung up")
        self._transport.write(next(self._make))

    async def answered(self) -> Taken | None:
        """Send the next, and wait."""
        future: asyncio.Future[Taken | None] = asyncio.get_running_loop().create_future()
        self.send(lambda _, taken: future.set_result(taken))
        return await future

    def hang_up(self) -> None:
        """Whatever is on its way is not waited for."""
        self._told = None
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, taken: Taken | None) -> None:
        if (told := self._told) is not None:
            self._told = None
            told(self, taken)


class HttpLine(Line):
    """HTTP/1.1, kept alive."""

    def data_received(self, data: bytes) -> None:
        """An answer is whole when its body is as long as its head says."""
        received = self._received = self._received + data if self._received else data
        head, separator, body = received.partition(b"\r\n\r\n")
        if not separator:
            return
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(length):
            return
        self._received = b""
        self._answer(_read_taken(body) if head.startswith(b"HTTP/1.1 200") else None)


class SocketLine(Line):
    """A driver's WebSocket: as little of RFC 6455 as this takes. Open when the snapshot has come."""

    def __init__(self, make: Make) -> None:
        """As any line."""
        super().__init__(make)
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._upgraded = False

    def greet(self, port: int, bearer: str) -> None:
        """Ask for the upgrade."""
        if self._transport is not None:
            self._transport.write(
                b"GET /v1/driver/stream HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nAuthorization: Bearer %s\r\n\r\n"
                % (port, KEY, bearer.encode())
            )

    def data_received(self, data: bytes) -> None:
        """Frame by frame."""
        received = self._received + data
        if not self._upgraded:
            head, separator, rest = received.partition(b"\r\n\r\n")
            if not separator:
                self._received = received
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(head.decode()))
                return
            self._upgraded, received = True, rest
        while len(received) >= 2:  # noqa: PLR2004 - a frame's head
            begin, length = 2, received[1]
            if length == 126:  # noqa: PLR2004 - two more bytes say
                begin, length = 4, int.from_bytes(received[2:4])
            if len(received) < begin + length:
                break
            if received[0] == 0x81:  # noqa: PLR2004 - a whole text
                self._hear(_read_told(received[begin : begin + length]))
            received = received[begin + length :]
        self._received = received

    def _hear(self, told: Told) -> None:
        if told.type == "taken":
            self._answer(_read_taken(told.data))
        elif told.type == "snapshot":
            if not self.opened.done():
                self.opened.set_result(None)
        elif told.type in ("busy", "refused"):
            self._answer(None)
