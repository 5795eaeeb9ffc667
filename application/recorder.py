"""The library's recorders over PostgreSQL: every append is one call of the function `append`, every load one query."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    NotSupportedError,
    StoredEvent,
    Subscription,
)

from application.saves import Outcome, PackedSaves, Save, pack
from application.store import Answer, Fenced, Idempotency, KeyReused, Receipt, VersionConflict
from application.store_connections import StoreConnections
from domain.errors import InvalidInput

LAST_VERSION = 2**63 - 1
NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""As JSON writes it; after an even number of back-slashes, or it is a text about NUL. jsonb cannot hold it."""

APPEND = "SELECT * FROM append(%b, %b)"
HISTORY = """
    WITH snapshot AS MATERIALIZED (
        SELECT originator_version, topic, state FROM snapshots
         WHERE originator_id = %(stream)b AND topic = ANY (%(topics)b) AND originator_version <= %(lte)b
         ORDER BY originator_version DESC LIMIT 1)
    SELECT originator_version, topic, state FROM snapshot
    UNION ALL
    SELECT originator_version, topic, state FROM events
     WHERE originator_id = %(stream)b AND originator_version <= %(lte)b
       AND originator_version > coalesce((SELECT originator_version FROM snapshot), 0)
     ORDER BY originator_version"""
ANSWERED = """
    SELECT payload_hash, position, answer_id, answer_status, answer_version FROM idempotency
     WHERE actor = %b AND operation = %b AND key = %b AND created_at > clock_timestamp() - interval '24 hours'"""
EVENTS = """
    SELECT originator_version, topic, state FROM {table}
     WHERE originator_id = %b AND originator_version > %b AND originator_version <= %b
     ORDER BY originator_version {order} LIMIT %b"""
NOTIFICATIONS = """
    SELECT originator_id, originator_version, topic, state, position FROM events
     WHERE position >= %b AND position <= %b AND (cardinality(%b::text[]) = 0 OR topic = ANY (%b::text[]))
     ORDER BY position LIMIT %b"""
LAST_POSITION = "SELECT position FROM log_head"
KEEP_SNAPSHOT = """
    INSERT INTO snapshots (originator_id, originator_version, topic, state) VALUES (%b, %b, %b, %b)
    ON CONFLICT (originator_id, originator_version, topic) DO UPDATE SET state = excluded.state"""


