"""Long streams load from a snapshot, whichever store keeps it."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from application.event_store import PostgresEventStore
from application.kinds import DRIVER
from application.memory_keys import MemoryKeys
from application.memory_store import MemoryEventStore
from application.store import EventStore
from tests.application.store_acts import STARTED, act, join, shifts, store_settings


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[EventStore]:
    if request.param == "memory":
        yield MemoryEventStore()
        return
    store = PostgresEventStore(store_settings(request.getfixturevalue("postgres_url")), MemoryKeys())
    yield store
    store.close()


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[PostgresEventStore]:
    store = PostgresEventStore(store_settings(postgres_url, lock_timeout_seconds=0.5), MemoryKeys())
    yield store
    store.close()


@pytest.fixture
def sql(postgres_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


def test_a_long_stream_is_what_all_its_events_make_it(store: EventStore) -> None:
    stream = _long_stream(store)
    loaded = store.load(DRIVER, stream)
    assert (loaded.version, loaded.on_shift) == (250, True)
    for version in (1, 99, 100, 101, 150, 200, 249):
        then = store.load(DRIVER, stream, version=version)
        assert (then.version, then.on_shift) == (version, version % 2 == 0)


def test_every_hundredth_event_leaves_a_snapshot(
    postgres: PostgresEventStore, sql: psycopg.Connection[tuple[object, ...]]
) -> None:
    stream = _long_stream(postgres)
    rows = sql.execute("SELECT originator_version FROM snapshots WHERE originator_id = %s ORDER BY 1", (stream,))
    assert rows.fetchall() == [(100,), (200,)]


def test_loading_starts_at_the_snapshot(
    postgres: PostgresEventStore, sql: psycopg.Connection[tuple[object, ...]]
) -> None:
    stream = _long_stream(postgres)
    sql.execute(
        """UPDATE snapshots SET state = convert_to(replace(
               convert_from(state, 'UTF8'), '"porto"', '"at ' || originator_version || '"'), 'UTF8')"""
    )
    assert postgres.load(DRIVER, stream).region == "at 200"
    assert postgres.load(DRIVER, stream, version=199).region == "at 100"
    assert postgres.load(DRIVER, stream, version=99).region == "porto"
    short = join(postgres)
    assert postgres.load_many(DRIVER, [stream, short]) == {
        each: postgres.load(DRIVER, each) for each in (stream, short)
    }


def test_a_snapshot_of_another_shape_is_not_used(
    postgres: PostgresEventStore, sql: psycopg.Connection[tuple[object, ...]]
) -> None:
    stream = _long_stream(postgres)
    sql.execute("UPDATE snapshots SET topic = 'driver.snapshot.00000000', state = 'no longer readable'")
    assert postgres.load(DRIVER, stream).version == 250


def test_an_append_stands_though_its_snapshot_fails(
    postgres: PostgresEventStore, sql: psycopg.Connection[tuple[object, ...]]
) -> None:
    stream = join(postgres)
    act(postgres, stream, 1, *shifts(98))
    state = postgres.load(DRIVER, stream)
    with sql.transaction():
        sql.execute("LOCK TABLE snapshots IN EXCLUSIVE MODE")
        receipt = act(postgres, stream, 99, STARTED, snapshots={stream: state})
    assert receipt.position == 100
    assert sql.execute("SELECT count(*) FROM snapshots").fetchone() == (0,)
    assert postgres.load(DRIVER, stream).version == 100


def _long_stream(store: EventStore) -> UUID:
    """250 events, the state handed over with each append as commands do."""
    stream = join(store)
    events = shifts(249)
    for first in range(0, 249, 10):
        state = store.load(DRIVER, stream)
        act(store, stream, first + 1, *events[first : first + 10], snapshots={stream: state})
    return stream
