"""Writes accepted pings into the history, by COPY, in a thread: no request waits for it, and it costs the map nothing.

What waits is bounded. When PostgreSQL does not keep up, or is away, the oldest is dropped and counted: where drivers
are now matters more than where they were.
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import psycopg

from application import logs, metrics, tracks
from application.clocks import Clock
from application.positions import Ping
from application.settings import DatabaseSettings, PositionSettings

MOST_WAITING = 100_000
"""Rows in one process' buffer, some 30 MB."""
ROWS_A_COPY = 10_000
EVERY_SECONDS = 0.25
"""How long rows gather; a full batch goes at once."""
AWAY_SECONDS = 1.0
"""Between two tries to reach the database."""
CLOSE_SECONDS = 5.0
UUID_BYTES = 16

KEPT = frozenset(b"acl")

log = logs.logger(__name__)


class TrackWriter:
    """One per API process. `take` never blocks and never fails; `start` begins to write, `close` ends it."""

    def __init__(
        self,
        database: DatabaseSettings,
        positions: PositionSettings,
        clock: Clock,
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """Connects when first needed, once."""
        self._database = database
        self._days = positions.history_days
        self._clock = clock
        self._waiting: deque[Ping] = deque(maxlen=most_waiting)
        self._batch: list[Ping] = []
        self._known: set[str] = set()
        self._connection: psycopg.Connection[Any] | None = None
        self._full, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="track-writer", daemon=True)

    def take(self, pings: Sequence[Ping], outcomes: bytes) -> None:
        """Keep those accepted or late; `outcomes` has a letter for each, as `positions.count` reads them."""
        kept = [ping for ping, letter in zip(pings, outcomes, strict=True) if letter in KEPT]
        most = self._waiting.maxlen or 0
        if (over := len(self._waiting) + len(kept) - most) > 0:
            metrics.position_history_dropped_total.labels("full").inc(over)
        self._waiting.extend(kept)
        if len(self._waiting) >= ROWS_A_COPY:
            self._full.set()

    @property
    def waiting(self) -> int:
        """Rows that wait, at most `most_waiting` and a batch."""
        return len(self._waiting) + len(self._batch)

    def flush(self) -> None:
        """Write what waits, in the caller's thread. Raises psycopg.Error; what was not written waits on."""
        while self._batch or self._waiting:
            if not self._batch:
                count = min(ROWS_A_COPY, len(self._waiting))
                self._batch = [self._waiting.popleft() for _ in range(count)]
            self._write(self._batch)
            self._batch = []

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits, for a few seconds at most."""
        self._stopping.set()
        self._full.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._full.wait(EVERY_SECONDS)
            self._full.clear()
            if not self._flushed():
                self._stopping.wait(AWAY_SECONDS)
        self._flushed()
        self.hang_up()

    def _flushed(self) -> bool:
        try:
            self.flush()
        except psycopg.errors.CheckViolation:
            # Retention has dropped the partition meanwhile: the next try knows better what is too old.
            self._known = set()
        except psycopg.OperationalError as error:
            log.warning("positions wait for the database", waiting=self.waiting, error=str(error))
        except Exception:
            # A batch that cannot be written must not keep all others from it.
            log.exception("positions lost", rows=len(self._batch))
            metrics.position_history_dropped_total.labels("failed").inc(len(self._batch))
            self._batch = []
        else:
            return True
        self.hang_up()
        return False

    def _write(self, pings: Sequence[Ping]) -> None:
        now = self._clock.now()
        oldest, latest = tracks.micros(tracks.kept_from(now, self._days)), tracks.micros(now)
        kept = [
            (ping.driver_id.bytes, min(at, latest), ping.position)
            for ping in pings
            if (at := tracks.micros(ping.at)) >= oldest
        ]
        metrics.position_history_dropped_total.labels("old").inc(len(pings) - len(kept))
        if not kept:
            return
        connection = self._connected()
        self._make_partitions(connection, [at for _, at, _ in kept])
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (tracks.WRITERS_LOCK,))
            gone = self._gone(connection, {driver_id for driver_id, _, _ in kept})
            rows = [tracks.row(driver_id, at, position) for driver_id, at, position in kept if driver_id not in gone]
            with connection.cursor().copy(tracks.COPY) as copy:
                copy.write(tracks.copied(rows))
        metrics.position_history_rows_total.inc(len(rows))

    def _make_partitions(self, connection: psycopg.Connection[Any], times: Iterable[int]) -> None:
        """Where the clock job was not there in time, or a device sends what it gathered hours ago."""
        for hour in tracks.hours(times):
            if (name := tracks.partition(hour)) not in self._known:
                tracks.make_partitions(connection, hour, hour)
                # Retention drops what nobody writes to any more, so a name once known stays good.
                self._known = {name, *islice(self._known, 1_000)}

    @staticmethod
    def _gone(connection: psycopg.Connection[Any], drivers: Iterable[bytes]) -> set[bytes]:
        """Those whose account was closed: they may have been erased."""
        asked = "SELECT subject_id FROM accounts WHERE disabled_at IS NOT NULL AND subject_id = ANY(%s::uuid[])"
        # The array's text at once: element by element it takes longer than the answer.
        every = "{" + b"".join(drivers).hex(",", UUID_BYTES) + "}"
        return {subject_id.bytes for (subject_id,) in connection.execute(asked, (every,))}

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            database = self._database
            timeouts = (
                f"-c statement_timeout={round(database.statement_timeout_seconds * 1000)}"
                f" -c lock_timeout={round(database.lock_timeout_seconds * 1000)} -c synchronous_commit=off"
            )
            self._connection = psycopg.connect(
                database.url,
                autocommit=True,
                connect_timeout=database.connect_timeout_seconds,
                application_name="tiffin-tracks",
                options=f"{timeouts} -c TimeZone=UTC",
            )
        return self._connection

    def hang_up(self) -> None:
        """Close the connection; whoever writes next makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
