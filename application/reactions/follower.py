"""The follower: turns the log's events into rows of `reactions`, and tells the workers which are due.

One process leads, by an advisory lock of the connection that it also listens and writes on: who loses the connection
loses the lead. Rows and the place in the log are one transaction, so each event makes its rows once. Telling a worker
is only a hint: a row that nobody took, or whose lease ran out, is told again after a moment.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import batched
from math import ceil
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import redis

from application import logs
from application.bootstrap import Tiffin
from application.reactions.actors import ACTORS, QUEUES, hint
from application.reactions.arrivals import Arrivals
from application.reactions.broker import HintBroker, waiting
from application.reactions.regions import StreamRegions
from application.reactions.rules import OVERTAKEN_BY, RULES, SEARCH, WAKING, WOKEN_AT_ONCE, none_stands
from application.reactions.statements import (
    DUE,
    INSERT,
    KNOWN_RULES,
    LEADS,
    LOST,
    MOVE,
    NEW_RULES,
    OVERTAKE,
    POSITION,
    WAKE,
)
from application.store import StoreBusy
from domain.driver import ShiftStarted
from domain.event import Event, Recorded

log = logs.logger(__name__)

LOCK = 7_214_003
BATCH = 1_000
POLL_SECONDS = 1.0
STANDBY_SECONDS = 0.5
PAUSE_SECONDS = 0.005
"""Between two looks at the log: a busy log is read in fewer, larger batches."""
LOST_AFTER = timedelta(seconds=3)
"""Machine time after which a row that was told and not taken is told again, when its queue is empty."""
LOST_AFTER_AT_MOST = timedelta(seconds=30)
"""The same when its queue is not empty: then workers are merely behind."""
WAKE_DELAY = timedelta(milliseconds=150)
"""Machine time for the projection of drivers to learn what woke a search."""
SPREAD = 24
"""Over so many messages are the rows spread that are due at once: as many as a worker has threads."""
MOST_A_MESSAGE = 10
"""A thread does the rows of a message one after the other, so that they are few."""

type Connection = psycopg.Connection[tuple[Any, ...]]
type Told = tuple[int, str]
"""Position and actor of a row."""


class NewRow(NamedTuple):
    """A reaction as it is inserted; the columns of `INSERT`."""

    position: int
    actor_name: str
    stream_id: UUID
    topic: str
    event_id: UUID
    correlation_id: str | None
    region: str
    due_at: datetime
    enqueued_at: datetime | None


class Follower:
    """Follows as long as it leads. One for each process."""

    def __init__(self, tiffin: Tiffin, broker: HintBroker) -> None:
        """`broker` is where workers listen."""
        self._tiffin = tiffin
        self._broker = broker
        self._regions = StreamRegions(tiffin)
        self._position = 0
        self._starts_after: dict[str, int] = {}
        self._look_again: datetime | None = None
        self._arrivals = Arrivals(tiffin.positions)
        self._lost_looked: datetime | None = None
        for queue in QUEUES:
            broker.declare_queue(queue)

    def run(self, stopping: threading.Event, leading: threading.Event) -> None:
        """Lead whenever nobody else does, until told to stop. `leading` is set while this process does."""
        while not stopping.is_set():
            try:
                with self._connect() as connection:
                    while not stopping.is_set() and not _take_lead(connection):
                        stopping.wait(STANDBY_SECONDS)
                    if not stopping.is_set():
                        self._lead(connection, stopping, leading)
            except (psycopg.OperationalError, StoreBusy) as error:
                log.warning("follower lost the database", error=str(error))
                stopping.wait(POLL_SECONDS)
            finally:
                leading.clear()

    def _connect(self) -> Connection:
        database = self._tiffin.settings.database
        return psycopg.connect(
            database.url,
            autocommit=True,
            connect_timeout=database.connect_timeout_seconds,
            application_name="tiffin-follower",
            options=f"-c statement_timeout={round(database.statement_timeout_seconds * 1000)}"
            " -c synchronous_commit=off -c TimeZone=UTC",
            prepare_threshold=0,
        )

    def _lead(self, connection: Connection, stopping: threading.Event, leading: threading.Event) -> None:
        self.begin(connection)
        leading.set()
        log.info("follower leads", position=self._position)
        while not stopping.is_set():
            full = self.follow(connection)
            self.welcome(connection)
            wait_seconds = self.tell_due(connection)
            self.tell_lost(connection)
            if not full:
                _sleep(connection, self._arrivals.wait_seconds(wait_seconds), stopping)

    def begin(self, connection: Connection) -> None:
        """Listen, and find out how far the log was followed."""
        connection.execute("LISTEN tiffin_log")
        self._position = _one(connection.execute(POSITION).fetchone())
        self._starts_after = self._learn_rules(connection)

    def follow(self, connection: Connection) -> bool:
        """Write down what the next batch of events sets going. Returns whether there may be more."""
        events = self._tiffin.store.read(after=self._position, limit=BATCH)
        if not events:
            return False
        machine_now = self._tiffin.clock.machine_now()
        new = list(self._new_rows(events, self._tiffin.clock.now(), machine_now))
        with connection.pipeline(), connection.transaction():
            if new:
                connection.execute(INSERT, [list(column) for column in zip(*new, strict=True)])
            self._overtake(connection, events, machine_now)
            self._wake(connection, events, machine_now)
            connection.execute(MOVE, {"after": self._position, "position": events[-1][0]})
        self._position = events[-1][0]
        self._tell((row.position, row.actor_name) for row in new if row.enqueued_at is not None)
        return len(events) == BATCH

    def welcome(self, connection: Connection) -> None:
        """Wake searches where a driver who came on shift before has now said where."""
        machine_now = self._tiffin.clock.machine_now()
        for region, drivers in self._arrivals.regions(machine_now).items():
            self._wake_region(connection, region, drivers, machine_now)

    def tell_due(self, connection: Connection) -> float:
        """Tell workers what became due. Returns how long nothing else will, in seconds of machine time."""
        clock = self._tiffin.clock
        machine_now = clock.machine_now()
        found = connection.execute(DUE, {"now": clock.now(), "machine_now": machine_now, "limit": BATCH}).fetchall()
        self._tell((position, actor_name) for position, actor_name, _ in found if position is not None)
        next_due = next(at for position, _, at in found if position is None)
        wait_seconds = POLL_SECONDS if next_due is None else min(POLL_SECONDS, clock.machine_seconds_until(next_due))
        if self._look_again is not None:
            wait_seconds = min(wait_seconds, max(0.0, (self._look_again - machine_now).total_seconds()))
            self._look_again = None if self._look_again <= machine_now else self._look_again
        return wait_seconds if len(found) <= BATCH else 0.0

    def tell_lost(self, connection: Connection) -> None:
        """Once a second, tell workers again what they were told and nobody took or finished."""
        machine_now = self._tiffin.clock.machine_now()
        if self._lost_looked is not None and machine_now - self._lost_looked < timedelta(seconds=POLL_SECONDS):
            return
        self._lost_looked = machine_now
        try:
            empty = [queue for queue in QUEUES if not waiting(self._broker, self._tiffin.valkey, queue)]
        except redis.RedisError:
            return
        values = {
            "now": self._tiffin.clock.now(),
            "machine_now": machine_now,
            "told_before": machine_now - LOST_AFTER,
            "told_long_before": machine_now - LOST_AFTER_AT_MOST,
            "idle_actors": [name for name, actor in ACTORS.items() if actor.queue in empty],
            "limit": BATCH,
        }
        lost = [(position, actor_name) for position, actor_name in connection.execute(LOST, values)]
        if lost:
            log.info("reactions told again", count=len(lost))
            self._tell(lost)

    def _new_rows(
        self, events: Sequence[tuple[int, Recorded[Event]]], now: datetime, machine_now: datetime
    ) -> Iterator[NewRow]:
        for position, recorded in events:
            event = recorded.event
            for rule in RULES.get(type(event), ()):
                if position <= self._starts_after[f"{event.TOPIC} > {rule.actor_name}"]:
                    continue
                if rule.when is not None and not rule.when(event):
                    continue
                region = self._regions.of(recorded)
                due_at = rule.due(event, recorded.occurred_at, region)
                yield NewRow(
                    position=position,
                    actor_name=rule.actor_name,
                    stream_id=recorded.originator_id,
                    topic=event.TOPIC,
                    event_id=recorded.event_id,
                    correlation_id=recorded.meta.correlation_id,
                    region=region.id,
                    due_at=due_at,
                    enqueued_at=machine_now if due_at <= now else None,
                )

    def _overtake(
        self, connection: Connection, events: Sequence[tuple[int, Recorded[Event]]], machine_now: datetime
    ) -> None:
        over = [
            (position, recorded)
            for position, recorded in events
            if type(recorded.event) in OVERTAKEN_BY and none_stands(recorded.event)
        ]
        if over:
            values = {
                "stream_ids": [recorded.originator_id for _, recorded in over],
                "actor_names": [OVERTAKEN_BY[type(recorded.event)] for _, recorded in over],
                "positions": [position for position, _ in over],
                "topics": [recorded.event.TOPIC for _, recorded in over],
                "machine_now": machine_now,
            }
            connection.execute(OVERTAKE, values)

    def _wake(
        self, connection: Connection, events: Sequence[tuple[int, Recorded[Event]]], machine_now: datetime
    ) -> None:
        free: dict[str, int] = defaultdict(int)
        for _, recorded in events:
            if type(recorded.event) in WAKING:
                free[self._regions.of(recorded).id] += 1
            if isinstance(recorded.event, ShiftStarted):
                self._arrivals.expect([(recorded.originator_id, self._regions.of(recorded).id)], machine_now)
        for region, drivers in free.items():
            self._look_again = machine_now + WAKE_DELAY
            self._wake_region(connection, region, drivers, self._look_again)

    def _wake_region(self, connection: Connection, region: str, drivers: int, not_before: datetime) -> None:
        values = {"now": self._tiffin.clock.now(), "not_before": not_before, "actor_name": SEARCH}
        connection.execute(WAKE, {**values, "region": region, "limit": drivers * WOKEN_AT_ONCE})

    def _learn_rules(self, connection: Connection) -> dict[str, int]:
        """A rule of a fresh installation starts with the log; one that is new to a running one at the log's head."""
        names = [f"{event.TOPIC} > {rule.actor_name}" for event, rules in RULES.items() for rule in rules]
        connection.execute(NEW_RULES, {"rules": names})
        return dict(connection.execute(KNOWN_RULES).fetchall())

    def _tell(self, told: Iterable[Told]) -> None:
        """Enqueue rows, in handfuls when there are many. What does not get through is told again as lost."""
        positions: dict[str, list[int]] = defaultdict(list)
        for position, actor_name in told:
            positions[actor_name].append(position)
        try:
            for actor_name, due in positions.items():
                for handful in batched(due, min(MOST_A_MESSAGE, ceil(len(due) / SPREAD))):
                    self._broker.enqueue(hint(actor_name, handful))
        except redis.RedisError as error:
            log.warning("workers cannot be told", error=str(error))


def leads(connection: Connection) -> bool:
    """Whether any process leads now."""
    return bool(_one(connection.execute(LEADS, (LOCK,)).fetchone()))


def _take_lead(connection: Connection) -> bool:
    return bool(_one(connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()))


def _sleep(connection: Connection, seconds: float, stopping: threading.Event) -> None:
    """Until the log grows or the time is over."""
    for _ in connection.notifies(timeout=seconds, stop_after=1):
        pass
    stopping.wait(PAUSE_SECONDS)


def _one(row: tuple[Any, ...] | None) -> Any:  # noqa: ANN401 - a column of any type
    if row is None:
        raise LookupError("the query answered no row")
    return row[0]
