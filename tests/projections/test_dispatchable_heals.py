"""Valkey emptied or replaced under a running projector: drivers are known again within moments."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import Connection, Engine

from application.engines import valkey as server
from application.ids import new_id
from application.positions import Ping, PingCounts, Positions
from domain.driver import events as driver
from domain.region import PORTO
from projections import registry, runner
from projections.valkey import keys
from tests.projections.history import NOON, READER, History, joined, placed

PREFIX = "t:"
REGIONS = {PORTO.id: PORTO}
HEALED_SECONDS = 5.0
"""About two on an idle machine; tests share theirs."""


class Rush:
    """A projector at work on a Valkey of its own, and one driver who pings."""

    def __init__(self, valkey: redis.Redis, connection: Connection, history: History) -> None:
        self.valkey = valkey
        self.connection = connection
        self.history = history
        self.positions = Positions(valkey, prefix=PREFIX, regions=REGIONS)
        self.driver_id = new_id()
        history.tell(self.driver_id, joined(), driver.ShiftStarted())
        history.store(connection)

    def ping(self) -> PingCounts:
        self.history.now = self.history.now.replace(microsecond=(self.history.now.microsecond + 1_000) % 1_000_000)
        ping = Ping(self.driver_id, PORTO.center, self.history.now)
        return self.positions.record(PORTO.id, [ping], now=self.history.now, machine_now=NOON)

    def known(self) -> bool:
        try:
            return self.ping().dropped_unknown == 0
        except redis.ConnectionError:
            return False


@pytest.fixture
def rush(tmp_path: Path, postgres_url: str, engine: Engine, history: History) -> Iterator[Rush]:
    stopping = threading.Event()
    url = server.start(tmp_path / "valkey")
    with (
        redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2) as valkey,
        engine.connect() as connection,
    ):
        followers = registry.followers(valkey, prefix=PREFIX, regions=REGIONS)
        projector = threading.Thread(
            target=runner.run,
            args=(postgres_url, READER, registry.PROJECTIONS, followers),
            kwargs={"stopping": stopping},
        )
        projector.start()
        try:
            rush = Rush(valkey, connection, history)
            wait_for(rush.known)
            yield rush
        finally:
            stopping.set()
            projector.join(15)
            server.stop(tmp_path / "valkey")


def wait_for(condition: Callable[[], bool], seconds: float = 15.0) -> float:
    """How long it took. Fails after `seconds`."""
    began, pause = time.monotonic(), threading.Event()
    while not condition():
        assert time.monotonic() - began < seconds, "it never came"
        pause.wait(0.02)
    return time.monotonic() - began


def test_an_emptied_server_is_filled_again(rush: Rush) -> None:
    rush.valkey.flushall()
    assert rush.ping().dropped_unknown == 1
    assert wait_for(rush.known) < HEALED_SECONDS


def test_events_of_the_moment_are_not_lost_with_the_rows(rush: Rush) -> None:
    rush.valkey.flushall()
    rush.history.tell(rush.driver_id, driver.DeliveryTaken(order_id=new_id()))
    rush.history.tell(new_id(), placed())
    rush.history.store(rush.connection)
    wait_for(rush.known)

    def carries_one() -> bool:
        near = rush.positions.nearest(PORTO.id, PORTO.center, k=1, radius_m=1.0, now=rush.history.now, machine_now=NOON)
        return [row.load for row in near] == [1]

    wait_for(carries_one)
    wait_for(lambda: rush.valkey.hlen(keys.live_tracks(PREFIX)) == 1)


def test_a_new_server_gets_functions_and_rows(rush: Rush, tmp_path: Path) -> None:
    folder = tmp_path / "valkey"
    server.stop(folder)
    shutil.rmtree(folder / "appendonlydir")
    server.start(folder)
    assert rush.valkey.function_list() == []
    assert wait_for(rush.known) < HEALED_SECONDS
