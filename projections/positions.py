"""How far each projection has come."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import BigInteger, Column, Connection, DateTime, Integer, MetaData, Table, Text, func, select, text

CHANNEL = "tiffin_projection"
"""NOTIFY channel; the payload is the projections' names, separated by spaces, a colon and their new position."""

POSITIONS = Table(
    "projection_positions",
    MetaData(schema="public"),
    Column("name", Text, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("error", Text),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
type State = Literal["live", "building", "stopped", "retired"]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One generation of a projection. `lag_events` counts what the log has and it has not; `error` is why it stopped.

    Generation 0 is a follower's: its true position lives with its rows, this one is copied about once a second.
    """

    name: str
    generation: int
    position: int
    state: State
    error: str | None
    updated_at: datetime
    lag_events: int


def head(c: Connection) -> int:
    """The log's last position; 0 while it is empty."""
    return c.execute(text("SELECT coalesce(max(position), 0) FROM public.events")).scalar_one()


def progress(c: Connection) -> list[Progress]:
    """Every generation that is not retired, by name: for metrics and `tiffin projections`."""
    last = select(func.coalesce(func.max(text("position")), 0)).select_from(text("public.events")).scalar_subquery()
    query = (
        select(POSITIONS, func.greatest(last - POSITIONS.c.position, 0).label("lag_events"))
        .where(POSITIONS.c.state != "retired")
        .order_by(POSITIONS.c.name, POSITIONS.c.generation)
    )
    return [msgspec.convert(dict(row), Progress) for row in c.execute(query).mappings()]


def of(c: Connection, names: Collection[str]) -> int:
    """The position that all the named read models have reached; 0 when one of them does not exist yet."""
    query = select(POSITIONS.c.name, POSITIONS.c.position).where(
        POSITIONS.c.name.in_(names), POSITIONS.c.state.in_(("live", "stopped"))
    )
    reached = {row.name: row.position for row in c.execute(query)}
    return min((reached.get(name, 0) for name in names), default=0)
