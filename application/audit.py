"""The log as auditors get it: every stored column of every event, in commit order."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Engine, Row, text

from projections import log

PAGE = 1_000
"""Events read at once."""

_READ = text("""
    SELECT position, topic, originator_id, originator_version, event_id, recorded_at, state, encode(hash, 'hex') AS hash
    FROM public.events WHERE position > :after ORDER BY position LIMIT :limit
""")


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `schema` is the version of `data` as it was written; `hash` chains it to the event before."""

    position: int
    topic: str
    stream_id: UUID
    version: int
    event_id: UUID
    schema: int
    occurred_at: datetime
    recorded_at: datetime
    meta: msgspec.Raw
    data: msgspec.Raw
    hash: str


class _State(msgspec.Struct):
    v: int
    occurred_at: datetime
    meta: msgspec.Raw
    data: msgspec.Raw


_state = msgspec.json.Decoder(_State)


def lines(reads: Engine, *, after: int, limit: int, flush: bool = False) -> list[AuditLine]:
    """At most `limit` events with position > `after`; with `flush` on disk before they are told, see `log.read`.

    `reads` runs each statement on its own.
    """
    with reads.connect() as connection:
        rows = connection.execute(_READ, {"after": after, "limit": limit}).all()
        if rows and flush:
            connection.exec_driver_sql(log.FLUSH)
    return list(_lines(rows))


def _lines(rows: Sequence[Row[Any]]) -> Iterator[AuditLine]:
    for row in rows:
        state = _state.decode(row.state)
        yield AuditLine(
            position=row.position,
            topic=row.topic,
            stream_id=row.originator_id,
            version=row.originator_version,
            event_id=row.event_id,
            schema=state.v,
            occurred_at=state.occurred_at,
            recorded_at=row.recorded_at,
            meta=state.meta,
            data=state.data,
            hash=row.hash,
        )
