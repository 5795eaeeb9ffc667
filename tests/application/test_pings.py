"""The writer of pings on the event loop, on a real Valkey."""

import asyncio
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
import redis

from application import metrics
from application.engines import valkey as server
from application.ids import new_id
from application.pings import MOST_WAITING, Busy, PingWriter
from application.positions import PINGS_A_CALL, Ping, PingCounts
from domain.region import PORTO
from projections.valkey import functions
from projections.valkey.facts import DriverFacts
from projections.valkey.keys import RegionKeys
from tests.projections.history import NOON

PREFIX = "t:"
REGIONS = {PORTO.id: PORTO}


class StoppedClock:
    def now(self) -> datetime:
        return NOON

    def machine_now(self) -> datetime:
        return NOON

    def machine_seconds_until(self, business: datetime) -> float:
        return max(0.0, (business - NOON).total_seconds())


def writer(url: str) -> PingWriter:
    return PingWriter(url, prefix=PREFIX, regions=REGIONS, clock=StoppedClock())


def on_duty(valkey: redis.Redis, count: int, *, flag: str = "D") -> list[UUID]:
    every = RegionKeys(PREFIX, PORTO.id).written
    drivers = [new_id() for _ in range(count)]
    args: list[str | bytes | int] = ["1", 0, "1", 0, count]
    for driver_id in drivers:
        args += (str(driver_id), flag, "0002", msgspec.json.encode(DriverFacts(on_shift=True, capacity=2)))
    functions.call(valkey, "begin", every, "1")
    functions.call(valkey, "follow", every, *args)
    return drivers


def ping(driver_id: UUID, seconds: float = 0.0) -> Ping:
    return Ping(driver_id, PORTO.center, NOON - timedelta(seconds=seconds))


def busy() -> float:
    return float(metrics.driver_location_dropped_total.labels("busy")._value.get())


def calls_of_fcall(valkey: redis.Redis) -> int:
    stats = valkey.info("commandstats")
    return int(stats.get("cmdstat_fcall", {}).get("calls", 0))


@pytest.fixture
def client(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url, socket_timeout=5, socket_connect_timeout=2) as client:
        yield client


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[str]:
    """A server of the test's own, to stop and start."""
    folder = tmp_path / "valkey"
    yield server.start(folder)
    server.stop(folder)


def test_everyone_gets_the_outcome_of_their_own_pings(valkey_url: str, client: redis.Redis) -> None:
    [known], [silent] = on_duty(client, 1), [new_id()]

    async def scenario() -> tuple[PingCounts, PingCounts, PingCounts]:
        async with writer(valkey_url) as pings:
            return await asyncio.gather(
                pings.submit(PORTO.id, [ping(known, 2), ping(known, 1)]),
                pings.submit(PORTO.id, [ping(silent)]),
                pings.submit(PORTO.id, [ping(known, 3), ping(known)]),
            )

    first, second, third = asyncio.run(scenario())
    assert first == PingCounts(accepted=2)
    assert second == PingCounts(dropped_unknown=1)
    assert third == PingCounts(accepted=1, dropped_stale=1)


def test_a_silent_driver_heard_again_is_told_to_who_sent_the_ping(valkey_url: str, client: redis.Redis) -> None:
    [silent] = on_duty(client, 1, flag="S")

    async def scenario() -> PingCounts:
        async with writer(valkey_url) as pings:
            return await pings.submit(PORTO.id, [ping(silent)])

    assert asyncio.run(scenario()).came_back == (silent,)


def test_pings_that_come_while_one_write_is_under_way_share_the_next(own_server: str) -> None:
    async def scenario() -> None:
        async with writer(own_server) as pings:
            await asyncio.gather(*(pings.submit(PORTO.id, [ping(driver_id)]) for driver_id in drivers))

    with redis.Redis.from_url(own_server, socket_timeout=5) as client:
        drivers = on_duty(client, 300)
        before = calls_of_fcall(client)
        asyncio.run(scenario())
        assert calls_of_fcall(client) - before <= 1 + math.ceil(len(drivers) / PINGS_A_CALL)


def test_who_comes_when_too_many_wait_is_turned_away(valkey_url: str, client: redis.Redis) -> None:
    [driver_id] = on_duty(client, 1)

    async def scenario() -> None:
        async with writer(valkey_url) as pings:
            many = [ping(driver_id)] * (MOST_WAITING - 1)
            first = asyncio.create_task(pings.submit(PORTO.id, many))
            second = asyncio.create_task(pings.submit(PORTO.id, [ping(driver_id)] * 2))
            before = busy()
            with pytest.raises(Busy):
                await second
            assert busy() == before + 2
            assert (await first).accepted == 1
            assert (await pings.submit(PORTO.id, [ping(driver_id)])).dropped_stale == 1

    asyncio.run(scenario())


def test_a_caller_who_leaves_spoils_nothing_for_the_others(valkey_url: str, client: redis.Redis) -> None:
    leaver, stayer = on_duty(client, 2)

    async def scenario() -> None:
        async with writer(valkey_url) as pings:
            leaving = asyncio.create_task(pings.submit(PORTO.id, [ping(leaver)]))
            staying = asyncio.create_task(pings.submit(PORTO.id, [ping(stayer)]))
            await asyncio.sleep(0)
            leaving.cancel()
            assert (await staying).accepted == 1

    asyncio.run(scenario())


def test_without_a_server_senders_are_told_to_come_again_and_then_it_goes_on(tmp_path: Path, own_server: str) -> None:
    folder = tmp_path / "valkey"

    async def scenario() -> None:
        async with writer(own_server) as pings:
            assert (await pings.submit(PORTO.id, [ping(driver_id, 3)])).accepted == 1
            await asyncio.to_thread(server.stop, folder)
            before = busy()
            with pytest.raises(Busy):
                await pings.submit(PORTO.id, [ping(driver_id, 2)])
            assert busy() == before + 1
            await asyncio.to_thread(server.start, folder)
            assert (await pings.submit(PORTO.id, [ping(driver_id, 1)])).accepted == 1

    with redis.Redis.from_url(own_server, socket_timeout=5) as client:
        [driver_id] = on_duty(client, 1)
    asyncio.run(scenario())


def test_a_new_server_is_given_the_functions(own_server: str) -> None:
    async def scenario() -> PingCounts:
        async with writer(own_server) as pings:
            return await pings.submit(PORTO.id, [ping(new_id())])

    assert asyncio.run(scenario()).dropped_unknown == 1


def test_a_lost_connection_is_replaced(valkey_url: str, client: redis.Redis) -> None:
    [driver_id] = on_duty(client, 1)

    async def scenario() -> None:
        async with writer(valkey_url) as pings:
            await pings.submit(PORTO.id, [ping(driver_id, 9)])
            mine = next(c for c in client.client_list() if c["cmd"] == "fcall" and c["id"] != str(client.client_id()))
            client.client_kill_filter(_id=mine["id"])
            for seconds in (2, 1):
                try:
                    await pings.submit(PORTO.id, [ping(driver_id, seconds)])
                except Busy:
                    continue
                return
            pytest.fail("no new connection")

    asyncio.run(scenario())
