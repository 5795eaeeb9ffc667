"""A device's side of a WebSocket, as little of RFC 6455 as texts up to 64 kB need."""

import base64
import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

TEXT, CLOSE, PING = 1, 8, 9
SHORT, MEDIUM = 126, 65_536
SECONDS = 10.0


class Device:
    """An open connection."""

    def __init__(self, connection: socket.socket, answers: IO[bytes]) -> None:
        self._connection = connection
        self._answers = answers

    def send(self, text: str) -> None:
        data, mask = text.encode(), os.urandom(4)
        assert len(data) < MEDIUM
        length = bytes([0x80 | len(data)]) if len(data) < SHORT else b"\xfe" + struct.pack(">H", len(data))
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        self._connection.sendall(bytes([0x80 | TEXT]) + length + mask + masked)

    def until(self, kind: str) -> Any:
        """The data of the next frame of a type."""
        while (told := self._receive()) is not None:
            if told["type"] == kind:
                return told["data"]
        raise AssertionError(f"it ended before {kind}")

    def answer(self) -> tuple[str, Any]:
        """What became of the frame sent first of those not answered."""
        while (told := self._receive()) is not None:
            if told["type"] in {"taken", "busy", "refused"}:
                return told["type"], told["data"]
        raise AssertionError("it ended before an answer")

    def _receive(self) -> Any:
        while True:
            first, length = self._answers.read(2)
            if length == SHORT:
                (length,) = struct.unpack(">H", self._answers.read(2))
            elif length > SHORT:
                (length,) = struct.unpack(">Q", self._answers.read(8))
            data = self._answers.read(length)
            if first & 0x0F == CLOSE:
                return None
            if first & 0x0F == TEXT:
                return json.loads(data)


@contextmanager
def device(port: int, token: str) -> Iterator[Device]:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /v1/driver/stream HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        with connection.makefile("rb") as answers:
            assert b" 101 " in answers.readline()
            while answers.readline().strip():
                pass
            yield Device(connection, answers)
