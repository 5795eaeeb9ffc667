"""Reading ahead: the next batch of the log is read and decoded while the one before is applied."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from projections.connections import driver
from projections.log import Logged, LogReader


class ReadAhead:
    """The log from the beginning of one lag to its end. Belongs to one thread; reads in another, one batch ahead."""

    def __init__(self, engine: Engine, reader: LogReader, *, batch: int) -> None:
        """`engine` gives the reader a connection of its own; it reads `batch` events at once."""
        self._engine = engine
        self._log = reader
        self._batch = batch
        self._connection: Connection | None = None
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="read ahead")
        self._next: tuple[int, Future[list[Logged]]] | None = None

    def __enter__(self) -> Self:
        """Read nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for a read under way, and hang up."""
        self._reader.shutdown(cancel_futures=True)
        if self._connection is not None:
            self._connection.close()

    def take(self, position: int) -> Sequence[Logged]:
        """The events after a position. Raises log.Unreadable."""
        at, reading = self._next or (position, self._reader.submit(self._read, position))
        if at != position:
            reading = self._reader.submit(self._read, position)
        self._next = None
        events = reading.result()
        if len(events) == self._batch:
            after = events[-1].position
            self._next = after, self._reader.submit(self._read, after)
        return events

    def _read(self, position: int) -> list[Logged]:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._log.read(driver(self._connection), position, self._batch)
