"""What the log in PostgreSQL keeps beyond the contract: its tables, its trigger, many saves in one statement."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace

from application.event_store import PostgresEventStore
from application.ids import new_id
from application.kinds import DRIVER
from application.memory_keys import MemoryKeys
from application.postgres_recorder import STATEMENTS, PostgresRecorder
from application.saves import Save
from application.store import Answer, Closing, Idempotency
from application.store_connections import StoreConnections
from domain.encryption import PersonalData
from domain.event import Event, Recorded
from domain.mapper import JSONMapper
from tests.application.store_acts import ENDED, META, NOON, STARTED, act, join, key, registered, store_settings

type Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresEventStore]:
    store = PostgresEventStore(store_settings(postgres_url), MemoryKeys())
    yield store
    store.close()


@pytest.fixture
def sql(postgres_url: str) -> Iterator[Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    "statement",
    ["UPDATE events SET topic = 'x'", "DELETE FROM events", "TRUNCATE events", "DELETE FROM events WHERE false"],
)
def test_the_log_is_append_only(store: PostgresEventStore, sql: Connection, statement: str) -> None:
    join(store)
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        sql.execute(statement)
    assert sql.execute("SELECT count(*) FROM events WHERE topic = 'driver.registered'").fetchone() == (1,)


def test_auditors_see_who_acted_and_the_event_as_json(store: PostgresEventStore, sql: Connection) -> None:
    stream = join(store)
    row = sql.execute(
        """SELECT position, stream_id, version, topic, actor_type, actor_id, correlation_id, causation_id,
                  state -> 'data' ->> 'vehicle', state ->> 'event_id' = event_id::text,
                  recorded_at BETWEEN now() - interval '1 minute' AND now()
           FROM event_log"""
    ).fetchone()
    whom = (META.actor_type.value, META.actor_id, META.correlation_id, META.causation_id)
    assert row == (1, stream, 1, "driver.registered", *whom, "bike", True, True)


def test_everybody_listening_hears_the_last_position(store: PostgresEventStore, sql: Connection) -> None:
    sql.execute("LISTEN tiffin_log")
    act(store, new_id(), 0, registered(), STARTED)
    (heard,) = sql.notifies(timeout=10, stop_after=1)
    assert (heard.channel, heard.payload) == ("tiffin_log", "2")


def test_whoever_is_shown_a_stream_is_shown_what_is_on_disk(postgres_url: str, sql: Connection) -> None:
    settings = replace(store_settings(postgres_url), durable_barrier=True)
    store = PostgresEventStore(settings, MemoryKeys())
    try:
        stream = join(store)
        # Something that waits for no disk: it is flushed by whoever reads after it, or by chance a moment later.
        sql.execute("SET synchronous_commit = off")
        sql.execute("CREATE TABLE later AS SELECT 1 AS one")
        row = sql.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
        assert len(list(store.stream(stream))) == 1
        flushed = sql.execute("SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", row).fetchone()
    finally:
        store.close()
    assert flushed == (True,)


def test_the_reaction_row_says_how_it_ended(store: PostgresEventStore, sql: Connection) -> None:
    stream, token, due_at = join(store), new_id(), NOON + timedelta(seconds=10)
    sql.execute(
        """INSERT INTO reactions (position, actor_name, stream_id, topic, due_at, lease_token, lease_until, attempts)
           SELECT 1, actor, %s, 'order.confirmed', %s, %s, now(), 3 FROM unnest(ARRAY['a.again', 'b.done']) AS actor""",
        (stream, NOON, token),
    )
    again = Closing(position=1, actor_name="a.again", lease_token=token, outcome="again", due_at=due_at)
    act(store, stream, 1, closing=again)
    act(store, stream, 1, STARTED, closing=Closing(position=1, actor_name="b.done", lease_token=token))
    rows = sql.execute(
        """SELECT state, outcome, due_at, attempts, lease_until IS NULL, finished_at IS NOT NULL
           FROM reactions ORDER BY actor_name"""
    ).fetchall()
    assert rows == [("pending", "again", due_at, 0, True, False), ("done", "done", NOON, 3, True, True)]


def test_one_failing_save_spoils_no_other(postgres_url: str, store: PostgresEventStore) -> None:
    there, new = join(store, idempotency=key("used")), new_id()
    saves = [
        _save(_driver(new, 1, registered())),
        _save(_driver(there, 1, STARTED)),
        _save(_driver(new, 2, STARTED)),
        _save(_driver(new_id(), 1, registered()), idempotency=key("used")),
        _save(_driver(new_id(), 1, registered()), idempotency=key("used", payload=b"other")),
        _save(_driver(new_id(), 1, registered()), closing=Closing(position=9, actor_name="a.b", lease_token=new_id())),
        _save(_driver(new, 3, ENDED), idempotency=key("fresh")),
        _save(_driver(new, 4, STARTED), idempotency=key("fresh")),
    ]
    settings = store_settings(postgres_url)
    connections = StoreConnections(settings, STATEMENTS)
    recorder = PostgresRecorder(connections, settings)
    outcomes = recorder.record(saves)
    recorder.close()
    connections.close()
    assert [outcome.result for outcome in outcomes] == [
        "appended",
        "conflict",
        "appended",
        "replayed",
        "key_reused",
        "fenced",
        "appended",
        "replayed",
    ]
    assert [outcome.position for outcome in outcomes if outcome.result == "appended"] == [2, 3, 4]
    assert (outcomes[1].stream_id, outcomes[1].version) == (there, 1)
    assert (outcomes[3].answer_id, outcomes[3].position) == (there, 1)
    assert outcomes[7].position == 4
    assert [position for position, _ in store.read(after=0, limit=10)] == [1, 2, 3, 4]
    assert store.load(DRIVER, new).version == 3


def test_append_refuses_a_snapshot_older_than_its_lock(sql: Connection) -> None:
    sql.execute("SET default_transaction_isolation = 'repeatable read'")
    with pytest.raises(psycopg.errors.InvalidTransactionState):
        sql.execute("SELECT append('{}', 1000)")


def _driver(stream_id: UUID, version: int, event: Event) -> Recorded[Event]:
    return Recorded(
        originator_id=stream_id,
        originator_version=version,
        event_id=new_id(),
        occurred_at=NOON,
        meta=META,
        event=event,
    )


def _save(recorded: Recorded[Event], *, idempotency: Idempotency | None = None, closing: Closing | None = None) -> Save:
    """One event, decided on the version before it."""
    return Save(
        expected=[(recorded.originator_id, recorded.originator_version - 1)],
        event_ids=[recorded.event_id],
        meta=META,
        answer=Answer(id=recorded.originator_id, status="done", version=recorded.originator_version),
        idempotency=idempotency,
        closing=closing,
        events=[JSONMapper(personal=PersonalData(MemoryKeys())).to_stored_event(recorded)],
    )
