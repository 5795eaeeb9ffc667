"""The log's hash chain, computed again: whoever holds the events can tell that none was changed, added or left out.

Each event's hash is SHA-256 over the hash before it and every column of the event, in the encoding that the SQL
function `link` calls version 1: PostgreSQL's binary row format, which is the count of columns, then for each the type's
OID, the length and the bytes (length -1: NULL). Texts are UTF-8, times microseconds since 2000-01-01 UTC.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import pack
from typing import NamedTuple
from uuid import UUID

ENCODING = 1
GENESIS = sha256(b"").digest()
"""What stands for the hash before the first event."""
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
SMALLINT, BIGINT, BYTEA, TIMESTAMPTZ, UUID_ = 21, 20, 17, 1184, 2950

COLUMNS = """position, originator_id, originator_version, topic, state, event_id, recorded_at,
             actor_type, actor_id, correlation_id, causation_id, hash"""
"""What to select from `events`, ordered by position, to get rows for `verify`."""


class BrokenChain(Exception):  # noqa: N818 - names the outcome
    """The event at `position` is not the one that was appended there, or the one before it is missing."""

    def __init__(self, position: int) -> None:
        """The first position that does not fit."""
        super().__init__(f"The log's hash chain breaks at position {position}.")
        self.position = position


class LoggedRow(NamedTuple):
    """A row of `events`, columns as in COLUMNS."""

    position: int
    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes
    event_id: UUID
    recorded_at: datetime
    actor_type: str
    actor_id: UUID | None
    correlation_id: str | None
    causation_id: UUID | None
    hash: bytes


def verify(rows: Iterable[LoggedRow], *, before: bytes = GENESIS, after: int = 0) -> bytes:
    """Check rows that follow position `after`, whose hash is `before`; answer the last one's hash.

    Compared with a head kept elsewhere, it also tells that the end was not cut off. Raises BrokenChain.
    """
    for row in rows:
        if row.position != after + 1 or row.hash != link(before, row):
            raise BrokenChain(after + 1)
        before, after = row.hash, row.position
    return before


def link(before: bytes, row: LoggedRow) -> bytes:
    """Compute a row's hash from its columns and the hash before it."""
    recorded_us = (row.recorded_at - POSTGRES_EPOCH) // timedelta(microseconds=1)
    columns = (
        _column(SMALLINT, pack("!h", ENCODING)),
        _column(BYTEA, before),
        _column(BIGINT, pack("!q", row.position)),
        _column(UUID_, row.originator_id.bytes),
        _column(BIGINT, pack("!q", row.originator_version)),
        _column(BYTEA, row.topic.encode()),
        _column(BYTEA, row.state),
        _column(UUID_, row.event_id.bytes),
        _column(TIMESTAMPTZ, pack("!q", recorded_us)),
        _column(BYTEA, row.actor_type.encode()),
        _column(UUID_, None if row.actor_id is None else row.actor_id.bytes),
        _column(BYTEA, None if row.correlation_id is None else row.correlation_id.encode()),
        _column(UUID_, None if row.causation_id is None else row.causation_id.bytes),
    )
    return sha256(pack("!i", len(columns)) + b"".join(columns)).digest()


def _column(oid: int, value: bytes | None) -> bytes:
    return pack("!Ii", oid, -1) if value is None else pack("!Ii", oid, len(value)) + value
