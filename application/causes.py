"""Cause and effect: everything that one request set going, as a tree."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from application.store_connections import Connection

MOST_EVENTS = 10_000


class Caused(NamedTuple):
    """An event and how deep it stands under the request: 0 for what the request did itself."""

    depth: int
    position: int
    topic: str
    stream_id: UUID
    version: int
    event_id: UUID
    occurred_at: datetime
    actor_type: str
    actor_id: UUID | None


class _State(msgspec.Struct):
    occurred_at: datetime


_state = msgspec.json.Decoder(_State).decode
_READ = """
SELECT position, topic, originator_id, originator_version, event_id, state, actor_type, actor_id, causation_id
FROM events WHERE correlation_id = %s ORDER BY position LIMIT %s"""


def tree(connection: Connection, correlation_id: str) -> list[Caused]:
    """The events of a correlation, each below the one that caused it, oldest first. Empty when there are none."""
    rows = connection.execute(_READ, (correlation_id, MOST_EVENTS)).fetchall()
    known = {row[4] for row in rows}
    by_cause: defaultdict[UUID | None, list[Sequence[object]]] = defaultdict(list)
    for row in rows:
        by_cause[row[8] if row[8] in known else None].append(row)
    return list(_below(None, by_cause, 0))


def _below(cause: object, by_cause: "defaultdict[UUID | None, list[Sequence[object]]]", depth: int) -> Iterator[Caused]:
    for position, topic, stream_id, version, event_id, state, actor_type, actor_id, _ in by_cause.pop(cause, []):  # type: ignore[call-overload]
        at = _state(bytes(state)).occurred_at
        yield Caused(depth, position, topic, stream_id, version, event_id, at, actor_type, actor_id)
        yield from _below(event_id, by_cause, depth + 1)
