"""Devices that send nonsense, or do not read what they are sent: refused by name, and the server does not grow."""

import json
import os
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest

from application.settings import Settings
from tests.api.conftest import running_projector
from tests.api.device import Device, device
from tests.api.people import HERE, City, Person
from tests.api.serving import Served, served
from tests.faults.stage import answering
from tests.waiting import eventually

FRAMES = int(os.environ.get("TIFFIN_FRAMES", "4000"))
WINDOW = 50
BREAKS = int(os.environ.get("TIFFIN_BREAKS", "5"))
SEED = 5
STUCK_SECONDS = 2.0
MOST_UNREAD = 3_000
"""At 30 kB each far more than both ends' buffers hold."""
MASK = b"\0" * 4
MOST_GROWTH_BYTES = 16_000_000
NONSENSE = (
    "", "{", "[]", "null", "\0", "😀" * 99, '"ping"', "[" * 9_000, "x" * 60_000, '{"lat": 1e999, "lon": 0, "at": 0}',
    '{"lat": 91, "lon": 0, "at": "2025-03-14T15:00:00Z"}', '{"lat": 0, "lon": 0, "at": "yesterday"}',
    '{"lat": 0, "lon": 0, "at": "2025-03-14T15:00:00Z", "role": "admin"}', '{"positions": []}',
)  # fmt: skip


@pytest.fixture
def api(settings: Settings) -> Iterator[Served]:
    with running_projector(settings), served(settings) as running:
        yield running


@pytest.fixture
def driver(api: Served) -> Person:
    person = eventually(lambda: City(api.client).driver(), what="a driver has registered")
    person.do("/v1/driver/shift")
    return person


def test_one_frame_of_a_hundred_is_nonsense(api: Served, driver: Person) -> None:
    server, chance = answering(api), random.Random(SEED)  # noqa: S311 - no secret
    with opened(api, driver) as line:
        line.until("snapshot")
        eventually(lambda: exchange(line, [ping(0)]) == ["taken"], what="the first position is taken")
        converse(line, chance, FRAMES // 4)
        before = server.memory_info().rss
        accepted = converse(line, chance, FRAMES)
        growth = server.memory_info().rss - before
    print(json.dumps({"frames": FRAMES, "seed": SEED, "memory_growth_kb": growth // 1000}))  # noqa: T201
    assert accepted == FRAMES - FRAMES // 100
    assert growth < MOST_GROWTH_BYTES


BROKEN = {
    "unmasked": b"\x81\x02{}",
    "unknown opcode": b"\x83\x80" + MASK,
    "reserved bits": b"\xf1\x80" + MASK,
    "no UTF-8": b"\x81\x82" + MASK + b"\xff\xfe",
    "a ping in parts": b"\x09\x80" + MASK,
    "the end of nothing": b"\x80\x80" + MASK,
    "a terabyte announced": b"\x81\xff" + (1 << 40).to_bytes(8) + MASK + b"x" * 1_000,
    "half a frame": b"\x81\xfe\x10\x00" + MASK + b"x" * 10,
}
"""What is no WebSocket any more."""


def test_what_is_no_frame_at_all_ends_one_connection_and_no_other(api: Served, driver: Person) -> None:
    server = answering(api)
    with opened(api, driver) as steady:
        eventually(lambda: exchange(steady, [ping(0)]) == ["taken"], what="the first position is taken")
        break_off(api, driver, times=2)
        files, memory = server.num_fds(), server.memory_info().rss
        break_off(api, driver, times=BREAKS)
        eventually(lambda: server.num_fds() <= files + 2, what="no descriptor stays behind")
        growth = server.memory_info().rss - memory
        assert exchange(steady, [ping(0)]) == ["taken"]
    print(json.dumps({"broken_off": BREAKS * len(BROKEN), "memory_growth_kb": growth // 1000}))  # noqa: T201
    assert growth < MOST_GROWTH_BYTES


def break_off(api: Served, driver: Person, *, times: int) -> None:
    for raw in [*BROKEN.values()] * times:
        with opened(api, driver) as line:
            line.until("snapshot")
            line._connection.sendall(raw)


def test_who_does_not_read_is_not_written_for(api: Served, driver: Person) -> None:
    """Neither answers nor questions pile up in the server: it stops reading, and the sender has to wait."""
    server = answering(api)
    with opened(api, driver) as silent, opened(api, driver) as other:
        eventually(lambda: exchange(other, [ping(0)]) == ["taken"], what="the first position is taken")
        before = server.memory_info().rss
        sent = sent_until_stuck(silent)
        growth = server.memory_info().rss - before
        assert exchange(other, [ping(0)]) == ["taken"]
    print(json.dumps({"unread": sent, "memory_growth_kb": growth // 1000}))  # noqa: T201
    assert growth < MOST_GROWTH_BYTES


def sent_until_stuck(line: Device) -> int:
    """How many frames go out before nobody takes them any more."""
    line._connection.settimeout(STUCK_SECONDS)
    for number in range(MOST_UNREAD):
        try:
            # The answer names the field that it does not know, and so is as long. Too many of these would end the line.
            line.send(json.dumps({"x" * 30_000: 1}) if number % 50 else ping(number))
        except TimeoutError:
            return number
    raise AssertionError(f"{MOST_UNREAD} frames were taken, and nobody read the answers")


def converse(line: Device, chance: random.Random, frames: int) -> int:
    """Send so many frames, the hundredth part of them nonsense; every one is answered in turn. Tells how many count."""
    bad = set(chance.sample(range(frames), frames // 100))
    taken = 0
    for start in range(0, frames, WINDOW):
        numbers = range(start, min(frames, start + WINDOW))
        sent = [chance.choice(NONSENSE) if number in bad else ping(number) for number in numbers]
        answers = exchange(line, sent)
        assert answers == ["refused" if number in bad else "taken" for number in numbers]
        taken += answers.count("taken")
    return taken


def exchange(line: Device, sent: list[str]) -> list[str]:
    for text in sent:
        line.send(text)
    return [answer(line) for _ in sent]


def answer(line: Device) -> str:
    """The next frame that answers one of ours."""
    while (told := line._receive()) is not None:
        if told["type"] in {"taken", "refused", "busy"}:
            return str(told["type"])
    raise AssertionError("it ended")


def ping(number: int) -> str:
    return json.dumps(HERE | {"at": (datetime.now(UTC) + timedelta(milliseconds=number)).isoformat()})


def opened(api: Served, person: Person) -> AbstractContextManager[Device]:
    return device(api.client.base_url.port or 0, person.token)
