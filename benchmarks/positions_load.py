"""The load of `benchmarks.positions`, a door at a time, from processes of its own, and the probes meanwhile.

Requests and frames are put together by hand on bare sockets: on four cores every microsecond of the load's is one less
for what is measured. A line sends its next when its last is answered, so nothing piles up and nothing is skipped.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import batched, cycle
from multiprocessing.synchronize import Barrier
from typing import Literal

import msgspec
import uvloop

from application.positions import nearest_keys, read_near, silent_before
from application.valkey_link import ValkeyLink
from benchmarks.positions_crowd import PROBES, PROBES_PLACE, driver_id, homes, token
from benchmarks.positions_lines import Line, Make, Taken, open_http, open_socket
from domain.geo import Position
from domain.region import PORTO
from projections.valkey import functions
from projections.valkey.functions import stamp
from projections.valkey.keys import RegionKeys

type Door = Literal["http", "batch", "socket"]

STEP_DEGREES = 0.0001
"""How far a driver moves, to and fro: some 11 m."""
PROBE_STEP_DEGREES = 0.0018
PROBE_RADIUS_M = 60.0
PROBE_PAUSE_SECONDS = 0.005
"""Two positions of one millisecond would be one too many."""
MOST_QUESTIONS = 100
"""A position that is not found by then was lost."""
CONNECT_AT_ONCE = 50
OPEN_SECONDS = 60.0
WARM_UP_SECONDS = 1.0


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What one process has to do."""

    port: int
    gateway_token: str
    valkey_url: str
    prefix: str
    drivers: int
    processes: int
    batch: int
    """Positions in each."""
    seconds: float
    behind_seconds: float
    """Business time is so far behind machine time."""
    number: int = 0
    """Of `processes`, whose drivers are told apart by it."""
    door: Door = "http"
    lines: int = 1
    """Connections of this process."""
    in_flight: int = 1


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, between `begin` and the end."""

    accepted: int
    answers: int
    dropped: int
    refused: int


class Gate:
    """Where the processes of a door wait for each other."""

    barrier: Barrier

    @classmethod
    def keep(cls, barrier: Barrier) -> None:
        """What each process begins with."""
        cls.barrier = barrier

    @classmethod
    async def passed(cls) -> float:
        """When all lines of all are open; answers the machine time at which counting begins."""
        await asyncio.to_thread(cls.barrier.wait, OPEN_SECONDS)
        return time.time() + WARM_UP_SECONDS


def send(task: Task) -> Sent:
    """Send as fast as it is answered."""
    return uvloop.run(_send(task))


def probe(task: Task) -> list[float]:
    """Send one after the other, each time asking who is near until the new place is found; seconds each."""
    return uvloop.run(_probe(task))


async def _send(task: Task) -> Sent:
    numbers = range(task.number, task.drivers - PROBES, task.processes)
    lines = await _open(task, [token(number) for number in numbers], _makers(task, list(numbers)))
    begin = await Gate.passed()
    counter, end = Counter(), begin + task.seconds
    idle = deque(lines)

    def again(line: Line, taken: Taken | None) -> None:
        counter.count(taken)
        idle.append(line)
        if time.time() < end:
            following = idle.popleft()
            following.send(again)

    for _ in range(min(task.in_flight, len(lines))):
        idle.popleft().send(again)
    await asyncio.sleep(begin - time.time())
    before = counter.sent()
    await asyncio.sleep(end - time.time())
    after = counter.sent()
    for line in lines:
        line.hang_up()
    return Sent(**{name: getattr(after, name) - getattr(before, name) for name in Sent.__struct_fields__})


async def _probe(task: Task) -> list[float]:
    prober, mates = task.drivers - PROBES, list(range(task.drivers - PROBES + 1, task.drivers))
    places = (PROBES_PLACE, Position(lat=PROBES_PLACE.lat + PROBE_STEP_DEGREES, lon=PROBES_PLACE.lon))
    make = _probes(task, prober, places, mates[: task.batch - 1])
    (line,) = await _open(task, [token(prober)], [make])
    begin, took = await Gate.passed(), list[float]()
    keys = nearest_keys(RegionKeys(task.prefix, PORTO.id))
    async with ValkeyLink(task.valkey_url) as link:
        for place in cycle(places):
            began = time.time()
            if began > begin + task.seconds:
                break
            taken = await line.answered()
            for _ in range(MOST_QUESTIONS):
                now = _now(task)
                seen, heard = silent_before(PORTO.dispatch, now, datetime.now(UTC))
                args = (place.lon, place.lat, 1, PROBE_RADIUS_M, stamp(now), seen, heard, "")
                near = read_near(await link.call("FCALL", functions.name("nearest"), len(keys), *keys, *args))
                if near and near[0].driver_id == driver_id(prober):
                    break
            else:
                raise RuntimeError(f"a position was not found: {taken}")
            if began >= begin:
                took.append(time.time() - began)
            await asyncio.sleep(PROBE_PAUSE_SECONDS)
    line.hang_up()
    return took


async def _open(task: Task, bearers: Sequence[str], makers: Sequence[Make]) -> list[Line]:
    doors = asyncio.Semaphore(CONNECT_AT_ONCE)

    async def one(bearer: str, make: Make) -> Line:
        async with doors:
            return await (open_socket(task.port, bearer, make) if task.door == "socket" else open_http(task.port, make))

    return list(await asyncio.gather(*map(one, bearers, makers)))


class Counter:
    """Counts answers."""

    def __init__(self) -> None:
        """None yet."""
        self._accepted = self._answers = self._dropped = self._refused = 0

    def count(self, taken: Taken | None) -> None:
        """None is a refusal."""
        self._answers += 1
        if taken is None:
            self._refused += 1
            return
        self._accepted += taken.accepted
        if dropped := taken.dropped:
            self._dropped += sum(dropped.values()) if isinstance(dropped, dict) else dropped

    def sent(self) -> Sent:
        """So far."""
        return Sent(accepted=self._accepted, answers=self._answers, dropped=self._dropped, refused=self._refused)


# What is sent


def _makers(task: Task, numbers: Sequence[int]) -> list[Make]:
    everywhere = homes(task.drivers)
    if task.door == "batch":
        fragments = [_fragments(number, everywhere[number]) for number in numbers]
        share = [fragments[line :: task.lines] for line in range(task.lines)]
        return [_batches(task, mine) for mine in share]
    if task.door == "socket":
        return [_frames(task, everywhere[number]) for number in numbers[: task.lines]]
    share_of = [numbers[line :: task.lines] for line in range(task.lines)]
    return [_requests(task, [(token(n), everywhere[n]) for n in mine]) for mine in share_of]


def _probes(task: Task, prober: int, places: Sequence[Position], mates: Sequence[int]) -> Make:
    if task.door == "batch":
        here = homes(task.drivers)
        fragments = [_fragments(number, here[number]) for number in mates]
        moves = [_fragment(prober, place) for place in places]
        for turn in cycle((0, 1)):
            yield _batch(task, [moves[turn], *(fragment[turn] for fragment in fragments)])
    for place in cycle(places):
        body = _body(place.lat, place.lon, _at(task))
        yield _frame(body) if task.door == "socket" else _request(task, token(prober), body)


def _requests(task: Task, people: Sequence[tuple[str, Position]]) -> Make:
    for step in cycle((STEP_DEGREES, 0.0)):
        for bearer, home in people:
            yield _request(task, bearer, _body(home.lat + step, home.lon, _at(task)))


def _frames(task: Task, home: Position) -> Make:
    for step in cycle((STEP_DEGREES, 0.0)):
        yield _frame(_body(home.lat + step, home.lon, _at(task)))


def _batches(task: Task, fragments: Sequence[tuple[bytes, bytes]]) -> Make:
    for turn in cycle((0, 1)):
        for some in batched(fragments, task.batch):
            yield _batch(task, [fragment[turn] for fragment in some])


def _fragments(number: int, home: Position) -> tuple[bytes, bytes]:
    return _fragment(number, home), _fragment(number, Position(lat=home.lat + STEP_DEGREES, lon=home.lon))


def _fragment(number: int, place: Position) -> bytes:
    return f'{{"driver_id":"{driver_id(number)}","lat":{place.lat:.6f},"lon":{place.lon:.6f},"at":"'.encode()


def _batch(task: Task, fragments: Sequence[bytes]) -> bytes:
    ending = _at(task).encode() + b'"}'
    body = b'{"region":"%s","positions":[%s%s]}' % (PORTO.id.encode(), (ending + b",").join(fragments), ending)
    return b"%s%s" % (_head(task, "gateway", task.gateway_token, len(body)), body)


def _request(task: Task, bearer: str, body: bytes) -> bytes:
    return _head(task, "driver", bearer, len(body)) + body


def _head(task: Task, who: str, bearer: str, length: int) -> bytes:
    return (
        f"POST /v1/{who}/positions HTTP/1.1\r\nhost: 127.0.0.1:{task.port}\r\nauthorization: Bearer {bearer}\r\n"
        f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    ).encode()


def _body(lat: float, lon: float, at: str) -> bytes:
    return f'{{"lat":{lat:.6f},"lon":{lon:.6f},"at":"{at}"}}'.encode()


def _frame(text: bytes) -> bytes:
    """A text shorter than 126 bytes, masked with zeros."""
    return b"\x81%c\0\0\0\0%s" % (0x80 | len(text), text)


def _at(task: Task) -> str:
    return _now(task).isoformat(timespec="milliseconds")


def _now(task: Task) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=task.behind_seconds)
