"""The log in PostgreSQL: every append is one call of the function `append`, every load one query."""

import asyncio
from collections.abc import Collection, Sequence
from struct import Struct
from time import monotonic
from typing import Literal, cast
from uuid import UUID

from eventsourcing.persistence import AggregateRecorder, Notification, StoredEvent

from application.group_commit import GroupCommit
from application.recorder import LogRecorder, receipt_of
from application.saves import Outcome, Save, pack, pack_texts, pack_uuids
from application.settings import DatabaseSettings
from application.store import Answer, Idempotency, Receipt, Unconfirmed
from application.store_connections import TRIES, Statement, StoreConnections, Values
from projections.log import FLUSH

LAST_VERSION = 2**63 - 1

APPEND = Statement(b"append", b"SELECT * FROM append($1, $2)")
HISTORY = Statement(
    b"history",
    b"""
    WITH snapshot AS MATERIALIZED (
        SELECT originator_version, topic, state FROM snapshots
         WHERE originator_id = $1 AND topic = ANY ($2::text[]) AND originator_version <= $3
         ORDER BY originator_version DESC LIMIT 1)
    SELECT originator_version, topic, state FROM snapshot
    UNION ALL
    SELECT originator_version, topic, state FROM events
     WHERE originator_id = $1 AND originator_version <= $3
       AND originator_version > coalesce((SELECT originator_version FROM snapshot), 0)
     ORDER BY originator_version""",
)
HISTORIES = Statement(
    b"histories",
    b"""
    WITH snapshot AS MATERIALIZED (
        SELECT asked.id, found.* FROM unnest($1::uuid[]) AS asked (id) LEFT JOIN LATERAL (
            SELECT originator_version, topic, state FROM snapshots
             WHERE originator_id = asked.id AND topic = ANY ($2::text[])
             ORDER BY originator_version DESC LIMIT 1) AS found ON true)
    SELECT id, originator_version, topic, state FROM snapshot WHERE originator_version IS NOT NULL
    UNION ALL
    SELECT after.originator_id, after.originator_version, after.topic, after.state FROM snapshot, LATERAL (
        SELECT originator_id, originator_version, topic, state FROM events
         WHERE originator_id = snapshot.id AND originator_version > coalesce(snapshot.originator_version, 0)
         ORDER BY originator_version) AS after
     ORDER BY id, originator_version""",
)
ANSWERED = Statement(
    b"answered",
    b"""
    SELECT payload_hash, position, answer_id, answer_status, answer_version FROM idempotency
     WHERE actor = $1 AND operation = $2 AND key = $3 AND created_at > clock_timestamp() - interval '24 hours'""",
)
NOTIFICATIONS = Statement(
    b"notifications",
    b"""
    SELECT originator_id, originator_version, topic, state, position FROM events
     WHERE position >= $1 AND position <= $2 AND ($3::text[] = '{}' OR topic = ANY ($3::text[]))
     ORDER BY position LIMIT $4::bigint""",
)
LAST_POSITION = Statement(b"last_position", b"SELECT position FROM log_head")
FLUSHED = Statement(b"flush", FLUSH.encode())
KEEP_SNAPSHOT = Statement(
    b"keep_snapshot",
    b"""
    INSERT INTO snapshots (originator_id, originator_version, topic, state) VALUES ($1, $2, $3, $4)
    ON CONFLICT (originator_id, originator_version, topic) DO UPDATE SET state = excluded.state""",
)
STREAM, STREAM_BACKWARDS, SNAPSHOTS, SNAPSHOTS_BACKWARDS = (
    Statement(
        f"{table}_{order}".encode(),
        f"""
        SELECT originator_version, topic, state FROM {table}
         WHERE originator_id = $1 AND originator_version > $2 AND originator_version <= $3
         ORDER BY originator_version {order} LIMIT $4::bigint""".encode(),  # noqa: S608 - our own names
    )
    for table in ("events", "snapshots")
    for order in ("ASC", "DESC")
)
STATEMENTS = (
    APPEND,
    HISTORY,
    HISTORIES,
    ANSWERED,
    NOTIFICATIONS,
    LAST_POSITION,
    FLUSHED,
    KEEP_SNAPSHOT,
    STREAM,
    STREAM_BACKWARDS,
    SNAPSHOTS,
    SNAPSHOTS_BACKWARDS,
)
"""To be prepared on every connection."""

_bigint = Struct("!q").pack
_integer = Struct("!i").pack


