"""Everything that ever happened to an order: who, what, when, from where, and how long after the step before."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Column, Connection, DateTime, Integer, MetaData, Table, Text, Uuid, select
from sqlalchemy.dialects.postgresql import JSONB

from domain.event import Role
from domain.order.state import DispatchStatus, Status

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
    Column("ip", Text),
    Column("user_agent", Text),
    Column("request_id", Text),
    Column("correlation_id", Text),
    Column("causation_id", Uuid),
    Column("data", JSONB, nullable=False),
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
    ip: str | None
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
    rows = c.execute(select(STEPS).where(STEPS.c.order_id == order_id).order_by(STEPS.c.version)).mappings()
    return [step for step in _told([dict(row) for row in rows]) if step.version > after_version]
