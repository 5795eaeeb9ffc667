"""A sealed log in PostgreSQL, and the standalone verifier."""

import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from application.event_store import PostgresEventStore
from application.ids import new_id
from application.memory_keys import MemoryKeys
from application.seals import sealer
from application.seals.book import Book
from application.settings import Settings
from application.store_connections import Connection
from tests.application.store_acts import act, at_once, registered, shifts, store_settings

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def connection(postgres_url: str) -> Iterator[Connection]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def book(settings: Settings) -> Book:
    return Book(settings.seals)


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresEventStore]:
    store = PostgresEventStore(store_settings(postgres_url), MemoryKeys())
    yield store
    store.close()


def append(store: PostgresEventStore, streams: int, events: int = 10) -> None:
    """So many streams of so many events."""
    act_one = partial(_stream, store, events)
    for result in at_once(*[act_one] * streams):
        assert not isinstance(result, Exception)


def _stream(store: PostgresEventStore, events: int) -> None:
    act(store, new_id(), 0, registered(), *shifts(events - 1))


@pytest.fixture
def sealed(store: PostgresEventStore, connection: Connection, book: Book, monkeypatch: pytest.MonkeyPatch) -> int:
    """The length of a log with some seals of 16 events, the last one shorter."""
    monkeypatch.setattr(sealer, "EVENTS_A_SEAL", 16)
    append(store, 12)
    sealer.seal_new(connection, book, NOW)
    append(store, 1, 5)
    sealer.seal_new(connection, book, NOW)
    return 125


@pytest.fixture(scope="session")
def verifier() -> ModuleType:
    """tools/verify_export.py, as a stranger runs it."""
    spec = importlib.util.spec_from_file_location("verify_export", ROOT / "tools" / "verify_export.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