class PostgresRecorder(LogRecorder):
    """The events. Thread-safe."""

    def __init__(self, connections: StoreConnections, database: DatabaseSettings) -> None:
        """The connections, opened with STATEMENTS, are closed by who opened them; `close` this first."""
        self._connections = connections
        self._wait_seconds = database.lock_timeout_seconds
        self._patience_seconds = database.lock_timeout_seconds + TRIES * database.statement_timeout_seconds
        self._barrier = database.durable_barrier
        flush = self._flush if self._barrier else None
        self._group = GroupCommit(self._append, wait_seconds=self._wait_seconds, flush=flush)

    def close(self) -> None:
        """Append what is queued."""
        self._group.close()

    def record(self, saves: Sequence[Save]) -> Sequence[Outcome]:
        """Append in one autocommit statement. Raises Unconfirmed when the server went and did not come back in time."""
        outcomes = self._append(saves, monotonic() + self._wait_seconds)
        self._pass_barrier()
        return outcomes

    def record_one(self, save: Save) -> Outcome:
        """Append one save with those of other threads and coroutines; what only closes a reaction does not queue."""
        if not save.queues:
            return self._append([save], monotonic() + self._wait_seconds)[0]
        try:
            return self._group.submit(save).result(self._patience_seconds)
        except TimeoutError:
            raise Unconfirmed from None

    async def record_one_async(self, save: Save) -> Outcome:
        """Append one save; a coroutine that is cancelled while it queues appends nothing."""
        return await asyncio.wrap_future(self._group.submit(save))

    def _pass_barrier(self) -> None:
        """Whatever was read before is on disk afterwards. Raises StoreBusy."""
        if self._barrier:
            self._flush()

    def _flush(self) -> None:
        self._connections.append(FLUSHED, lambda _: (), deadline=monotonic() + self._wait_seconds)

    def _append(self, saves: Sequence[Save], deadline: float) -> list[Outcome]:
        packed: bytes | None = None

        def parameters(wait_ms: int) -> Values:
            nonlocal packed
            packed = packed or pack(saves, save_oid=self._connections.save_oid)
            return packed, _integer(wait_ms)

        # Sent again after a lost connection, the same event ids or the same key are found: nothing is appended twice.
        return [_outcome(row) for row in self._connections.append(APPEND, parameters, deadline=deadline)]

    def answered(self, idempotency: Idempotency) -> Receipt | None:
        """What the key answered within its 24 h, if it did. Raises KeyReused."""
        key = (idempotency.actor, idempotency.operation, idempotency.key)
        for payload_hash, position, answer_id, status, version in self._connections.ask(
            ANSWERED, *(text.encode() for text in key)
        ):
            self._pass_barrier()
            answer = Answer(id=_uuid(answer_id), status=_text(status), version=_number(version))
            return receipt_of(idempotency, payload_hash or b"", _number(position), answer)
        return None

    def select_history(
        self, originator_id: UUID, *, lte: int | None, snapshot_topics: Sequence[str]
    ) -> list[StoredEvent]:
        """One round trip, snapshot first."""
        last = LAST_VERSION if lte is None else lte
        rows = self._connections.ask(HISTORY, originator_id.bytes, pack_texts(snapshot_topics), _bigint(last))
        return [_stored(originator_id, row) for row in rows]

    def select_histories(
        self, originator_ids: Collection[UUID], *, snapshot_topics: Sequence[str]
    ) -> Sequence[StoredEvent]:
        """One round trip for all."""
        rows = self._connections.ask(HISTORIES, pack_uuids(list(originator_ids)), pack_texts(snapshot_topics))
        return [_stored(_uuid(stream_id), row) for stream_id, *row in rows]

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """One stream's events, as the library asks for them; somebody will be shown them."""
        statement = STREAM_BACKWARDS if desc else STREAM
        found = _select(self._connections, statement, originator_id, gt, lte, limit)
        if found:
            self._pass_barrier()
        return found

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
        rows = self._connections.ask(NOTIFICATIONS, _bigint(first), _bigint(last), pack_texts(topics), _bigint(limit))
        if rows:
            self._pass_barrier()
        return [
            Notification(_uuid(stream), _number(version), _text(topic), state or b"", _number(position))
            for stream, version, topic, state, position in rows
        ]

    def max_notification_id(self) -> int | None:
        """The log's last position; None while it is empty."""
        ((position,),) = self._connections.ask(LAST_POSITION)
        return _number(position) or None


class PostgresSnapshots(AggregateRecorder):
    """The snapshots; one taken again replaces itself."""

    def __init__(self, connections: StoreConnections) -> None:
        """The connections, opened with STATEMENTS, are closed by who opened them."""
        self._connections = connections

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: object) -> None:
        """Keep snapshots."""
        for one in stored_events:
            stream = cast("UUID", one.originator_id).bytes
            self._connections.ask(KEEP_SNAPSHOT, stream, _bigint(one.originator_version), one.topic.encode(), one.state)

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
        statement = SNAPSHOTS_BACKWARDS if desc else SNAPSHOTS
        return _select(self._connections, statement, originator_id, gt, lte, limit)


def _select(
    connections: StoreConnections,
    statement: Statement,
    originator_id: UUID | str,
    gt: int | None,
    lte: int | None,
    limit: int | None,
) -> list[StoredEvent]:
    stream = cast("UUID", originator_id)
    rows = connections.ask(
        statement,
        stream.bytes,
        _bigint(gt or 0),
        _bigint(LAST_VERSION if lte is None else lte),
        None if limit is None else _bigint(limit),
    )
    return [_stored(stream, row) for row in rows]


def _stored(originator_id: UUID, row: Values) -> StoredEvent:
    version, topic, state = row
    return StoredEvent(originator_id, _number(version), _text(topic), state or b"")


def _outcome(row: Values) -> Outcome:
    result, position, answer_id, answer_status, answer_version, stream_id, version = row
    return Outcome(
        cast('Literal["appended", "replayed", "key_reused", "conflict", "fenced"]', _text(result)),
        _number(position),
        None if answer_id is None else _uuid(answer_id),
        None if answer_status is None else _text(answer_status),
        None if answer_version is None else _number(answer_version),
        None if stream_id is None else _uuid(stream_id),
        None if version is None else _number(version),
    )


def _number(value: bytes | None) -> int:
    return 0 if value is None else int.from_bytes(value, "big", signed=True)


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode()


def _uuid(value: bytes | None) -> UUID:
    return UUID(bytes=value)
