"""PostgreSQL is killed the moment a rebuilt read model is shown: the log still has whatever it showed."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

import migrations
from application.engines import postgres
from projections import generations
from projections.connections import open_engine
from projections.projection import Projection
from tests.application.test_store_crash import kill, stored
from tests.projections.history import READER, History, whole_order
from tests.projections.running import seen
from tests.projections.seen import METADATA, fold_seen
from tests.waiting import eventually

PROJECTION = Projection("seen", METADATA, fold_seen)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A migrated server of the test's own, whose log is written only by who asks for it."""
    url = postgres.start(tmp_path)
    migrations.upgrade(url)
    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in {"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")
    yield tmp_path
    postgres.stop(tmp_path)


def test_what_a_rebuild_shows_outlives_the_server(folder: Path, history: History) -> None:
    engine = open_engine(postgres.address(folder))
    history.tell(UUID(int=100), *whole_order())
    rebuilding = threading.Thread(target=rebuild_until_the_end, args=(folder,))
    with engine.connect() as writer, engine.connect() as reader, engine.connect() as looking:
        look = looking.execution_options(isolation_level="AUTOCOMMIT")
        generations.ensure(writer, [PROJECTION])
        # Who reads the old generation keeps it from being dropped, which would write the log for all.
        assert seen(reader) == []
        history.store(writer)
        rebuilding.start()
        shown = eventually(lambda: seen(look))
        kill(folder)
        reader.invalidate()
    rebuilding.join(10)
    assert shown == list(range(1, 14))
    assert [position for position, _ in stored(folder)] == shown


def rebuild_until_the_end(folder: Path) -> None:
    with suppress(DBAPIError):
        generations.rebuild(open_engine(postgres.address(folder)), READER, PROJECTION)
