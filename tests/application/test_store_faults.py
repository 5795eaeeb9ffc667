"""Appends when the log is busy, and when the server goes away in the middle of one."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from application.event_store import PostgresEventStore
from application.ids import new_id
from application.kinds import DRIVER
from application.memory_keys import MemoryKeys
from application.store import Answer, Closing, Receipt, StoreBusy, Unconfirmed
from domain.errors import InvalidInput
from tests.application.store_acts import META, NOON, STARTED, act, at_once, join, key, registered, store_settings
from tests.application.store_proxy import Proxy
from tests.waiting import eventually

APPEND_LOCK = 7_214_002
LOCK_TIMEOUT_SECONDS = 1.0
SLACK_SECONDS = 2.0
"""A busy machine's; the lock itself is held until everybody has given up."""

type Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def sql(postgres_url: str) -> Iterator[Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresEventStore]:
    store = PostgresEventStore(store_settings(postgres_url, lock_timeout_seconds=LOCK_TIMEOUT_SECONDS), MemoryKeys())
    yield store
    store.close()


@pytest.fixture
def proxy(postgres_url: str, tmp_path: Path) -> Iterator[Proxy]:
    with Proxy(postgres_url, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def far_store(proxy: Proxy) -> Iterator[PostgresEventStore]:
    """A store behind the proxy."""
    store = PostgresEventStore(store_settings(proxy.url, lock_timeout_seconds=LOCK_TIMEOUT_SECONDS), MemoryKeys())
    yield store
    store.close()


def test_writers_wait_no_longer_than_their_time_out(store: PostgresEventStore, sql: Connection) -> None:
    before = join(store)
    streams = [new_id() for _ in range(12)]  # more than there are connections

    def try_twice_then_succeed(number: int) -> tuple[list[float], Receipt]:
        waited = []
        for _ in range(2):
            begun = time.monotonic()
            with pytest.raises(StoreBusy) as busy:
                act(store, streams[number], 0, registered(), idempotency=key(f"key-{number}"))
            waited.append(time.monotonic() - begun)
            assert not isinstance(busy.value, Unconfirmed)
            assert busy.value.retry_after_seconds == 1
        refused.append(number)
        eventually(lambda: released, seconds=60)
        return waited, act(store, streams[number], 0, registered(), idempotency=key(f"key-{number}"))

    def hold_until_all_were_refused_twice() -> None:
        sql.execute("SELECT pg_advisory_lock(%s)", (APPEND_LOCK,))
        holding.append(True)
        eventually(lambda: len(refused) == len(streams), seconds=60)
        assert [position for position, _ in store.read(after=0, limit=100)] == [1]
        sql.execute("SELECT pg_advisory_unlock(%s)", (APPEND_LOCK,))
        released.append(True)

    holding: list[bool] = []
    refused: list[int] = []
    released: list[bool] = []

    def write(number: int) -> tuple[list[float], Receipt]:
        eventually(lambda: holding, seconds=60)
        return try_twice_then_succeed(number)

    holder, *results = at_once(
        hold_until_all_were_refused_twice, *[partial(write, number) for number in range(len(streams))]
    )
    assert holder is None
    for waited, receipt in results:
        assert not receipt.replayed
        assert all(seconds < LOCK_TIMEOUT_SECONDS + SLACK_SECONDS for seconds in waited)
    followed = store.read(after=0, limit=100)
    assert [position for position, _ in followed] == list(range(1, 14))
    assert {recorded.originator_id for _, recorded in followed} == {before, *streams}


def test_a_writer_whose_backend_is_killed_while_it_waits_appends_once(
    store: PostgresEventStore, sql: Connection
) -> None:
    patient = PostgresEventStore(store_settings(_url(sql), lock_timeout_seconds=30.0), MemoryKeys())
    stream = new_id()
    sql.execute("SELECT pg_advisory_lock(%s)", (APPEND_LOCK,))

    def kill_then_release() -> None:
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
        victim = eventually(lambda: sql.execute(waiting).fetchone(), what="the writer waits for the lock")
        sql.execute("SELECT pg_terminate_backend(%s, 5000)", victim)
        eventually(lambda: sql.execute(waiting).fetchone(), what="the writer waits again, on another connection")
        sql.execute("SELECT pg_advisory_unlock(%s)", (APPEND_LOCK,))

    _, receipt = at_once(kill_then_release, lambda: act(patient, stream, 0, registered(), idempotency=key()))
    patient.close()
    assert (receipt.position, receipt.replayed) == (1, False)
    assert len(store.read(after=0, limit=10)) == 1


def test_an_append_whose_acknowledgement_is_lost_happened_once(
    proxy: Proxy, far_store: PostgresEventStore, store: PostgresEventStore
) -> None:
    stream = join(far_store)
    proxy.lose_answer_to(b"append")
    receipt = act(far_store, stream, 1, STARTED)
    assert proxy.losses == 1
    assert (receipt.position, receipt.answer.version, receipt.replayed) == (2, 2, False)
    assert store.load(DRIVER, stream).version == 2
    assert act(far_store, new_id(), 0, registered(), STARTED).position == 4


def test_a_lost_acknowledgement_of_an_append_with_a_key_is_found_by_the_key(
    proxy: Proxy, far_store: PostgresEventStore, store: PostgresEventStore
) -> None:
    stream = join(far_store)
    proxy.lose_answer_to(b"append")
    receipt = act(far_store, stream, 1, STARTED, idempotency=key())
    assert proxy.losses == 1
    assert (receipt.position, receipt.answer.version) == (2, 2)
    answered = store.answered(key())
    assert answered is not None
    assert answered.answer == receipt.answer
    assert len(store.read(after=0, limit=10)) == 2


def test_a_lost_acknowledgement_of_a_closing_is_not_taken_for_a_lost_lease(
    proxy: Proxy, far_store: PostgresEventStore, sql: Connection
) -> None:
    stream, token = join(far_store), new_id()
    sql.execute(
        """INSERT INTO reactions (position, actor_name, stream_id, topic, due_at, lease_token)
           SELECT position, 'a.b', %s, 'order.confirmed', now(), %s FROM unnest(ARRAY[1, 2]) AS position""",
        (stream, token),
    )
    for position, events in ((1, []), (2, [STARTED])):
        proxy.lose_answer_to(b"append")
        closing = Closing(position=position, actor_name="a.b", lease_token=token)
        assert act(far_store, stream, 1, *events, closing=closing).position == position
    assert proxy.losses == 2
    assert sql.execute("SELECT count(*) FROM reactions WHERE state = 'done'").fetchone() == (2,)
    assert sql.execute("SELECT position FROM log_head").fetchone() == (2,)


def test_a_server_that_stays_away_leaves_an_append_unconfirmed(
    proxy: Proxy, far_store: PostgresEventStore, store: PostgresEventStore
) -> None:
    stream = join(far_store)
    proxy.lose_answer_to(b"append", for_good=True)
    with pytest.raises(Unconfirmed):
        act(far_store, stream, 1, STARTED, idempotency=key())
    assert proxy.losses == 1
    again = act(store, stream, 1, STARTED, idempotency=key(), answer=Answer(id=stream, status="again", version=2))
    assert again.replayed
    assert len(store.read(after=0, limit=10)) == 2


def test_a_server_that_is_away_from_the_start_appended_nothing(tmp_path: Path) -> None:
    nowhere = PostgresEventStore(
        store_settings(f"postgresql://postgres@/none?host={tmp_path}", lock_timeout_seconds=0.2), MemoryKeys()
    )
    with pytest.raises(StoreBusy) as busy:
        act(nowhere, new_id(), 0, registered())
    nowhere.close()
    assert not isinstance(busy.value, Unconfirmed)


def test_connections_that_died_in_the_pool_are_replaced(store: PostgresEventStore, sql: Connection) -> None:
    streams = at_once(*[partial(join, store)] * 6)
    sql.execute(
        """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
           WHERE application_name = 'tiffin-store' AND datname = current_database()"""
    )
    states = at_once(*[partial(store.load, DRIVER, stream) for stream in streams])
    assert [state.version for state in states] == [1] * 6
    receipts = at_once(*[partial(act, store, stream, 1, STARTED) for stream in streams])
    assert sorted(receipt.position for receipt in receipts) == list(range(7, 13))


def test_a_query_that_lost_its_connection_is_asked_again(proxy: Proxy, far_store: PostgresEventStore) -> None:
    stream = join(far_store)
    proxy.lose_answer_to(b"history")
    assert far_store.load(DRIVER, stream).version == 1
    assert proxy.losses == 1


def test_a_key_with_a_nul_character_is_refused(store: PostgresEventStore) -> None:
    with pytest.raises(InvalidInput, match="NUL"):
        store.append(
            [], answer=Answer(id=new_id(), status="", version=0), meta=META, occurred_at=NOON, idempotency=key("a\0b")
        )


def _url(sql: Connection) -> str:
    info = sql.info
    return f"postgresql://postgres@/{info.dbname}?host={info.host}"
