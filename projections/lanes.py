"""Lanes: threads that take events from the feed, or read them alone while they are behind, into their projections."""

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
import structlog
from sqlalchemy import Connection, Engine

from projections import batches, dead_letters, positions
from projections.ahead import ReadAhead
from projections.batches import is_transient
from projections.failures import told
from projections.log import Feed, Logged, LogReader, Unreadable
from projections.projection import Follower, Projection

IDLE_SECONDS = 1.0
RETRY_SECONDS = 0.5

_LOG = structlog.get_logger("projections")

type Observe = Callable[[str, Mapping[str, int], float], None]
"""Told of every batch once it is committed: the lane, how many events each projection took, seconds."""


def unobserved(_lane: str, _events: Mapping[str, int], _seconds: float) -> None:
    """Nobody counts."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much at once, and when to try again."""

    batch: int = 1_000
    """Events per transaction."""
    near: int = 1_000
    """A projection no further behind than this joins the head's lane, which goes back that far for it once."""
    stopped_seconds: float = 30.0
    """After so long a stopped projection tries again: its cause may be gone."""


class Lane(threading.Thread):
    """A thread with one connection that works until the feed closes, and begins anew when something breaks."""

    def __init__(
        self, name: str, engine: Engine, reader: LogReader, feed: Feed, limits: Limits, observe: Observe
    ) -> None:
        """`engine` gives this thread its connections, `reader` what the feed no longer has."""
        super().__init__(name=f"lane {name}", daemon=True)
        self._lane = name
        self._observe = observe
        self.engine = engine
        self.reader = reader
        self.feed = feed
        self.limits = limits

    def run(self) -> None:
        """Work; connect again after an error."""
        while not self.feed.closed:
            try:
                with (
                    ReadAhead(self.engine, self.reader, batch=self.limits.batch) as self._ahead,
                    self.engine.connect() as connection,
                ):
                    self.work(connection)
            except Exception as error:  # noqa: BLE001 - a thread that ends would leave its projections without a lane
                self._complain(error)
                self.feed.pause(RETRY_SECONDS)
            else:
                return

    def _complain(self, error: Exception) -> None:
        if is_transient(error):
            _LOG.warning("lane interrupted", lane=self.name, error=str(error))
        else:
            _LOG.error("lane broke", lane=self.name, exc_info=error)

    @abstractmethod
    def work(self, connection: Connection) -> None:
        """Apply batch after batch until the feed closes."""

    def take(self, position: int) -> Sequence[Logged]:
        """Get the events after a position: the shared ones at the head, read alone further back."""
        shared = self.feed.after(position, self.limits.batch)
        return self._ahead.take(position) if shared is None else shared


