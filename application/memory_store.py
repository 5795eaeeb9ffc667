"""The event store in memory: the same contract for tests that need no server. Events go through the same bytes."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from eventsourcing.persistence import AggregateRecorder, Notification, StoredEvent

from application.clocks import MachineClock
from application.event_store import LibraryStore
from application.memory_keys import MemoryKeys
from application.recorder import LogRecorder, receipt_of
from application.saves import Outcome, Save
from application.store import Answer, Closing, Idempotency, Receipt

KEPT = timedelta(hours=24)
"""How long a key's answer is known."""


class MemoryEventStore(LibraryStore):
    """An empty log. Thread-safe."""

    def __init__(self, machine_now: Callable[[], datetime] | None = None) -> None:
        """`machine_now` tells how old answers are; the machine's clock where none is given."""
        self._snapshots = MemorySnapshots()
        self._log = MemoryLog(self._snapshots, machine_now or MachineClock().machine_now)
        super().__init__(self._log, self._snapshots, MemoryKeys())

    def lease(self, position: int, actor_name: str, lease_token: UUID) -> None:
        """Let a reaction be closed by who holds this token, as claiming its row does in PostgreSQL."""
        self._log.leases[position, actor_name] = lease_token

    def close(self) -> None:
        """Nothing to close."""


class Keep(NamedTuple):
    """An answer under its key."""

    payload_hash: bytes
    position: int
    answer: Answer
    created_at: datetime


class MemorySnapshots(AggregateRecorder):
    """Snapshots by stream."""

    def __init__(self) -> None:
        """None yet."""
        self._by_stream: dict[UUID | str, dict[int, StoredEvent]] = {}

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: object) -> None:
        """Keep snapshots; one taken again replaces itself."""
        for one in stored_events:
            self._by_stream.setdefault(one.originator_id, {})[one.originator_version] = one

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """One stream's snapshots."""
        return _select(list(self._by_stream.get(originator_id, {}).values()), gt, lte, desc=desc, limit=limit)


class MemoryLog(LogRecorder):
    """The log as a list; a lock stands for the advisory lock."""

    def __init__(self, snapshots: MemorySnapshots, machine_now: Callable[[], datetime]) -> None:
        """Empty."""
        self.leases: dict[tuple[int, str], UUID] = {}
        self._done: set[tuple[int, str]] = set()
        self._snapshots = snapshots
        self._machine_now = machine_now
        self._lock = threading.Lock()
        self._log: list[Notification] = []
        self._streams: dict[UUID | str, list[Notification]] = {}
        self._kept: dict[tuple[str, str, str], Keep] = {}

    def record(self, saves: Sequence[Save]) -> Sequence[Outcome]:
        """Append one after the other."""
        with self._lock:
            return [self._record(save) for save in saves]

    def answered(self, idempotency: Idempotency) -> Receipt | None:
        """What the key answered within its 24 h, if it did. Raises KeyReused."""
        kept = self._kept_under(idempotency)
        return None if kept is None else receipt_of(idempotency, kept.payload_hash, kept.position, kept.answer)

    def select_history(
        self, originator_id: UUID, *, lte: int | None, snapshot_topics: Sequence[str]
    ) -> list[StoredEvent]:
        """Snapshot first."""
        found = self._snapshots.select_events(originator_id, lte=lte, desc=True)
        snapshots = [one for one in found if one.topic in snapshot_topics][:1]
        after = snapshots[0].originator_version if snapshots else 0
        return [*snapshots, *self.select_events(originator_id, gt=after, lte=lte)]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """One stream's events."""
        return _select(list(self._streams.get(originator_id, ())), gt, lte, desc=desc, limit=limit)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The log by position."""
        first = 1 if start is None else start if inclusive_of_start else start + 1
        found = [one for one in self._log[max(first - 1, 0) : stop] if not topics or one.topic in topics]
        return found[:limit]

    def max_notification_id(self) -> int | None:
        """The log's last position; None while it is empty."""
        return len(self._log) or None

    def _record(self, save: Save) -> Outcome:
        """In the order of the function `append`: key, versions, lease, events, answer."""
        kept = None if save.idempotency is None else self._kept_under(save.idempotency)
        if kept is not None and save.idempotency is not None:
            if kept.payload_hash != save.idempotency.payload_hash:
                return Outcome("key_reused")
            answer = kept.answer
            return Outcome("replayed", kept.position, answer.id, answer.status, answer.version)
        position = 0
        for stream_id, expected in save.expected:
            stream = self._streams.get(stream_id, ())
            if len(stream) != expected:
                return Outcome("conflict", stream_id=stream_id, version=len(stream))
            position = max(position, stream[-1].id if stream else 0)
        if save.closing is not None and not self._close(save.closing, has_events=bool(save.events)):
            return Outcome("fenced")
        for event in save.events:
            position = len(self._log) + 1
            logged = Notification(event.originator_id, event.originator_version, event.topic, event.state, position)
            self._log.append(logged)
            self._streams.setdefault(event.originator_id, []).append(logged)
        if save.idempotency is not None:
            key = save.idempotency
            kept = Keep(key.payload_hash, position, save.answer, self._machine_now())
            self._kept[key.actor, key.operation, key.key] = kept
        return Outcome("appended", position)

    def _close(self, closing: Closing, *, has_events: bool) -> bool:
        reaction = closing.position, closing.actor_name
        if self.leases.get(reaction) != closing.lease_token or (reaction in self._done and has_events):
            return False
        if closing.outcome == "done":
            self._done.add(reaction)
        return True

    def _kept_under(self, key: Idempotency) -> Keep | None:
        kept = self._kept.get((key.actor, key.operation, key.key))
        return None if kept is None or self._machine_now() - kept.created_at >= KEPT else kept


def _select(
    found: list[StoredEvent] | list[Notification], gt: int | None, lte: int | None, *, desc: bool, limit: int | None
) -> list[StoredEvent]:
    within = [one for one in found if one.originator_version > (gt or 0)]
    if lte is not None:
        within = [one for one in within if one.originator_version <= lte]
    within.sort(key=lambda one: one.originator_version, reverse=desc)
    return [StoredEvent(one.originator_id, one.originator_version, one.topic, one.state) for one in within[:limit]]
