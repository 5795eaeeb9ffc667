"""Drivers' positions in partitions of an hour: written in batches, bounded, read as a track, dropped by retention."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from application import clock_jobs, metrics, tracks
from application.bootstrap import Tiffin
from application.ids import new_id
from application.positions import Ping
from application.settings import Settings
from application.track_writer import TrackWriter
from application.tracks import track
from domain.geo import Position
from tests.application.test_pings import StoppedClock
from tests.projections.history import NOON
from tests.waiting import eventually

AT = Position(41.15, -8.61)


class Ticking(StoppedClock):
    """Stands where it is put."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> Any:
        return self.time


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def writer(settings: Settings, clock: Ticking) -> Iterator[TrackWriter]:
    """Flushed by hand; its thread does not run."""
    writer = TrackWriter(settings.database, settings.positions, clock, most_waiting=5)
    yield writer
    writer.hang_up()


def dropped(reason: str) -> float:
    return float(metrics.position_history_dropped_total.labels(reason)._value.get())


def test_accepted_pings_become_a_track(writer: TrackWriter, tiffin: Tiffin) -> None:
    driver, other = new_id(), new_id()
    pings = [Ping(driver, Position(41.15 + i / 100, -8.61), NOON - timedelta(minutes=50 * i)) for i in range(3)]

    writer.take([*pings, Ping(other, AT, NOON)], b"acsa")
    writer.flush()

    since = NOON - timedelta(hours=3)
    assert [(fix.at, fix.position) for fix in track(tiffin.reads, driver, since, NOON)] == [
        (ping.at, ping.position) for ping in (pings[1], pings[0])
    ], "oldest first; what was dropped is not there; two hours, two partitions"
    assert [fix.at for fix in track(tiffin.reads, driver, pings[0].at, NOON)] == [NOON]
    assert len(track(tiffin.reads, driver, since, NOON, limit=1)) == 1


def test_a_clock_ahead_is_set_right_and_what_is_too_old_is_not_kept(writer: TrackWriter, tiffin: Tiffin) -> None:
    driver, before = new_id(), dropped("old")

    kept, past = NOON - timedelta(days=29, hours=23), NOON - timedelta(days=30, seconds=1)
    writer.take([Ping(driver, AT, at) for at in (past, kept, NOON + timedelta(minutes=4))], b"lla")
    writer.flush()

    found = track(tiffin.reads, driver, NOON - timedelta(days=40), NOON + timedelta(1))
    assert [fix.at for fix in found] == [kept, NOON], "a month is kept unless somebody says otherwise"
    assert dropped("old") == before + 1


def test_a_full_buffer_drops_the_oldest_and_counts_them(settings: Settings, tiffin: Tiffin) -> None:
    nowhere = replace(settings.database, url="postgresql://127.0.0.1:1/nobody")
    writer = TrackWriter(nowhere, settings.positions, Ticking(), most_waiting=5)
    driver, before = new_id(), dropped("full")
    for i in range(8):
        writer.take([Ping(driver, AT, NOON - timedelta(seconds=10 - i))], b"a")
    with pytest.raises(psycopg.OperationalError):
        writer.flush()
    writer.take([Ping(driver, AT, NOON)] * 8, b"a" * 8)
    assert writer.waiting == 10, "a batch under way and a full buffer, never more"
    assert dropped("full") == before + 3 + 3
    assert track(tiffin.reads, driver, NOON - timedelta(1), NOON) == []


def test_a_lost_connection_loses_no_row(writer: TrackWriter, settings: Settings, tiffin: Tiffin) -> None:
    driver = new_id()
    writer.take([Ping(driver, AT, NOON - timedelta(seconds=1))], b"a")
    writer.flush()
    with psycopg.connect(settings.database.url, autocommit=True) as other:
        other.execute("""
            SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE application_name = 'tiffin-tracks' AND datname = current_database()
        """)
    writer.take([Ping(driver, AT, NOON)], b"a")
    writer.start()
    eventually(lambda: len(track(tiffin.reads, driver, NOON - timedelta(1), NOON)) == 2, what="both rows are there")
    writer.close()


def test_closing_writes_what_waits(settings: Settings, tiffin: Tiffin) -> None:
    driver, writer = new_id(), TrackWriter(settings.database, settings.positions, Ticking())
    writer.start()
    writer.take([Ping(driver, AT, NOON)], b"a")
    writer.close()
    assert len(track(tiffin.reads, driver, NOON, NOON)) == 1


def test_partitions_are_made_ahead_and_dropped_past_their_time(
    writer: TrackWriter, tiffin: Tiffin, settings: Settings, clock: Ticking
) -> None:
    driver = new_id()
    writer.take([Ping(driver, AT, NOON)], b"a")
    writer.flush()
    with psycopg.connect(settings.database.url, autocommit=True) as connection:
        assert tracks.keep_partitions(connection, NOON, days=1) == []
        known = {f"driver_positions_{NOON + timedelta(hours=hours):%Y%m%d%H}" for hours in range(4)}
        assert set(tracks._partitions(connection)) == known
        assert tracks.keep_partitions(connection, NOON + timedelta(days=1), days=1) == [], "some of it is still wanted"
        later = NOON + timedelta(days=1, hours=1)
        assert tracks.keep_partitions(connection, later, days=1) == [tracks.partition(NOON)]
    assert track(tiffin.reads, driver, NOON, NOON) == []
    clock.time = later
    writer.take([Ping(driver, AT, NOON)], b"a")
    writer.take([Ping(driver, AT, later)], b"a")
    writer.start()
    eventually(lambda: writer.waiting == 0, what="a dropped partition is made again")
    writer.close()
    assert len(track(tiffin.reads, driver, NOON, later)) == 2


def test_the_clock_job_looks_after_them(tiffin: Tiffin) -> None:
    clock_jobs.keep_tracks(tiffin)
    with tiffin.reads.connect() as connection:
        count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'driver_positions'::regclass"
        assert connection.exec_driver_sql(count).scalar_one() == 4


def test_the_clock_job_drops_what_is_older_than_a_month(tiffin: Tiffin, settings: Settings) -> None:
    now = tiffin.clock.now()
    within, past = (now - timedelta(days=days) for days in (29, 31))
    with psycopg.connect(settings.database.url, autocommit=True) as connection:
        for at in (within, past):
            tracks.make_partitions(connection, at, at)
        clock_jobs.keep_tracks(tiffin)
        known = tracks._partitions(connection)
    assert tracks.partition(within) in known
    assert tracks.partition(past) not in known
