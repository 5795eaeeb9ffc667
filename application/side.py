"""Single statements beside the event store that need not wait for the disk: reactions' rows, the sandbox's books.

What relies on one of them is flushed after it, in the same write-ahead log, and takes it along; what a crash loses was
relied on by nobody.
"""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from application.settings import DatabaseSettings

CONNECTIONS = 4

type Row = tuple[Any, ...]


class SideStatements:
    """At most four connections in autocommit. Thread-safe. A context manager; connects when first asked."""

    def __init__(self, database: DatabaseSettings, *, durable: bool = False) -> None:
        """Time-outs are the database's. `durable`: they do wait for the disk."""
        statement_ms = round(database.statement_timeout_seconds * 1000)
        lock_ms = round(database.lock_timeout_seconds * 1000)
        commit = "on" if durable else "off"
        options = f"-c statement_timeout={statement_ms} -c lock_timeout={lock_ms} -c synchronous_commit={commit}"
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            database.url,
            min_size=0,
            max_size=CONNECTIONS,
            timeout=database.store_pool.checkout_timeout_seconds,
            kwargs={
                "autocommit": True,
                "connect_timeout": database.connect_timeout_seconds,
                "application_name": "tiffin-side",
                "options": f"{options} -c TimeZone=UTC",
            },
            name="side",
            open=False,
        )

    def __enter__(self) -> Self:
        """Let connections be made."""
        self._pool.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        self._pool.close(timeout=5.0)

    def run(self, statement: str, values: Mapping[str, object]) -> list[Row]:
        """Run a statement that may be sent twice: once more, if the first connection turns out to be lost.

        Raises psycopg.OperationalError.
        """
        try:
            return self._run(statement, values)
        except PoolTimeout:
            raise
        except psycopg.OperationalError as error:
            if error.sqlstate is not None and not error.sqlstate.startswith(("08", "57P")):
                # The server refused and said why; asking again changes nothing.
                raise
            self._pool.check()
            return self._run(statement, values)

    def _run(self, statement: str, values: Mapping[str, object]) -> list[Row]:
        with self._pool.connection() as connection:
            cursor = connection.execute(statement, values, prepare=True)
            return cursor.fetchall() if cursor.description else []
