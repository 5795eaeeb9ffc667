"""Everything that ever happened to an order: who, what, when, and how long after the step before.

From which address is in the log only: read models hold as little as they can of what would have to be erased.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    MetaData,
    RowMapping,
    Table,
    Text,
    Uuid,
    any_,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.event import REGISTRY, Role
from domain.order.state import DispatchStatus, Status
from domain.personal import personal_places
from projections import rows
from projections.connections import driver
from projections.log import Logged
from projections.order_steps import STATUS, dispatch_after
from projections.projection import Projection
from projections.results import shown
from projections.scrubbing import erased

METADATA = MetaData(schema="order_timeline")
STEPS = Table(
    "steps",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("actor_type", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("user_agent", Text),
    Column("request_id", Text),
    Column("correlation_id", Text),
    Column("causation_id", Uuid),
    Column("data", JSONB, nullable=False),
    # Which orders a person's data is in: only one of an order's twenty steps is in each.
    Index("steps_by_customer", text("(data->>'customer_id')"), postgresql_where=text("topic = 'order.placed'")),
    Index("steps_by_driver", text("(data->>'driver_id')"), postgresql_where=text("topic = 'order.driver_offered'")),
)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One event of an order. `data` is its payload: for `order.driver_offered` with the score's every factor.

    `seconds_since_previous` is business time since the order's previous event; none for the first.
    """

    order_id: UUID
    version: int
    position: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    actor_type: Role
    actor_id: UUID | None
    ip: str | None = None
    """Not in the read model: whoever may see it adds it from the log."""
    user_agent: str | None
    request_id: str | None
    correlation_id: str | None
    causation_id: UUID | None
    seconds_since_previous: float | None
    status_before: Status | None
    status_after: Status
    dispatch_before: DispatchStatus | None
    dispatch_after: DispatchStatus
    data: dict[str, Any]


def steps(c: Connection, order_id: UUID, *, after_version: int = 0) -> list[Step]:
    """Tell an order's events after a version, oldest first; empty for an unknown order."""
    query = select(STEPS).where(STEPS.c.order_id == order_id).order_by(STEPS.c.version)
    told = _told(c.execute(query).mappings())
    return [step for step in told if step.version > after_version]


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an order as far as a map shows it; `driver_id` and `eta_at` where the step's event has them."""

    order_id: UUID
    occurred_at: datetime
    topic: str
    driver_id: UUID | None
    eta_at: datetime | None


def moves(
    c: Connection, order_ids: Collection[UUID], topics: Collection[str], until: datetime, *, limit: int
) -> list[Move]:
    """Tell the steps of some topics that these orders took before a moment, order by order, each in order."""
    query = (
        select(
            *(STEPS.c[name] for name in ("order_id", "occurred_at", "topic")),
            *(STEPS.c.data[name].astext.label(name) for name in ("driver_id", "eta_at")),
        )
        .where(
            STEPS.c.order_id == any_(literal(list(order_ids), ARRAY(Uuid))),
            STEPS.c.topic.in_(topics),
            STEPS.c.occurred_at < until,
        )
        .order_by(STEPS.c.order_id, STEPS.c.version)
        .limit(limit)
    )
    return [shown(Move, row) for row in c.execute(query).mappings()]


def apply(connection: Connection, batch: Sequence[Logged]) -> None:
    """Write one row per event of an order. What depends on the step before is worked out when it is read."""
    rows.insert(connection, STEPS, [_step(logged) for logged in batch if logged.topic.startswith("order.")])


def scrub(connection: Connection, subject_id: UUID) -> None:
    """Erase what the events of a person's orders tell about them."""
    found = driver(connection).execute(
        _OF_PERSON.format(schema=rows.schema_of(connection, STEPS)), {"id": str(subject_id)}
    )
    documents = []
    for order_id, version, topic, data in found.fetchall():
        kind = REGISTRY[topic]
        if data.get(kind.SUBJECT) == str(subject_id):
            now = erased(data, personal_places(kind))
            documents.append({"order_id": order_id, "version": version, "data": now})
    rows.update(connection, STEPS, documents, ("data",))


PROJECTION = Projection("order_timeline", METADATA, apply, scrub=scrub)

_OF_PERSON = """
SELECT order_id, version, topic, data FROM {schema}.steps WHERE order_id IN (
    SELECT order_id FROM {schema}.steps WHERE topic = 'order.placed' AND data->>'customer_id' = %(id)s
    UNION
    SELECT order_id FROM {schema}.steps WHERE topic = 'order.driver_offered' AND data->>'driver_id' = %(id)s)
"""


def _step(logged: Logged) -> rows.Document:
    meta = logged.recorded.meta
    return {
        "order_id": logged.stream_id,
        "version": logged.version,
        "position": logged.position,
        "topic": logged.topic,
        "occurred_at": logged.occurred_at,
        "recorded_at": logged.recorded_at,
        "actor_type": meta.actor_type,
        "actor_id": meta.actor_id,
        "user_agent": meta.user_agent,
        "request_id": meta.request_id,
        "correlation_id": meta.correlation_id,
        "causation_id": meta.causation_id,
        "data": logged.event,
    }


def _told(found: Iterable[RowMapping]) -> Iterator[Step]:
    before: Step | None = None
    for row in found:
        kind = REGISTRY[row["topic"]]
        status, dispatch = STATUS.get(kind), dispatch_after(kind, row["data"].get("standing", 0))
        comparison: dict[str, object] = {
            "seconds_since_previous": before and (row["occurred_at"] - before.occurred_at).total_seconds(),
            "status_before": before and before.status_after,
            "dispatch_before": before and before.dispatch_after,
            "status_after": status or (before and before.status_after),
            "dispatch_after": dispatch or (before and before.dispatch_after),
        }
        before = shown(Step, row, **comparison)
        yield before
