"""A log from before, in the clear, is written anew and is whole afterwards."""

from datetime import UTC, datetime
from uuid import UUID

import psycopg

from application.chain import COLUMNS, LoggedRow, link, verify
from application.event_store import PostgresEventStore
from application.ids import new_id
from application.memory_keys import MemoryKeys
from application.privacy.keys import open_keys
from application.seals.book import BOOK
from application.settings import DatabaseSettings, Settings
from application.store import Answer, Change
from domain import order
from domain.encryption import PersonalData, place_of
from domain.event import Event, Meta, Role
from domain.order.events import NoteAdded
from migrations.encrypt_log import PUT_ASIDE, encrypt_log
from tests.domain.order.histories import PLACED_EVENT

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
META = Meta(actor_type=Role.SUPPORT, actor_id=UUID(int=5), ip="203.0.113.7")
EVENTS: list[Event] = [PLACED_EVENT, order.NoteAdded(text="called from 7"), order.Completed()]


def in_the_clear(url: str) -> UUID:
    """An order as it was stored before anything was encrypted."""
    keys, stream = MemoryKeys(), new_id()
    store = PostgresEventStore(DatabaseSettings(url=url), keys)
    answer = Answer(id=stream, status="placed", version=3)
    store.append([Change(stream, 0, EVENTS)], answer=answer, meta=META, occurred_at=NOON)
    store.close()
    personal = PersonalData(keys)
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER events_append_only")
        head = verify([])
        for row in rows(connection):
            state = personal.reveal(bytes(row.state), place_of(row.originator_id, row.originator_version))
            head = link(head, row._replace(state=state))
            changes = (state, head, row.position)
            connection.execute("UPDATE events SET state = %s, hash = %s WHERE position = %s", changes)
        connection.execute("UPDATE log_head SET hash = %s", (head,))
        connection.execute("ALTER TABLE events ENABLE TRIGGER events_append_only")
    return stream


def rows(connection: psycopg.Connection[tuple[object, ...]]) -> list[LoggedRow]:
    found = connection.execute(f"SELECT {COLUMNS} FROM events ORDER BY position").fetchall()  # noqa: S608
    return [LoggedRow(*row) for row in found]  # type: ignore[arg-type]


def stored(connection: psycopg.Connection[tuple[object, ...]]) -> str:
    return "".join(bytes(row.state).decode() for row in rows(connection))


def test_what_was_in_the_clear_is_encrypted_and_reads_as_before(settings: Settings) -> None:
    url = settings.database.url
    stream = in_the_clear(url)
    settings.seals.folder.mkdir(parents=True)
    (settings.seals.folder / BOOK).write_text("")
    with psycopg.connect(url) as connection, open_keys(settings) as keys:
        assert "Carla Couto" in stored(connection)
        connection.rollback()
        assert encrypt_log(settings, keys) == 3
        now = stored(connection)
        assert not any(word in now for word in ("Carla", "Cedofeita", "called from 7", "203.0.113.7"))
        assert verify(rows(connection)) == connection.execute("SELECT hash FROM log_head").fetchone()[0]  # type: ignore[index]
        connection.rollback()
        store = PostgresEventStore(settings.database, keys)
        read = list(store.stream(stream))
        store.close()
        note = NoteAdded(customer_id=PLACED_EVENT.customer_id, text="called from 7")
        assert [one.event for one in read] == [PLACED_EVENT, note, order.Completed()]
        assert {one.meta.ip for one in read} == {"203.0.113.7"}
        assert encrypt_log(settings, keys) == 3
        assert stored(connection) == now, "once more changes nothing"
    assert (settings.seals.folder / PUT_ASIDE).exists()
