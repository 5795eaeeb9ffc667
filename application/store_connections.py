"""The event store's connections: a bounded pool, time-outs on everything, and what a lost connection means."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg_pool import ConnectionPool

from application.saves import PackedSaves
from application.settings import DatabaseSettings
from application.store import StoreBusy, Unconfirmed

type Row = tuple[Any, ...]
type Connection = psycopg.Connection[Row]

TRIES = 3
"""How often a statement is sent when connections turn out to be lost."""
SETTLE = """
    SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
           set_config('jit', 'off', false), set_config('TimeZone', 'UTC', false),
           to_regtype('save')::oid::bigint, to_regtype('save[]')::oid::bigint"""


class StoreConnections:
    """At most `settings.store_pool.max_size` connections, each in autocommit. Thread-safe."""

    def __init__(self, settings: DatabaseSettings) -> None:
        """Start connecting; the first call waits for it."""
        self.save_oid = 0
        """The type `save` in this database; known once there was a connection."""
        self._settings = settings
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            settings.url,
            min_size=settings.store_pool.min_size,
            max_size=settings.store_pool.max_size,
            timeout=settings.store_pool.checkout_timeout_seconds,
            kwargs={
                "autocommit": True,
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
        self._pool.close(timeout=5.0)

    def append(self, statement: str, parameters: Callable[[int], Sequence[object]]) -> list[Row]:
        """Run a statement that may be sent again; `parameters` is given how long it may wait for its lock, in ms.

        The pool and the lock together take at most `lock_timeout_seconds`. Raises StoreBusy where nothing happened,
        Unconfirmed where the server went away and did not answer again in time.
        """
        deadline = monotonic() + self._settings.lock_timeout_seconds

        def run(connection: Connection) -> list[Row]:
            wait_ms = max(1, int((deadline - monotonic()) * 1_000))
            return connection.execute(statement, parameters(wait_ms), prepare=True, binary=True).fetchall()

        return self._try(run, deadline, unanswered=Unconfirmed)

    def read(self, query: str, parameters: Sequence[object] | Mapping[str, object]) -> list[Row]:
        """Run a query, again if the connection was lost. Raises StoreBusy."""

        def run(connection: Connection) -> list[Row]:
            return connection.execute(query, parameters, prepare=True, binary=True).fetchall()

        deadline = monotonic() + self._settings.store_pool.checkout_timeout_seconds
        return self._try(run, deadline, unanswered=StoreBusy)

    def execute(self, statement: str, parameters: Sequence[object]) -> None:
        """Run a statement that answers nothing and may be sent again. Raises StoreBusy."""

        def run(connection: Connection) -> list[Row]:
            connection.execute(statement, parameters, prepare=True, binary=True)
            return []

        deadline = monotonic() + self._settings.store_pool.checkout_timeout_seconds
        self._try(run, deadline, unanswered=StoreBusy)

    def _try(
        self, run: Callable[[Connection], list[Row]], deadline: float, *, unanswered: type[StoreBusy]
    ) -> list[Row]:
        lost: psycopg.Error | None = None
        for _ in range(TRIES):
            try:
                connection = self._pool.getconn(deadline - monotonic())
            except psycopg.OperationalError as error:
                raise StoreBusy if lost is None else unanswered from error
            try:
                return run(connection)
            except psycopg.OperationalError as error:
                if not connection.closed:
                    # The server refused and says so, having waited too long: it rolled back.
                    raise StoreBusy if lost is None else unanswered from error
                lost = error
            finally:
                self._pool.putconn(connection)
            self._pool.check()
        raise unanswered from lost

    def _settle(self, connection: Connection) -> None:
        """Set up a new connection in one round trip."""
        settings = self._settings
        row = connection.execute(
            SETTLE, (f"{settings.statement_timeout_seconds}s", f"{settings.lock_timeout_seconds}s")
        ).fetchone()
        if row is None or row[-1] is None:
            raise psycopg.OperationalError("the database has no type save: it was not migrated")
        self.save_oid = row[-2]
        connection.adapters.register_dumper(PackedSaves, _dumper(row[-1]))


def _dumper(array_oid: int) -> type[Dumper]:
    class PackedSavesDumper(Dumper):
        format = Format.BINARY
        oid = array_oid

        def dump(self, obj: bytes) -> bytes:
            return obj

    return PackedSavesDumper