class LogRecorder(ApplicationRecorder, ABC):
    """What the library's application needs of a log, brought down to a few methods a log must have."""

    @abstractmethod
    def record(self, saves: Sequence[Save]) -> Sequence[Outcome]:
        """Append each save, all or nothing, one outcome each. Raises StoreBusy: none was appended."""

    @abstractmethod
    def answered(self, idempotency: Idempotency) -> Receipt | None:
        """What the key answered within its 24 h, if it did. Raises KeyReused."""

    @abstractmethod
    def select_history(
        self, originator_id: UUID, *, lte: int | None, snapshot_topics: Sequence[str]
    ) -> list[StoredEvent]:
        """The newest snapshot of these topics up to version `lte`, if there is one, and the events after it."""

    def insert_events(  # type: ignore[override]  # the library hands on what its `save` was given
        self, stored_events: Sequence[StoredEvent], *, save: Save, **_: object
    ) -> Sequence[int]:
        """Append one save and answer its events' positions: none when the key was answered before.

        Raises VersionConflict, KeyReused, Fenced, StoreBusy.
        """
        for one in stored_events:
            if b"u0000" in one.state and NUL.search(one.state):
                raise InvalidInput("text", f"A text in {one.topic} holds a NUL character (U+0000); leave it out.")
        save.events = stored_events
        (outcome,) = self.record([save])
        save.outcome = outcome
        match outcome.result:
            case "appended":
                return range(outcome.position - len(stored_events) + 1, outcome.position + 1)
            case "replayed":
                return ()
            case "conflict" if outcome.stream_id is not None and outcome.version is not None:
                raise VersionConflict(outcome.stream_id, outcome.version)
            case "key_reused":
                raise KeyReused(KEY_REUSED)
            case _:
                raise Fenced(f"the lease on reaction {save.closing} was lost")

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Followers listen for `tiffin_log` and read by position instead."""
        raise NotSupportedError(f"follow the log by position (after {gt}, topics {topics}), not by subscription")


KEY_REUSED = "This idempotency key was used for another request; send a new key, or the same request."


def receipt_of(idempotency: Idempotency, payload_hash: bytes, position: int, answer: Answer) -> Receipt:
    """What is answered when a key comes again. Raises KeyReused."""
    if payload_hash != idempotency.payload_hash:
        raise KeyReused(KEY_REUSED)
    return Receipt(answer=answer, position=position, replayed=True)


class PostgresRecorder(LogRecorder):
    """The log in PostgreSQL. Thread-safe."""

    def __init__(self, connections: StoreConnections) -> None:
        """The connections are closed by who opened them."""
        self._connections = connections

    def record(self, saves: Sequence[Save]) -> Sequence[Outcome]:
        """Append in one autocommit statement. Raises Unconfirmed when the server went and did not come back in time."""
        packed: PackedSaves | None = None

        def parameters(wait_ms: int) -> Sequence[object]:
            nonlocal packed
            packed = packed or pack(saves, save_oid=self._connections.save_oid)
            return packed, wait_ms

        # Sent again after a lost connection, the same event ids or the same key are found: nothing is appended twice.
        return [Outcome._make(row) for row in self._connections.append(APPEND, parameters)]

    def answered(self, idempotency: Idempotency) -> Receipt | None:
        """What the key answered within its 24 h, if it did. Raises KeyReused."""
        for payload_hash, position, answer_id, status, version in self._connections.read(
            ANSWERED, (idempotency.actor, idempotency.operation, idempotency.key)
        ):
            return receipt_of(idempotency, payload_hash, position, Answer(id=answer_id, status=status, version=version))
        return None

    def select_history(
        self, originator_id: UUID, *, lte: int | None, snapshot_topics: Sequence[str]
    ) -> list[StoredEvent]:
        """One round trip, snapshot first."""
        rows = self._connections.read(
            HISTORY,
            {"stream": originator_id, "topics": list(snapshot_topics), "lte": LAST_VERSION if lte is None else lte},
        )
        return [StoredEvent(originator_id, version, topic, state) for version, topic, state in rows]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """One stream's events, as the library asks for them."""
        return _select(self._connections, "events", originator_id, gt=gt, lte=lte, desc=desc, limit=limit)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The log by position, as the library asks for it."""
        first = 1 if start is None else start if inclusive_of_start else start + 1
        last = LAST_VERSION if stop is None else stop
        wanted = list(topics)
        rows = self._connections.read(NOTIFICATIONS, (first, last, wanted, wanted, limit))
        return [Notification(*row) for row in rows]

    def max_notification_id(self) -> int | None:
        """The log's last position; None while it is empty."""
        return self._connections.read(LAST_POSITION, ())[0][0] or None


class PostgresSnapshots(AggregateRecorder):
    """Snapshots in PostgreSQL; one taken again replaces itself."""

    def __init__(self, connections: StoreConnections) -> None:
        """The connections are closed by who opened them."""
        self._connections = connections

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: object) -> None:
        """Keep snapshots."""
        for one in stored_events:
            row = (one.originator_id, one.originator_version, one.topic, one.state)
            self._connections.execute(KEEP_SNAPSHOT, row)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """One stream's snapshots, as the library asks for them."""
        return _select(self._connections, "snapshots", originator_id, gt=gt, lte=lte, desc=desc, limit=limit)


def _select(
    connections: StoreConnections,
    table: str,
    originator_id: UUID | str,
    *,
    gt: int | None,
    lte: int | None,
    desc: bool,
    limit: int | None,
) -> list[StoredEvent]:
    query = EVENTS.format(table=table, order="DESC" if desc else "ASC")
    bounds = (gt or 0, LAST_VERSION if lte is None else lte, limit)
    rows = connections.read(query, (originator_id, *bounds))
    return [StoredEvent(originator_id, version, topic, state) for version, topic, state in rows]