class TableLane(Lane):
    """Projections in PostgreSQL that stand near each other: one transaction a batch for all of them.

    When it fails, each of them repeats the batch in a transaction of its own, so that only the one at fault stops.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        reader: LogReader,
        feed: Feed,
        limits: Limits,
        observe: Observe,
        *,
        on_near: Callable[[Projection, int], None] | None = None,
    ) -> None:
        """With `on_near` the lane is for one that lags: near the head it hands it over and ends."""
        super().__init__(name, engine, reader, feed, limits, observe)
        self._on_near = on_near
        self._guard = threading.Lock()
        self._members: dict[str, Projection] = {}
        self._reached: dict[str, int] = {}

    def admit(self, projection: Projection, position: int) -> None:
        """Take in one more projection, from the next batch on."""
        with self._guard:
            self._members = self._members | {projection.name: projection}
            self._reached = self._reached | {projection.name: position}

    @property
    def reached(self) -> dict[str, int]:
        """The members' positions by name."""
        return self._reached

    def work(self, connection: Connection) -> None:
        """Apply batch after batch; wait for events at the head."""
        self._look_up(connection, self._reached)
        while not self.feed.closed:
            if not self._reached:
                if self._on_near is not None:
                    return
                self.feed.wait(self.feed.end, IDLE_SECONDS)
                continue
            start = min(self._reached.values())
            if self._on_near is not None and self.feed.end - start <= self.limits.near:
                for name, projection in self._members.items():
                    self._on_near(projection, self._reached[name])
                return
            if not self._step(connection, start):
                self.feed.wait(start, IDLE_SECONDS)

    def _step(self, connection: Connection, start: int) -> bool:
        """Apply one batch; False when there is none."""
        try:
            events = self.take(start)
        except Unreadable as error:
            self._give_up(
                connection, [name for name, position in self._reached.items() if position == start], str(error)
            )
            return True
        if events:
            self._advance(connection, events)
        return bool(events)

    def _advance(self, connection: Connection, events: Sequence[Logged]) -> None:
        members = self._members
        if self._apply(connection, list(members.values()), events) is not None:
            for projection in members.values():
                self._advance_alone(connection, projection, events)

    def _advance_alone(self, connection: Connection, projection: Projection, events: Sequence[Logged]) -> None:
        """Apply a batch to one projection, halving it down to the event that fails; there it stops."""
        failure = self._apply(connection, [projection], events)
        if failure is None:
            return
        if len(events) == 1:
            at = events[0]
            where = {"projection": projection.name, "position": at.position, "topic": at.topic}
            why = dead_letters.reason(at, failure)
            if projection.skips_failures:
                _LOG.error("projection skipped an event", **where, exc_info=failure)
                self._skip(connection, projection.name, at, why)
            else:
                _LOG.error("projection stopped", **where, exc_info=failure)
                self._give_up(connection, [projection.name], why)
            return
        middle = len(events) // 2
        self._advance_alone(connection, projection, events[:middle])
        if projection.name in self._reached:
            self._advance_alone(connection, projection, events[middle:])

    def _apply(
        self, connection: Connection, projections: Sequence[Projection], events: Sequence[Logged]
    ) -> Exception | None:
        """Apply a batch; answers what an event did to it. Raises what the surroundings did."""
        began = time.perf_counter()
        try:
            applied = batches.apply(connection, projections, events)
        except Exception as error:
            if is_transient(error):
                raise
            return error
        if applied.events:
            self._observe(self._lane, applied.events, time.perf_counter() - began)
        self._note(applied.reached)
        if len(applied.reached) < len(projections):
            self._look_up(connection, {projection.name for projection in projections} - applied.reached.keys())
        return None

    def _note(self, reached: dict[str, int]) -> None:
        with self._guard:
            self._reached = self._reached | reached

    def _look_up(self, connection: Connection, names: Iterable[str]) -> None:
        """Read positions afresh: after a new connection, or when a rebuild has put another generation in place."""
        with connection.begin():
            live = positions.live(connection)
        self._note({name: live[name] for name in names if name in live})
        self._drop([name for name in names if name not in live])

    def _skip(self, connection: Connection, name: str, event: Logged, error: str) -> None:
        with connection.begin():
            held = positions.hold(connection, [name])
            if held:
                dead_letters.record(connection, name, event, error)
                positions.move_and_tell(connection, held, event.position)
        self._note({row.name: event.position for row in held})

    def _give_up(self, connection: Connection, names: Iterable[str], error: str) -> None:
        with connection.begin():
            for name in names:
                positions.stop(connection, name, error)
        self._drop(names)

    def _drop(self, names: Iterable[str]) -> None:
        with self._guard:
            gone = set(names)
            self._reached = {name: position for name, position in self._reached.items() if name not in gone}
            self._members = {name: member for name, member in self._members.items() if name not in gone}


class FollowerLane(Lane):
    """One follower: its rows and position are elsewhere; a copy of the position is kept for who looks."""

    def __init__(
        self, follower: Follower, engine: Engine, reader: LogReader, feed: Feed, limits: Limits, observe: Observe
    ) -> None:
        """The follower is used by this thread alone."""
        super().__init__(follower.name, engine, reader, feed, limits, observe)
        self._follower = follower
        self._position = 0
        self._copied = (-1, 0.0)

    def work(self, connection: Connection) -> None:
        """Apply batch after batch; when one fails, record why and try again much later."""
        while not self.feed.closed:
            try:
                busy = self._step(connection)
            except Exception as error:
                if is_transient(error):
                    raise
                _LOG.exception("projection stopped", projection=self._follower.name)
                with connection.begin():
                    positions.copy(connection, self._follower.name, self._position, told(error))
                self.feed.pause(self.limits.stopped_seconds)
                continue
            self._copy(connection)
            if not busy:
                self.feed.wait(self._position, IDLE_SECONDS)

    def _step(self, connection: Connection) -> bool:
        with connection.begin():
            self._position = self._follower.position(connection)
        events = self.take(self._position)
        if events:
            began = time.perf_counter()
            self._follower.apply(events)
            self._observe(self._lane, {self._follower.name: len(events)}, time.perf_counter() - began)
            self._position = events[-1].position
        return bool(events)

    def _copy(self, connection: Connection) -> None:
        position, at = self._copied
        now = time.monotonic()
        if position != self._position and now - at >= IDLE_SECONDS:
            with connection.begin():
                positions.copy(connection, self._follower.name, self._position)
            self._copied = (self._position, now)
