"""How the benchmark of positions reads answers, and what it tells."""

import asyncio
from collections.abc import Callable
from itertools import repeat

import pytest

from benchmarks.positions import headline
from benchmarks.positions_lines import HttpLine, Line, SocketLine, Taken

TAKEN = b'{"type":"taken","data":{"accepted":1,"dropped":0}}'


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


@pytest.fixture
def answers() -> list[Taken | None]:
    return []


@pytest.fixture
def told(answers: list[Taken | None]) -> Callable[[Line, Taken | None], None]:
    return lambda _, taken: answers.append(taken)


def test_an_answer_counts_when_it_is_whole(
    answers: list[Taken | None], told: Callable[[Line, Taken | None], None]
) -> None:
    line, wire = HttpLine(repeat(b"request")), Wire()
    line.connection_made(wire)
    line.send(told)
    body = b'{"accepted":3,"dropped":1}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    for byte in answer[:-1]:
        line.data_received(bytes([byte]))
    assert answers == []
    line.data_received(answer[-1:])
    assert (answers, wire.written) == ([Taken(3, 1)], [b"request"])
    line.send(told)
    line.data_received(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}")
    assert answers == [Taken(3, 1), None]


def test_frames_are_told_apart_wherever_packets_end(
    answers: list[Taken | None], told: Callable[[Line, Taken | None], None]
) -> None:
    async def scenario() -> None:
        line = SocketLine(repeat(b"frame"))
        line.connection_made(Wire())
        snapshot = b'{"type":"snapshot","data":{"offers":[]%s}}' % (b" " * 200)
        came = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        came += b"\x81\x7e" + len(snapshot).to_bytes(2) + snapshot
        for byte in came:
            line.data_received(bytes([byte]))
        assert line.opened.done()
        line.send(told)
        line.data_received(b"\x81%c%s\x81" % (len(TAKEN), TAKEN))
        line.send(told)
        refused = b'{"type":"refused","data":{"detail":"no"}}'
        line.data_received(b"%c%s" % (len(refused), refused))

    asyncio.run(scenario())
    assert answers == [Taken(1, 0), None]


def test_the_headline_is_of_the_slowest_door() -> None:
    doors = {
        "http": {"per_s": 20_000, "p99_ms": 30.5},
        "socket": {"per_s": 40_000, "p99_ms": 12.0, "lines": 1_000, "api_mb": {"at_rest": 400.0, "begin": 550.0}},
    }
    found = headline(doors | {"valkey_limit_per_s": 400_000})
    assert (found["http_per_s"], found["ws_per_s"], found["p99_ms"]) == (20_000, 40_000, 30.5)
    assert (found["http_of_limit"], found["ws_of_limit"], found["kb_per_socket"]) == (0.05, 0.1, 153.6)
    assert "batch_per_s" not in found
