"""The metro of `benchmarks.nearest`, those who ask in it, and the pings meanwhile. Each in processes of its own."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from itertools import batched
from typing import Any, cast
from uuid import UUID

import msgspec
import redis

from application.clocks import MachineClock
from application.pings import Busy, PingWriter
from application.positions import Near, Ping, Positions, nearest_keys, read_near, silent_before
from application.valkey_link import ValkeyLink
from domain.geo import Position
from domain.region import PORTO
from projections.valkey import functions
from projections.valkey.facts import DriverFacts
from projections.valkey.functions import stamp

PREFIX = "bench:"
SPREAD_DEGREES = 6_000 / 111_195
K = PORTO.dispatch.candidates
RADIUS_M = PORTO.dispatch.radii_m[0]
NAIVE_GEO, NAIVE_DRIVER = "naive:geo", "naive:driver:"
NAIVE_AT_LEAST = 3
PINGS_AT_ONCE = 100
WARM_UP_SECONDS = 0.5
SEED = 41


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured."""

    url: str
    drivers: int
    pings_per_s: int
    seconds: float
    clients: int
    """In each process that asks."""


class Asked(msgspec.Struct, frozen=True):
    """The seconds that each question took, and those in which all were asked."""

    took: list[float]
    seconds: float


type Ask = Callable[[Setting, int], Asked]


def populate(valkey: redis.Redis, drivers: int, *, naive: bool) -> float:
    """Put so many drivers on duty, as the projection does, with a place each. Answers Valkey's bytes a driver."""
    # A flush in the background would give its memory back while ours is counted.
    cast("Any", valkey).execute_command("FLUSHALL", "SYNC")
    functions.load(valkey)
    before = _used(valkey)
    keys = _positions(valkey).keys[PORTO.id].written
    functions.call(valkey, "begin", keys, "1")
    for numbers in batched(range(drivers), 1_000):
        args: list[str | int | bytes] = ["1", 0, "1", 0, len(numbers)]
        for number in numbers:
            facts = _facts(number)
            args += (
                str(_driver(number)),
                facts.flag,
                f"{facts.load:02d}{facts.capacity:02d}",
                msgspec.json.encode(facts),
            )
        if functions.call(valkey, "follow", keys, *args) != 1:
            raise RuntimeError("the region's rows were not written")
    ping_everybody(valkey, drivers)
    a_driver = (_used(valkey) - before) / drivers
    if naive:
        _populate_naively(valkey, drivers)
    return round(a_driver, 1)


def ping_everybody(valkey: redis.Redis, drivers: int) -> None:
    """Hear of every driver once more, so that none is silent in the next measurement."""
    positions, chance = _positions(valkey), random.Random(SEED)  # noqa: S311 - no secret
    homes = [_around(chance) for _ in range(drivers)]
    for numbers in batched(range(drivers), 5_000):
        now = MachineClock().now()
        pings = [Ping(_driver(number), homes[number], now) for number in numbers]
        positions.record(PORTO.id, pings, now=now, machine_now=now)


def send_pings(setting: Setting) -> float:
    """Send pings at the setting's rate, open loop, through the API's own writer. Answers those accepted a second."""
    return asyncio.run(_send_pings(setting))


def ask_over_link(setting: Setting, clients: int) -> Asked:
    """Ask over one shared connection, with so many tasks."""
    return asyncio.run(_ask_over_link(setting, clients))


def ask_over_redis(setting: Setting, clients: int) -> Asked:
    """Ask as workers do: a thread and a connection each."""

    def questions(chance: random.Random) -> Iterator[None]:
        with redis.Redis.from_url(setting.url, socket_timeout=10, socket_connect_timeout=2) as client:
            positions, clock = _positions(client), MachineClock()
            while True:
                now = clock.now()
                _check(positions.nearest(PORTO.id, _around(chance), k=K, radius_m=RADIUS_M, now=now, machine_now=now))
                yield

    return _in_threads(setting, clients, questions)


def ask_naively(setting: Setting, clients: int) -> Asked:
    """Everybody within 5 km, then everybody's hash in one pipeline, then the first k that fit."""

    def questions(chance: random.Random) -> Iterator[None]:
        with redis.Redis.from_url(setting.url, socket_timeout=60, socket_connect_timeout=2) as client:
            while True:
                at = _around(chance)
                found = cast(
                    "list[list[Any]]",
                    client.geosearch(
                        NAIVE_GEO, longitude=at.lon, latitude=at.lat, radius=5, unit="km", sort="ASC", withdist=True
                    ),
                )
                with client.pipeline(transaction=False) as pipeline:
                    for member, _ in found:
                        pipeline.hgetall(NAIVE_DRIVER + member.decode())
                    rows = pipeline.execute()
                fit = [row for row in rows if row[b"status"] == b"D" and int(row[b"load"]) < int(row[b"capacity"])]
                _ = fit[:K]
                yield

    return _in_threads(setting, clients, questions, at_least=NAIVE_AT_LEAST)


