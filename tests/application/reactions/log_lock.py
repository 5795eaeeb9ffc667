"""Nobody can append while a test holds the log's lock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

APPEND_LOCK = 7_214_002
WAITING = """
    SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND objid = 7214002 AND NOT granted AND datname = current_database()
"""


@contextmanager
def log_locked(url: str) -> Iterator[Callable[[], bool]]:
    """Keep everybody from appending; answers whether somebody waits to."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (APPEND_LOCK,))
        yield lambda: bool((connection.execute(WAITING).fetchone() or (0,))[0])
        connection.execute("SELECT pg_advisory_unlock(%s)", (APPEND_LOCK,))
