"""PostgreSQL is killed while processes append: what was acknowledged, or shown to anybody, is there afterwards."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import psutil
import psycopg
import pytest

import migrations
from application import chain
from application.engines import postgres
from application.memory_keys import MemoryKeys
from domain.encryption import PersonalData
from domain.mapper import JSONMapper
from projections.log import LogReader
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
WRITERS = 2
ENOUGH = 400
"""Acknowledged appends of each writer before the kill."""
KILLS = int(os.environ.get("TIFFIN_KILLS", "3"))

type Acknowledged = dict[UUID, int]
"""The last position of each stream's append."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A migrated server of this module's own, whose log is written only by who asks for it."""
    folder = tmp_path_factory.mktemp("crash")
    url = postgres.start(folder)
    migrations.upgrade(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        connection.execute("ALTER SYSTEM SET wal_writer_flush_after = '1GB'")
    yield folder
    postgres.stop(folder)


def test_what_was_acknowledged_or_shown_outlives_the_server(folder: Path) -> None:
    total = 0
    for _ in range(KILLS):
        acknowledged, shown = crash(folder, "barrier")
        found = dict(stored(folder))
        assert acknowledged.items() <= {stream: position for position, stream in found.items()}.items()
        assert shown.items() <= found.items()
        assert len(shown) > 0
        total += len(acknowledged)
    print(f"{KILLS} kills, {total} acknowledged appends, none lost")  # noqa: T201 - what a long run has done
    with psycopg.connect(postgres.start(folder)) as connection:
        rows = connection.execute(f"SELECT {chain.COLUMNS} FROM events ORDER BY position")  # noqa: S608 - our own names
        chain.verify(chain.LoggedRow(*row) for row in rows)


def test_without_the_flush_something_is_lost(folder: Path) -> None:
    """Or the test above would prove nothing."""
    acknowledged, _ = crash(folder, "careless")
    found = {stream: position for position, stream in stored(folder)}
    assert not acknowledged.items() <= found.items()


def crash(folder: Path, how: str) -> tuple[Acknowledged, dict[int, UUID]]:
    """Start the server, append to it, kill it; answers what writers were told and what a reader was shown."""
    url = postgres.start(folder)
    shown: dict[int, UUID] = {}
    with reading(url, shown, flush=how == "barrier"):
        writers = [
            subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "tests.application.crash_writer", url, how],
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            for _ in range(WRITERS)
        ]
        told: list[list[str]] = [[] for _ in writers]
        listeners = [listen(writer, lines) for writer, lines in zip(writers, told, strict=True)]
        eventually(lambda: all(len(lines) >= ENOUGH for lines in told), seconds=60, what="enough appends")
        kill(folder)
        for writer, listener in zip(writers, listeners, strict=True):
            assert writer.wait(60) == 0
            listener.join(60)
    acknowledged = {UUID(stream): int(position) for lines in told for stream, position in map(str.split, lines)}
    return acknowledged, shown


def listen(writer: "subprocess.Popen[str]", lines: list[str]) -> threading.Thread:
    """Collect what a writer prints, line by line."""

    def collect() -> None:
        assert writer.stdout is not None
        with writer.stdout as told:
            lines.extend(told)  # as they come

    thread = threading.Thread(target=collect)
    thread.start()
    return thread


@contextmanager
def reading(url: str, shown: dict[int, UUID], *, flush: bool) -> Iterator[None]:
    """Follow the log as the projector does, until the server is gone; what it has read is on the disk if it flushes."""

    reader = LogReader(JSONMapper(personal=PersonalData(MemoryKeys())), flush=flush)

    def follow() -> None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                position = connection.execute("SELECT position FROM log_head").fetchone()
                reached = position[0] if position else 0
                while True:
                    for logged in reader.read(connection, reached, 1_000):
                        shown[logged.position] = logged.stream_id
                        reached = logged.position
        except psycopg.OperationalError:
            return

    thread = threading.Thread(target=follow)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


def kill(folder: Path) -> None:
    """End all of the server's processes at once, as a power cut would."""
    number = int((folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
    master = psutil.Process(number)
    processes = [master, *master.children(recursive=True)]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, 10)


def stored(folder: Path) -> list[tuple[int, UUID]]:
    """Position and stream of every event, after the server came back."""
    with psycopg.connect(postgres.start(folder), autocommit=True) as connection:
        return connection.execute("SELECT position, originator_id FROM events ORDER BY position").fetchall()
