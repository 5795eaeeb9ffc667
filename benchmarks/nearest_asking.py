"""Those who ask in `benchmarks.nearest`, each in a process of its own, as `ways` names them.

In a closed loop a client asks again as soon as it has its answer: that shows what the server can do, and its times
are those of a queue. Paced, the clients of all processes ask 1,000 times a second together, at random moments: that
is the rate of SPEC, and its times are what a matcher waits.
"""

import asyncio
import gc
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec
import redis
import uvloop

from application.clocks import MachineClock
from application.positions import Near, nearest_keys, read_near, silent_before
from application.valkey_link import ValkeyLink
from benchmarks.nearest_load import NAIVE_DRIVER, NAIVE_GEO, WARM_UP_SECONDS, Setting, around, metro
from domain.region import PORTO
from projections.valkey import functions
from projections.valkey.functions import stamp

K = PORTO.dispatch.candidates
RADIUS_M = PORTO.dispatch.radii_m[0]
PROCESSES = 2
PACED_PER_S = 1_000
PINGS_PER_S = 200
NAIVE_AT_LEAST = 3


class Asked(msgspec.Struct, frozen=True):
    """The seconds that each question took, those in which all were asked, and the drivers that all found."""

    took: list[float]
    seconds: float
    found: int


type Ask = Callable[[Setting], Asked]
type Questions = Iterator[int]
"""Each asks one and tells how many drivers it found."""


def over_link(setting: Setting) -> Asked:
    """As coroutines do: over one connection that all share, on the event loop that the API runs on."""
    return uvloop.run(_over_link(setting))


def over_redis_py(setting: Setting) -> Asked:
    """As workers do: a thread and a connection each."""
    return _in_threads(setting, lambda: _nearest(setting))


def paced(setting: Setting) -> Asked:
    """As `over_redis_py`, at the given rate."""
    gap_seconds = PROCESSES * setting.clients / PACED_PER_S
    return _in_threads(setting, lambda: _nearest(setting), gap_seconds=gap_seconds)


def ping(setting: Setting) -> Asked:
    """One client without any question, only PING: what every command waits for on this machine."""

    def questions() -> Questions:
        with _connect(setting) as client:
            while True:
                client.ping()
                yield 0

    return _in_threads(setting, questions, clients=1, gap_seconds=1 / PINGS_PER_S)


def naively(setting: Setting) -> Asked:
    """Everybody within 5 km, then everybody's hash in one pipeline, then the first k that fit."""

    def questions() -> Questions:
        chance = _chance()
        with _connect(setting) as client:
            while True:
                at = around(chance)
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
                yield len(fit[:K])

    return _in_threads(setting, questions, clients=1, at_least=NAIVE_AT_LEAST)


def spin() -> None:
    """Keep a core awake at idle priority, as long as who started it lives."""
    parent = os.getppid()
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while os.getppid() == parent:
        pass


def _nearest(setting: Setting) -> Questions:
    chance, clock = _chance(), MachineClock()
    with _connect(setting) as client:
        positions = metro(client)
        while True:
            now = clock.now()
            yield _checked(
                positions.nearest(PORTO.id, around(chance), k=K, radius_m=RADIUS_M, now=now, machine_now=now)
            )


async def _over_link(setting: Setting) -> Asked:
    took: list[float] = []
    found = 0
    keys, clock = nearest_keys(metro(redis.Redis()).keys[PORTO.id]), MachineClock()
    _forget_start()
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + setting.seconds

    async def client(link: ValkeyLink) -> None:
        nonlocal found
        chance = _chance()
        while (asked := time.perf_counter()) < end:
            at, now = around(chance), clock.now()
            seen, heard = silent_before(PORTO.dispatch, now, now)
            args = (at.lon, at.lat, K, RADIUS_M, stamp(now), seen, heard, "")
            answer = await link.call("FCALL", functions.name("nearest"), len(keys), *keys, *args)
            here = _checked(read_near(answer))
            if asked >= begin:
                found += here
                took.append(time.perf_counter() - asked)

    async with ValkeyLink(setting.url) as link, asyncio.TaskGroup() as group:
        for _ in range(setting.clients):
            group.create_task(client(link))
    return Asked(took, setting.seconds, found)


def _in_threads(
    setting: Setting,
    questions: Callable[[], Questions],
    *,
    clients: int = 0,
    gap_seconds: float = 0.0,
    at_least: int = 0,
) -> Asked:
    took: list[float] = []
    found: list[int] = []
    _forget_start()
    begin = time.perf_counter() + WARM_UP_SECONDS
    end = begin + setting.seconds

    def client() -> None:
        chance, asking, answered, due = _chance(), questions(), 0, time.perf_counter()
        while time.perf_counter() < end or answered < at_least:
            if gap_seconds:
                due += chance.expovariate(1 / gap_seconds)
                time.sleep(max(0.0, due - time.perf_counter()))
            asked = time.perf_counter()
            here = next(asking)
            if asked >= begin:
                answered += 1
                took.append(time.perf_counter() - asked)
                found.append(here)

    threads = [threading.Thread(target=client) for _ in range(clients or setting.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Asked(took, max(setting.seconds, time.perf_counter() - begin), sum(found))


def _connect(setting: Setting) -> redis.Redis:
    return redis.Redis.from_url(setting.url, socket_timeout=60, socket_connect_timeout=2)


def _chance() -> random.Random:
    """Each client asks at places of its own."""
    return random.Random(time.perf_counter())  # noqa: S311 - no secret


def _checked(near: list[Near]) -> int:
    if len({driver.driver_id for driver in near}) != len(near) or len(near) > K:
        raise RuntimeError(f"{len(near)} drivers answered, {K} asked for, some twice")
    return len(near)


def _forget_start() -> None:
    """Keep the collector from going through what the imports left, in the midst of a question."""
    gc.collect()
    gc.freeze()
