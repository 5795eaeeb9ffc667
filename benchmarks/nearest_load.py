"""The metro of `benchmarks.nearest`, and the pings that its drivers send meanwhile, from two processes of their own."""

import asyncio
import random
import time
from datetime import date
from itertools import batched
from typing import Any, cast
from uuid import UUID

import msgspec
import redis
import uvloop

from application.clocks import MachineClock
from application.pings import Busy, PingWriter
from application.positions import PINGS_A_CALL, Ping, Positions
from domain.geo import Position
from domain.region import PORTO
from projections.valkey import functions
from projections.valkey.facts import DriverFacts

PREFIX = "bench:"
SPREAD_DEGREES = 6_000 / 111_195
NAIVE_GEO, NAIVE_DRIVER = "naive:geo", "naive:driver:"
PINGS_AT_ONCE = 100
PINGING = 2
"""Processes, as there are of the API."""
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


def populate(valkey: redis.Redis, drivers: int, *, naive: bool) -> float:
    """Put so many drivers on duty, as the projection does, with a place each. Answers Valkey's bytes a driver."""
    # A flush in the background would give its memory back while ours is counted.
    cast("Any", valkey).execute_command("FLUSHALL", "SYNC")
    functions.load(valkey)
    before = _used(valkey)
    keys = metro(valkey).keys[PORTO.id].written
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


def ping_everybody(valkey: redis.Redis, drivers: int) -> float:
    """Hear of every driver once more, so that none is silent in the next measurement.

    Answers the milliseconds for which one call, of PINGS_A_CALL pings, held up the server.
    """
    positions, chance = metro(valkey), random.Random(SEED)  # noqa: S311 - no secret
    homes = [around(chance) for _ in range(drivers)]
    valkey.config_resetstat()
    for numbers in batched(range(drivers), 100 * PINGS_A_CALL):
        now = MachineClock().now()
        pings = [Ping(_driver(number), _near(homes[number], chance), now) for number in numbers]
        positions.record(PORTO.id, pings, now=now, machine_now=now)
    return functions_ms(valkey)


def functions_ms(valkey: redis.Redis) -> float:
    """Mean milliseconds that a function took the server since `config_resetstat`."""
    stats = cast("dict[str, dict[str, float]]", valkey.info("commandstats"))
    return stats["cmdstat_fcall"]["usec_per_call"] / 1_000


def metro(valkey: redis.Redis) -> Positions:
    """The positions of the benchmark's own keys."""
    return Positions(valkey, prefix=PREFIX, regions={PORTO.id: PORTO})


def around(chance: random.Random) -> Position:
    """A place in the metro, as drivers and customers are spread."""
    return Position(
        lat=PORTO.center.lat + chance.gauss(0, SPREAD_DEGREES), lon=PORTO.center.lon + chance.gauss(0, SPREAD_DEGREES)
    )


def send_pings(setting: Setting, part: int) -> float:
    """Send a part of the setting's pings, open loop, through the API's own writer. Answers those accepted a second."""
    return uvloop.run(_send_pings(setting, part))


async def _send_pings(setting: Setting, part: int) -> float:
    chance = random.Random(SEED)  # noqa: S311 - no secret
    homes = [around(chance) for _ in range(setting.drivers)]
    accepted, clock = 0, MachineClock()

    async def send(writer: PingWriter, first: int) -> None:
        nonlocal accepted
        now = clock.now()
        numbers = [(first + offset) % setting.drivers for offset in range(PINGS_AT_ONCE)]
        pings = [Ping(_driver(number), _near(homes[number], chance), now) for number in numbers]
        try:
            counts = await writer.submit(PORTO.id, pings)
        except Busy:  # counted as not accepted
            return
        accepted += counts.accepted  # after the wait: others add to it meanwhile

    async with PingWriter(setting.url, prefix=PREFIX, regions={PORTO.id: PORTO}, clock=clock) as writer:
        seconds = setting.seconds + 2 * WARM_UP_SECONDS
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for batch in range(part, int(setting.pings_per_s * seconds / PINGS_AT_ONCE), PINGING):
                due = began + batch * PINGS_AT_ONCE / setting.pings_per_s
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(send(writer, batch * PINGS_AT_ONCE))
        return accepted / (time.perf_counter() - began)


def _populate_naively(valkey: redis.Redis, drivers: int) -> None:
    chance = random.Random(SEED)  # noqa: S311 - no secret
    for numbers in batched(range(drivers), 5_000):
        with valkey.pipeline(transaction=False) as pipeline:
            for number in numbers:
                home, facts, member = around(chance), _facts(number), str(_driver(number))
                pipeline.geoadd(NAIVE_GEO, (home.lon, home.lat, member))
                row = {"status": facts.flag, "load": facts.load, "capacity": facts.capacity, "rating": facts.rating}
                pipeline.hset(NAIVE_DRIVER + member, mapping=cast("dict[Any, Any]", row))
            pipeline.execute()


def _facts(number: int) -> DriverFacts:
    """Seven of ten are idle, two carry one order, one is full; all have driven today."""
    load = (0, 0, 0, 0, 0, 0, 0, 1, 1, 2)[number % 10]
    return DriverFacts(
        version=1_000 + number % 900, on_shift=True, load=load, capacity=2, rating=4.7, deliveries=number % 900,
        deliveries_today=1 + number % 20, today=date(2026, 11, 21), earnings_goal=100, offers_accepted=40,
        offers_missed=3,
    )  # fmt: skip


def _driver(number: int) -> UUID:
    """A fixed id, spread as real ones are."""
    return UUID(int=(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128))


def _near(home: Position, chance: random.Random) -> Position:
    return Position(lat=home.lat + chance.uniform(-1e-4, 1e-4), lon=home.lon)


def _used(valkey: redis.Redis) -> int:
    return int(cast("dict[str, int]", valkey.info("memory"))["used_memory"])
