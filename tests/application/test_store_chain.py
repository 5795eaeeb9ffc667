"""The hash chain that PostgreSQL computed, computed again in Python."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from application.chain import COLUMNS, GENESIS, BrokenChain, LoggedRow, verify
from application.event_store import PostgresEventStore
from application.ids import new_id
from application.memory_keys import MemoryKeys
from domain.event import Meta, Role
from tests.application.store_acts import act, join, registered, shifts, store_settings


def test_the_chain_is_the_same_in_python(postgres_url: str) -> None:
    rows, head = _chain(postgres_url)
    assert len(rows) == 9
    assert verify(rows) == head == rows[-1].hash


def test_the_chain_is_checked_from_the_middle(postgres_url: str) -> None:
    rows, head = _chain(postgres_url)
    assert verify(rows[4:], before=rows[3].hash, after=4) == head


def test_an_empty_chain_ends_where_it_begins(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT hash FROM log_head").fetchone() == (GENESIS,)
    assert verify([]) == GENESIS


def test_every_column_is_covered(postgres_url: str) -> None:
    rows, _ = _chain(postgres_url)
    row = rows[2]
    changed: dict[str, Any] = {
        "position": 4,
        "originator_id": new_id(),
        "originator_version": row.originator_version + 1,
        "topic": "driver.suspended",
        "state": row.state.replace(b"porto", b"paris") + b" ",
        "event_id": new_id(),
        "recorded_at": row.recorded_at + timedelta(microseconds=1),
        "actor_type": "system",
        "actor_id": None,
        "correlation_id": "another",
        "causation_id": None,
        "hash": bytes(32),
    }
    assert set(changed) == set(LoggedRow._fields)
    for column, value in changed.items():
        with pytest.raises(BrokenChain) as broken:
            verify([*rows[:2], row._replace(**{column: value}), *rows[3:]])
        assert broken.value.position == 3, column


def test_an_event_left_out_or_moved_is_noticed(postgres_url: str) -> None:
    rows, _ = _chain(postgres_url)
    for others in ([*rows[:2], *rows[3:]], [rows[0], rows[2], rows[1], *rows[3:]], rows[1:]):
        with pytest.raises(BrokenChain):
            verify(others)


def _chain(url: str) -> tuple[Sequence[LoggedRow], bytes]:
    """Nine events of three saves, with and without an actor, a correlation and a cause."""
    store = PostgresEventStore(store_settings(url), MemoryKeys())
    stream = join(store, meta=Meta())
    act(store, stream, 1, *shifts(3))
    act(store, new_id(), 0, registered("Zoë €"), *shifts(4), meta=Meta(actor_type=Role.SUPPORT, correlation_id="€"))
    store.close()
    with psycopg.connect(url) as connection:
        rows = connection.execute(f"SELECT {COLUMNS} FROM events ORDER BY position").fetchall()  # noqa: S608 - ours
        head = connection.execute("SELECT hash FROM log_head").fetchone()
    assert head is not None
    return [LoggedRow(*row) for row in rows], head[0]
