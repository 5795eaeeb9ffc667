"""How far each projection has come."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import BigInteger, Column, Connection, DateTime, Integer, MetaData, Table, Text, func, select, text

from projections.connections import driver
from projections.results import shown

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
type State = Literal["live", "building", "stopped", "paused", "retired"]
READABLE: tuple[State, ...] = ("live", "stopped", "paused")
"""States of the generation that queries read."""


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
    return int(c.execute(text("SELECT coalesce(max(position), 0) FROM public.events")).scalar_one())


def progress(c: Connection) -> list[Progress]:
    """Every generation that is not retired, by name: for metrics and `tiffin projections`."""
    last = select(func.coalesce(func.max(text("position")), 0)).select_from(text("public.events")).scalar_subquery()
    query = (
        select(POSITIONS, func.greatest(last - POSITIONS.c.position, 0).label("lag_events"))
        .where(POSITIONS.c.state != "retired")
        .order_by(POSITIONS.c.name, POSITIONS.c.generation)
    )
    return [shown(Progress, row) for row in c.execute(query).mappings()]


def of(c: Connection, names: Collection[str]) -> int:
    """The position that all the named read models have reached; 0 when one of them does not exist yet."""
    reached = everywhere(c)
    return min((reached.get(name, 0) for name in names), default=0)


def everywhere(c: Connection) -> dict[str, int]:
    """The position of every projection that can be read, by name."""
    query = select(POSITIONS.c.name, POSITIONS.c.position).where(POSITIONS.c.state.in_(READABLE))
    return {row.name: row.position for row in c.execute(query)}


class Held(msgspec.Struct, frozen=True):
    """A generation whose position row this transaction has locked."""

    name: str
    generation: int
    position: int


def hold(c: Connection, names: Sequence[str], states: Sequence[State] = ("live",)) -> list[Held]:
    """Lock the positions of the named projections in these states, in a fixed order, until the transaction ends."""
    return [Held(*row) for row in driver(c).execute(_HOLD, (list(names), list(states))).fetchall()]


def move(c: Connection, held: Sequence[Held], position: int) -> None:
    """Set locked positions."""
    driver(c).execute(_MOVE, (position, [row.name for row in held], [row.generation for row in held]))


def move_and_tell(c: Connection, held: Sequence[Held], position: int) -> None:
    """Set locked positions and, once committed, tell who waits for them."""
    names, generations = [row.name for row in held], [row.generation for row in held]
    driver(c).execute(_MOVE_AND_TELL, (position, names, generations, CHANNEL, f"{' '.join(names)}:{position}"))


def stop(c: Connection, name: str, error: str) -> None:
    """Record why a projection cannot go on."""
    c.exec_driver_sql(_STOP, (error[:2_000], name))


def resume(c: Connection, name: str | None = None, *, stopped_for_seconds: float = 0.0) -> list[str]:
    """Let stopped projections, or the named one, try again; names those that will."""
    return list(c.exec_driver_sql(_RESUME, (stopped_for_seconds, name, name)).scalars())


def pause(c: Connection, name: str) -> bool:
    """Let a projection stand still until it is resumed; False when it has nothing to pause."""
    return bool(c.exec_driver_sql(_PAUSE, (name,)).scalars().all())


def unpause(c: Connection, name: str) -> bool:
    """Let a paused projection go on; False when it was not paused."""
    return bool(c.exec_driver_sql(_UNPAUSE, (name,)).scalars().all())


def live(c: Connection) -> Mapping[str, int]:
    """The position of every live generation of a PostgreSQL projection, by name."""
    return {row.name: row.position for row in c.exec_driver_sql(_LIVE)}


def copy(c: Connection, name: str, position: int, error: str | None = None) -> None:
    """Note where a follower is (generation 0), and why it stopped if it did."""
    c.exec_driver_sql(_COPY, (name, position, "live" if error is None else "stopped", error and error[:2_000]))


_HOLD = """
SELECT name, generation, position FROM public.projection_positions
WHERE name = ANY(%s) AND state = ANY(%s) ORDER BY name FOR UPDATE
"""
_MOVE = """
UPDATE public.projection_positions SET position = %s, error = NULL, updated_at = clock_timestamp()
WHERE (name, generation) IN (SELECT * FROM unnest(%s::text[], %s::integer[]))
"""
_MOVE_AND_TELL = """
WITH moved AS (
    UPDATE public.projection_positions SET position = %s, error = NULL, updated_at = clock_timestamp()
    WHERE (name, generation) IN (SELECT * FROM unnest(%s::text[], %s::integer[])) RETURNING 1
)
SELECT pg_notify(%s, %s) FROM (SELECT count(*) FROM moved) AS once
"""
_LIVE = "SELECT name, position FROM public.projection_positions WHERE state = 'live' AND generation > 0"
_STOP = """
UPDATE public.projection_positions SET state = 'stopped', error = %s, updated_at = clock_timestamp()
WHERE name = %s AND state = 'live'
"""
_RESUME = """
UPDATE public.projection_positions SET state = 'live', updated_at = clock_timestamp()
WHERE state = 'stopped' AND generation > 0 AND updated_at <= clock_timestamp() - make_interval(secs => %s)
AND (%s::text IS NULL OR name = %s) RETURNING name
"""
_PAUSE = """
UPDATE public.projection_positions SET state = 'paused', updated_at = clock_timestamp()
WHERE name = %s AND state IN ('live', 'stopped') AND generation > 0 RETURNING name
"""
_UNPAUSE = """
UPDATE public.projection_positions SET state = 'live', updated_at = clock_timestamp()
WHERE name = %s AND state = 'paused' RETURNING name
"""
_COPY = """
INSERT INTO public.projection_positions (name, generation, position, state, error) VALUES (%s, 0, %s, %s, %s)
ON CONFLICT (name, generation) DO UPDATE SET position = excluded.position, state = excluded.state,
error = excluded.error, updated_at = clock_timestamp()
"""
