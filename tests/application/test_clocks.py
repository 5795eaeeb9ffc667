"""Business time follows the world's row; machine time is real."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from application import clocks
from application.clocks import POLL_SECONDS, MachineClock, World, WorldClock
from tests.waiting import eventually

ORIGIN = datetime(2026, 3, 6, 18, 0, tzinfo=UTC)
STANDING = World(name="rush", speed=30.0, origin_business=ORIGIN, origin_machine=None)


def test_simulated_now_is_the_origin_and_the_time_elapsed_times_the_speed() -> None:
    started = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    world = World(name="rush", speed=30.0, origin_business=ORIGIN, origin_machine=started)
    assert world.at(started) == ORIGIN
    assert world.at(started + timedelta(seconds=10)) == ORIGIN + timedelta(minutes=5)


def test_without_a_world_business_time_is_machine_time(postgres_url: str) -> None:
    clock = clocks.open_clock(postgres_url)
    assert isinstance(clock, MachineClock)
    assert abs(clock.now() - clock.machine_now()) < timedelta(seconds=1)
    assert clock.machine_seconds_until(clock.now() - timedelta(hours=1)) == 0
    assert 3_590 < clock.machine_seconds_until(clock.now() + timedelta(hours=1)) <= 3_600


def test_time_stands_still_until_the_world_starts_and_every_process_follows(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        clocks.create_world(connection, STANDING)
        with closing(_world_clock(postgres_url)) as clock:
            assert clock.now() == ORIGIN
            assert clock.machine_seconds_until(ORIGIN + timedelta(hours=1)) == POLL_SECONDS
            started = clocks.start_world(connection)
            eventually(lambda: clock.now() > ORIGIN, what="the clock follows the row")
    simulated, real = clock.now() - ORIGIN, clock.machine_now() - started
    assert simulated.total_seconds() == pytest.approx(real.total_seconds() * 30, rel=0.05)
    assert clock.machine_seconds_until(clock.now() + timedelta(minutes=30)) == pytest.approx(60, abs=1)


def test_starting_twice_changes_nothing(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        clocks.create_world(connection, STANDING)
        assert clocks.start_world(connection) == clocks.start_world(connection)


def test_a_database_holds_one_world(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        clocks.create_world(connection, STANDING)
        with pytest.raises(psycopg.errors.UniqueViolation):
            clocks.create_world(connection, STANDING)


def test_a_database_without_a_world_has_none_to_start(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection, pytest.raises(LookupError):
        clocks.start_world(connection)


def _world_clock(url: str) -> WorldClock:
    clock = clocks.open_clock(url)
    assert isinstance(clock, WorldClock)
    return clock
