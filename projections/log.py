"""The log as projections get it: events in commit order, each decoded once, the newest ones shared."""

import threading
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from eventsourcing.persistence import MapperDeserialisationError

from domain.event import Event, Recorded
from domain.mapper import JSONMapper

CHANNEL = "tiffin_log"
"""NOTIFY channel of the log; the payload is its last position."""

FLUSH = "SELECT set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'tiffin', '')"
"""A transaction that waits for the disk: whatever was committed before it began is on disk when it ends."""

_READ = """
SELECT position, topic, recorded_at, originator_id, originator_version, state
FROM public.events WHERE position > %s ORDER BY position LIMIT %s
"""


class Logged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event of the log. `recorded_at` is machine time, `recorded.occurred_at` business time."""

    position: int
    topic: str
    recorded_at: datetime
    recorded: Recorded[Event]

    @property
    def event(self) -> Event:
        """What happened."""
        return self.recorded.event

    @property
    def stream_id(self) -> UUID:
        """The order, driver or restaurant that it happened to."""
        return self.recorded.originator_id

    @property
    def version(self) -> int:
        """Its place in the stream, from 1."""
        return self.recorded.originator_version

    @property
    def occurred_at(self) -> datetime:
        """Business time."""
        return self.recorded.occurred_at


class Unreadable(Exception):  # noqa: N818 - names the outcome
    """The event after `position` cannot be decoded by this code."""

    def __init__(self, position: int, reason: str) -> None:
        """`position` is the last one before it."""
        super().__init__(f"The event after position {position} cannot be read: {reason}")
        self.position = position


class LogReader:
    """Reads and decodes the log. Thread-safe."""

    def __init__(self, mapper: JSONMapper, *, flush: bool = False) -> None:
        """`flush`: appends may commit before they are on disk; what is read is on disk before it is answered."""
        self._mapper = mapper
        self._flush = flush

    def read(self, connection: "psycopg.Connection[tuple[Any, ...]]", after: int, limit: int) -> list[Logged]:
        """Read up to `limit` events after a position; to flush, the connection must not be in a transaction.

        Ends before an event that cannot be decoded; raises Unreadable when that is the first one.
        """
        with connection.cursor(binary=True) as cursor:
            found = cursor.execute(_READ, (after, limit), prepare=True).fetchall()
            if found and self._flush:
                cursor.execute(FLUSH, prepare=True)
        self._mapper.fetch_keys([row[-1] for row in found])
        events: list[Logged] = []
        for position, topic, recorded_at, stream_id, version, state in found:
            try:
                recorded = self._mapper.read(stream_id, version, topic, state)
            except MapperDeserialisationError as error:
                if events:
                    break
                raise Unreadable(after, str(error)) from error
            events.append(Logged(position=position, topic=topic, recorded_at=recorded_at, recorded=recorded))
        return events


def since(events: Sequence[Logged], position: int) -> Sequence[Logged]:
    """The part of a run of events that comes after a position."""
    if not events or events[0].position > position:
        return events
    return events[bisect_right(events, position, key=attrgetter("position")) :]


class Feed:
    """The newest events, decoded by the one reader and shared by every lane that has come so far."""

    def __init__(self, position: int, capacity: int = 10_000) -> None:
        """Begins after `position` and holds at least the last `capacity` events."""
        self._begin = self._end = position
        self._capacity = capacity
        self._events: list[Logged] = []
        self._changed = threading.Condition()
        self._blocked = False
        self.closed = False

    @property
    def end(self) -> int:
        """The last position published."""
        return self._end

    def publish(self, events: Sequence[Logged]) -> None:
        """Hand on what the reader read and wake every lane."""
        with self._changed:
            self._events.extend(events)
            self._end = events[-1].position
            self._blocked = False
            if len(self._events) > 2 * self._capacity:
                self._begin = self._events[-self._capacity - 1].position
                del self._events[: -self._capacity]
            self._changed.notify_all()

    def block(self) -> None:
        """Say that the next event cannot be read: who comes so far has to see for itself."""
        with self._changed:
            self._blocked = True

    def after(self, position: int, limit: int) -> Sequence[Logged] | None:
        """Up to `limit` events after a position; None when they are no longer, or cannot be, held here."""
        with self._changed:
            if position < self._begin or (self._blocked and position >= self._end):
                return None
            first = bisect_right(self._events, position, key=attrgetter("position"))
            return self._events[first : first + limit]

    def wait(self, position: int, timeout_seconds: float) -> None:
        """Wait for an event after a position, for the end, or for the time-out."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._end > position, timeout_seconds)

    def pause(self, seconds: float) -> None:
        """Wait for the end, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed, seconds)

    def close(self) -> None:
        """Tell every lane to finish."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
