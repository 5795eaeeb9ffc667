"""Eight processes append while a follower reads by position: it misses nothing, sees nothing twice or out of order."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from application.chain import COLUMNS, LoggedRow, verify
from application.event_store import PostgresEventStore
from application.memory_keys import MemoryKeys
from tests.application.store_acts import store_settings

PROCESSES = 8
ROUNDS = 8
"""Of each of a process's threads."""
FOLLOW_SECONDS = 120
ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresEventStore]:
    store = PostgresEventStore(store_settings(postgres_url), MemoryKeys())
    yield store
    store.close()


def test_a_follower_sees_every_event_once_and_in_order(store: PostgresEventStore, postgres_url: str) -> None:
    with ExitStack() as closing:
        listener = closing.enter_context(psycopg.connect(postgres_url, autocommit=True))
        listener.execute("LISTEN tiffin_log")
        writers = [closing.enter_context(_writer(postgres_url, number)) for number in range(PROCESSES)]
        followed = _follow(store, listener, writers)
        printed = [writer.communicate(timeout=FOLLOW_SECONDS)[0] for writer in writers]
        assert [writer.returncode for writer in writers] == [0] * PROCESSES

        positions = [position for position, _ in followed]
        assert positions == list(range(1, len(followed) + 1))
        rows = listener.execute(f"SELECT {COLUMNS} FROM events ORDER BY position").fetchall()  # noqa: S608 - ours
        assert [event_id for _, event_id in followed] == [row[5] for row in rows]
        head = listener.execute("SELECT position, hash FROM log_head").fetchone()

    appended = [position for line in printed for position in json.loads(line)["positions"]]
    assert len(appended) >= PROCESSES * 4 * ROUNDS
    assert len(set(appended)) == len(appended)
    assert max(appended) == len(followed)
    assert head == (len(followed), verify([LoggedRow(*row) for row in rows]))


def _follow(
    store: PostgresEventStore, listener: psycopg.Connection, writers: list[subprocess.Popen[str]]
) -> list[tuple[int, object]]:
    """Read on from the last position seen, woken by notifications, until all writers have ended and nothing is left."""
    seen: list[tuple[int, object]] = []
    while True:
        over = all(writer.poll() is not None for writer in writers)
        page = store.read(after=seen[-1][0] if seen else 0, limit=100)
        seen += [(position, recorded.event_id) for position, recorded in page]
        if over and not page:
            return seen
        if not page:
            for _ in listener.notifies(timeout=0.2, stop_after=1):
                pass


def _writer(url: str, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.application.store_writer", url, str(number), str(ROUNDS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603 - our own module