async def _send_pings(setting: Setting) -> float:
    chance = random.Random(SEED)  # noqa: S311 - no secret
    homes = [_around(chance) for _ in range(setting.drivers)]
    accepted, clock = 0, MachineClock()

    async def send(writer: PingWriter, first: int) -> None:
        nonlocal accepted
        numbers = [(first + offset) % setting.drivers for offset in range(PINGS_AT_ONCE)]
        now = clock.now()
        pings = [
            Ping(_driver(n), Position(lat=homes[n].lat + chance.uniform(-1e-4, 1e-4), lon=homes[n].lon), now)
            for n in numbers
        ]
        try:
            accepted += (await writer.submit(PORTO.id, pings)).accepted
        except Busy:  # counted as not accepted
            return

    async with PingWriter(setting.url, prefix=PREFIX, regions={PORTO.id: PORTO}, clock=clock) as writer:
        seconds = setting.seconds + 2 * WARM_UP_SECONDS
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for batch in range(int(setting.pings_per_s * seconds / PINGS_AT_ONCE)):
                due = began + batch * PINGS_AT_ONCE / setting.pings_per_s
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(send(writer, batch * PINGS_AT_ONCE))
        return accepted / (time.perf_counter() - began)


async def _ask_over_link(setting: Setting, clients: int) -> Asked:
    took: list[float] = []
    keys, clock = nearest_keys(_positions(redis.Redis()).keys[PORTO.id]), MachineClock()
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + setting.seconds

    async def client(link: ValkeyLink) -> None:
        chance = random.Random(_seed())  # noqa: S311 - no secret
        while (asked := time.perf_counter()) < end:
            at, now = _around(chance), clock.now()
            seen, heard = silent_before(PORTO.dispatch, now, now)
            args = (at.lon, at.lat, K, RADIUS_M, stamp(now), seen, heard, "")
            _check(read_near(await link.call("FCALL", functions.name("nearest"), len(keys), *keys, *args)))
            if asked >= begin:
                took.append(time.perf_counter() - asked)

    async with ValkeyLink(setting.url) as link, asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client(link))
    return Asked(took, setting.seconds)


def _in_threads(
    setting: Setting, clients: int, questions: Callable[[random.Random], Iterator[None]], *, at_least: int = 0
) -> Asked:
    took: list[float] = []
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + setting.seconds

    def client() -> None:
        asking = questions(random.Random(_seed()))  # noqa: S311 - no secret
        answered = 0
        while (asked := time.perf_counter()) < end or answered < at_least:
            next(asking)
            if asked >= begin:
                answered += 1
                took.append(time.perf_counter() - asked)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Asked(took, max(setting.seconds, time.perf_counter() - begin))


def _populate_naively(valkey: redis.Redis, drivers: int) -> None:
    chance = random.Random(SEED)  # noqa: S311 - no secret
    for numbers in batched(range(drivers), 5_000):
        with valkey.pipeline(transaction=False) as pipeline:
            for number in numbers:
                home, facts, member = _around(chance), _facts(number), str(_driver(number))
                pipeline.geoadd(NAIVE_GEO, (home.lon, home.lat, member))
                row = {"status": facts.flag, "load": facts.load, "capacity": facts.capacity, "rating": facts.rating}
                pipeline.hset(NAIVE_DRIVER + member, mapping=cast("dict[Any, Any]", row))
            pipeline.execute()


def _positions(valkey: redis.Redis) -> Positions:
    return Positions(valkey, prefix=PREFIX, regions={PORTO.id: PORTO})


def _facts(number: int) -> DriverFacts:
    """Seven of ten are idle, two carry one order, one is full."""
    load = (0, 0, 0, 0, 0, 0, 0, 1, 1, 2)[number % 10]
    return DriverFacts(on_shift=True, load=load, capacity=2, rating=4.7, deliveries=number % 900, offers_accepted=40)


def _driver(number: int) -> UUID:
    """A fixed id, spread as real ones are."""
    return UUID(int=(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128))


def _around(chance: random.Random) -> Position:
    return Position(
        lat=PORTO.center.lat + chance.gauss(0, SPREAD_DEGREES), lon=PORTO.center.lon + chance.gauss(0, SPREAD_DEGREES)
    )


def _check(near: list[Near]) -> None:
    if len(near) > K:
        raise RuntimeError(f"{len(near)} drivers answered, {K} asked for")


def _used(valkey: redis.Redis) -> int:
    return int(cast("dict[str, int]", valkey.info("memory"))["used_memory"])


def _seed() -> float:
    """Each client asks at places of its own."""
    return time.perf_counter()
