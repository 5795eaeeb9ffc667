"""The log as auditors get it: every stored column of every event, in commit order."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Engine, Row, text

from projections import log, positions

PAGE = 1_000
"""Events read at once."""
WINDOW = 50_000
"""Positions looked through at once for events that a filter wants: no query runs long, however rare they are."""

_COLUMNS = """position, topic, originator_id, originator_version, event_id, recorded_at, state,
              encode(hash, 'hex') AS hash"""
_CONDITIONS = {
    "stream_id": "originator_id = :stream_id",
    "topic": "topic = :topic",
    "kind": "topic LIKE :kind || '.%'",
    "role": "actor_type = :role",
    "actor_id": "actor_id = :actor_id",
    "correlation_id": "correlation_id = :correlation_id",
    "recorded_from": "recorded_at >= :recorded_from",
    "recorded_to": "recorded_at < :recorded_to",
    "restaurant_id": """(originator_id = :restaurant_id OR originator_id IN
        (SELECT order_id FROM order_lists.orders WHERE restaurant_id = :restaurant_id))""",
    # From their own stream: the lists forget who had an order before it went to somebody else.
    "driver_id": """(originator_id = :driver_id OR actor_id = :driver_id OR originator_id IN
        (SELECT CAST(convert_from(state, 'UTF8')::jsonb -> 'data' ->> 'order_id' AS uuid) FROM public.events
         WHERE originator_id = :driver_id AND topic = 'driver.delivery_taken'))""",
}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events an auditor wants; everything where nothing is said. Times are `recorded_at`, the second excluded.

    `restaurant_id` and `driver_id` mean their own streams and those of their orders; a driver's, every order that they
    ever had, and what else they did.
    """

    stream_id: UUID | None = None
    topic: str | None = None
    kind: str | None = None
    role: str | None = None
    actor_id: UUID | None = None
    correlation_id: str | None = None
    recorded_from: datetime | None = None
    recorded_to: datetime | None = None
    restaurant_id: UUID | None = None
    driver_id: UUID | None = None


def reads(wanted: Wanted) -> tuple[str, ...]:
    """The read model that says which events are wanted: what it has not seen yet is not told yet."""
    return ("order_lists",) if wanted.restaurant_id is not None else ()


class Read(NamedTuple):
    """Events, the position up to which the log was looked through for them, and whether that is its end."""

    lines: "list[AuditLine]"
    reached: int
    ended: bool


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


def read(engine: Engine, *, after: int, limit: int, wanted: Wanted, flush: bool = False) -> Read:
    """At most `limit` wanted events with position > `after`; with `flush` on disk before they are told.

    `engine` runs each statement on its own. Where it ends before the log does, ask again after `reached`.
    """
    values = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    conditions = " AND ".join(["position > :after", "position <= :upto", *(_CONDITIONS[name] for name in values)])
    with engine.connect() as connection:
        needed = reads(wanted)
        head = positions.of(connection, needed) if needed else positions.head(connection)
        # One stream is found by its key, wherever in the log it is.
        upto = head if not values or wanted.stream_id is not None else min(head, after + WINDOW)
        rows = connection.execute(
            text(f"SELECT {_COLUMNS} FROM public.events WHERE {conditions} ORDER BY position LIMIT :limit"),  # noqa: S608
            values | {"after": after, "upto": upto, "limit": limit},
        ).all()
        if rows and flush:
            connection.exec_driver_sql(log.FLUSH)
    found = list(_lines(rows))
    reached = found[-1].position if len(found) == limit else max(after, upto)
    return Read(found, reached, reached >= head)


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
