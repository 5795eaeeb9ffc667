"""The event store's connections: a bounded pool, time-outs on everything, and what a lost connection means.

Statements run through psycopg's libpq layer: prepared once a connection, parameters and results as binary values. With
16 threads the client spends 17 µs on a statement that way where `Connection.execute` takes 120 µs of the interpreter
lock, and loads and appends are most of what an API process does.
"""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, NamedTuple

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus, Format
from psycopg_pool import ConnectionPool

from application.settings import DatabaseSettings
from application.store import StoreBusy, Unconfirmed

type Connection = psycopg.Connection[tuple[Any, ...]]
type Values = Sequence[bytes | None]

TRIES = 3
"""How often a statement is sent when connections turn out to be lost."""
CLOSE_SECONDS = 5.0

SETTLE = """
    SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
           set_config('jit', 'off', false),
           set_config('synchronous_commit', coalesce(%s, current_setting('synchronous_commit')), false),
           to_regtype('save')::oid::bigint"""


class Statement(NamedTuple):
    """A statement with $1, $2…, prepared under its name on every connection."""

    name: bytes
    sql: bytes


class StoreConnections:
    """At most `settings.store_pool.max_size` connections, each in autocommit. Thread-safe."""

    def __init__(self, settings: DatabaseSettings, statements: Sequence[Statement]) -> None:
        """Start connecting; the first call waits for it. `statements` are all there will be."""
        self.save_oid = 0
        """The type `save` in this database; known once there was a connection."""
        self._settings = settings
        self._statements = statements
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            settings.url,
            min_size=settings.store_pool.min_size,
            max_size=settings.store_pool.max_size,
            timeout=settings.store_pool.checkout_timeout_seconds,
            kwargs={
                "autocommit": True,
                "client_encoding": "UTF8",
                "connect_timeout": settings.connect_timeout_seconds,
                "application_name": "tiffin-store",
                "tcp_user_timeout": 10_000,
            },
            configure=self._settle,
            name="event-store",
            open=True,
        )

    def close(self) -> None:
        """Close the connections; who waits for one gets StoreBusy."""
        self._pool.close(timeout=CLOSE_SECONDS)

    def append(self, statement: Statement, parameters: Callable[[int], Values], *, deadline: float) -> list[Values]:
        """Run a statement that may be sent again; `parameters` is given how long it may wait for its lock, in ms.

        Waiting for anything takes until `deadline` (of `monotonic`). Raises StoreBusy where nothing happened,
        Unconfirmed where the server went away and did not answer again in time.
        """

        def values() -> Values:
            return parameters(max(1, int((deadline - monotonic()) * 1_000)))

        return self._try(statement, values, deadline, unanswered=Unconfirmed)

    def ask(self, statement: Statement, *values: bytes | None) -> list[Values]:
        """Run a statement that may be sent again; rows of binary values. Raises StoreBusy."""
        deadline = monotonic() + self._settings.store_pool.checkout_timeout_seconds
        return self._try(statement, lambda: values, deadline, unanswered=StoreBusy)

    def _try(
        self, statement: Statement, values: Callable[[], Values], deadline: float, *, unanswered: type[StoreBusy]
    ) -> list[Values]:
        lost: psycopg.Error | None = None
        for _ in range(TRIES):
            try:
                connection = self._pool.getconn(deadline - monotonic())
            except psycopg.OperationalError as error:
                raise StoreBusy if lost is None else unanswered from error
            try:
                return _run(connection, statement, values())
            except psycopg.Error as error:
                if not connection.closed and isinstance(error, psycopg.OperationalError):
                    # The server refused and says so, having waited too long: it rolled back.
                    raise StoreBusy if lost is None else unanswered from error
                if not connection.closed:
                    raise
                lost = error
            finally:
                self._pool.putconn(connection)
            self._pool.check()
        raise unanswered from lost

    def _settle(self, connection: Connection) -> None:
        """Set up a new connection."""
        settings = self._settings
        timeouts = f"{settings.statement_timeout_seconds}s", f"{settings.lock_timeout_seconds}s"
        row = connection.execute(SETTLE, (*timeouts, "off" if settings.durable_barrier else None)).fetchone()
        if row is None or row[-1] is None:
            raise psycopg.OperationalError("the database has no type save: it was not migrated")
        self.save_oid = row[-1]
        for statement in self._statements:
            result = connection.pgconn.prepare(statement.name, statement.sql)
            if result.status != ExecStatus.COMMAND_OK:
                raise errors.error_from_result(result)


def _run(connection: Connection, statement: Statement, values: Values) -> list[Values]:
    formats = [Format.BINARY] * len(values)
    result = connection.pgconn.exec_prepared(statement.name, values, formats, Format.BINARY)  # type: ignore[arg-type]  # None: NULL
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        raise errors.error_from_result(result)
    columns = range(result.nfields)
    return [[result.get_value(row, column) for column in columns] for row in range(result.ntuples)]
