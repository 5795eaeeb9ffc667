"""The projector: one process leads and runs every projection, others stand by.

The leader's own thread listens to the log, reads and decodes each batch once and feeds it to the lanes. Every second it
also looks for projections that no lane has: stopped ones that may try again, or any that an operator resumed.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from projections import generations, log, positions, tables
from projections.batches import is_transient
from projections.connections import driver, open_engine
from projections.lanes import IDLE_SECONDS, FollowerLane, Lane, Limits, Observe, TableLane, unobserved
from projections.log import Feed, LogReader
from projections.projection import Follower, Projection

LEADER_LOCK = 7_010
STANDBY_SECONDS = 1
LISTEN_SECONDS = 0.2
"""How soon the reader notices that it is to stop."""
RETRY_SECONDS = 0.5
JOIN_SECONDS = 6.0
DEFAULT_LIMITS = Limits()

_LOG = structlog.get_logger("projections")


def run(
    database_url: str,
    reader: LogReader,
    projections: Sequence[Projection],
    followers: Sequence[Follower] = (),
    *,
    stopping: threading.Event,
    on_lead: Callable[[], None] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    observe: Observe = unobserved,
) -> None:
    """Lead or stand by until `stopping` is set; then finish the batches at hand and return.

    `on_lead` is told each time this process begins to lead, `observe`, by several threads, of what was committed. Lost
    connections are made anew.
    """
    engine = open_engine(database_url)
    while not stopping.is_set():
        try:
            with _leadership(engine, stopping) as connection:
                if connection is not None:
                    _LOG.info("projector leads")
                    if on_lead is not None:
                        on_lead()
                    Leader(engine, reader, connection, projections, followers, limits, observe).lead(stopping)
        except Exception as error:
            if not is_transient(error):
                raise
            _LOG.warning("projector interrupted", error=str(error))
            stopping.wait(RETRY_SECONDS)


class Leader:
    """The lanes of the leading process, and the reader that feeds them."""

    def __init__(
        self,
        engine: Engine,
        reader: LogReader,
        connection: Connection,
        projections: Sequence[Projection],
        followers: Sequence[Follower],
        limits: Limits,
        observe: Observe,
    ) -> None:
        """`connection` commits by itself and holds the leader's lock; losing it ends the leadership."""
        self._engine = engine
        self._reader = reader
        self._connection = connection
        self._limits = limits
        self._observe = observe
        self._projections = {projection.name: projection for projection in projections}
        with engine.connect() as preparing:
            generations.ensure(preparing, projections)
        positions.resume(connection)
        self._feed = Feed(positions.head(connection))
        self._main = TableLane("tables", engine, reader, self._feed, limits, observe)
        self._behind: dict[str, TableLane] = {}
        self._followers = [
            FollowerLane(follower, engine, reader, self._feed, limits, observe) for follower in followers
        ]

    def lead(self, stopping: threading.Event) -> None:
        """Read and feed until told to stop; then let the lanes finish their batch."""
        self._assign()
        lanes: list[Lane] = [self._main, *self._followers]
        for lane in lanes:
            lane.start()
        try:
            self._follow(stopping)
        finally:
            self._feed.close()
            deadline = time.monotonic() + JOIN_SECONDS
            for lane in [*lanes, *self._behind.values()]:
                lane.join(max(0.0, deadline - time.monotonic()))

    def _follow(self, stopping: threading.Event) -> None:
        listener = driver(self._connection)
        listener.execute(f"LISTEN {log.CHANNEL}")
        looked = time.monotonic()
        while not stopping.is_set():
            self._read(listener)
            for _ in listener.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                pass
            if time.monotonic() - looked >= IDLE_SECONDS:
                looked = time.monotonic()
                self._assign()

    def _read(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        """Publish what is new; the time-out of listening makes this the poll as well."""
        while True:
            try:
                events = self._reader.read(connection, self._feed.end, self._limits.batch)
            except log.Unreadable:
                self._feed.block()
                return
            if events:
                self._feed.publish(events)
            if len(events) < self._limits.batch:
                return

    def _assign(self) -> None:
        """Give every live projection that has no lane one: the main lane, or its own while it is far behind."""
        for name in positions.resume(self._connection, stopped_for_seconds=self._limits.stopped_seconds):
            _LOG.info("projection tries again", projection=name)
        live = positions.live(self._connection)
        self._behind = {name: lane for name, lane in self._behind.items() if lane.is_alive()}
        taken = {*self._main.reached, *self._behind}
        here = min(self._main.reached.values(), default=max(live.values(), default=0))
        for name, position in live.items():
            if name in taken or name not in self._projections or self._outdated(name):
                continue
            if here - position <= self._limits.near:
                self._main.admit(self._projections[name], position)
                continue
            lane = TableLane(
                name, self._engine, self._reader, self._feed, self._limits, self._observe, on_near=self._main.admit
            )
            lane.admit(self._projections[name], position)
            self._behind[name] = lane
            lane.start()

    def _outdated(self, name: str) -> bool:
        """Stop a projection whose tables are not the code's: it would fail at a write, or leave a column empty."""
        found = tables.differences(self._connection, self._projections[name])
        if found:
            error = f"{'; '.join(found)}: run `tiffin projections rebuild {name}`"
            _LOG.error("projection stopped", projection=name, error=error)
            positions.stop(self._connection, name, error)
        return bool(found)


@contextmanager
def _leadership(engine: Engine, stopping: threading.Event) -> Iterator[Connection | None]:
    """Wait for the leader's lock; None when told to stop first. The lock goes with the connection."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{STANDBY_SECONDS}s'")
        while not stopping.is_set():
            try:
                # Waiting inside the server takes over the moment the leader is gone.
                connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (LEADER_LOCK,))
            except DBAPIError as error:
                if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                    raise
                continue
            yield connection
            return
        yield None
