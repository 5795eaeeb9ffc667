"""Events that a projection skipped because they failed: only one that says `skips_failures` does that.

Its rows lack what these events say until they are retried (`projections.second_chance`), or until it is rebuilt, which
reads them again and clears its list.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from projections.failures import told
from projections.log import Logged


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One skipped event, and why."""

    name: str
    position: int
    topic: str
    stream_id: UUID
    error: str
    skipped_at: datetime


def record(c: Connection, name: str, event: Logged, error: str) -> None:
    """Note a skipped event; once, however often it comes."""
    c.exec_driver_sql(_RECORD, (name, event.position, event.topic, event.stream_id, error[:2_000]))


def reason(event: Logged, failure: Exception) -> str:
    """Say which event failed, and how."""
    return f"event {event.position} ({event.topic}): {told(failure)}"


def listed(c: Connection, name: str | None = None, *, limit: int = 100) -> list[DeadLetter]:
    """The newest ones, of one projection or of all."""
    rows = c.exec_driver_sql(_LISTED, (name, name, limit)).mappings()
    return [msgspec.convert(dict(row), DeadLetter) for row in rows]


def counts(c: Connection) -> dict[str, int]:
    """How many each projection has; those without are left out."""
    return {row[0]: row[1] for row in c.exec_driver_sql(_COUNTS)}


def positions(c: Connection, name: str) -> list[int]:
    """Where a projection's events are, oldest first."""
    query = "SELECT position FROM public.projection_dead_letters WHERE name = %s ORDER BY position"
    return list(c.exec_driver_sql(query, (name,)).scalars())


def of_its_stream(c: Connection, name: str, position: int) -> tuple[UUID, set[int]] | None:
    """The stream of a skipped event, and where the projection's skipped events of that stream are; locks that one."""
    found = c.exec_driver_sql(_LOCKED, (name, position)).scalar()
    if found is None:
        return None
    skipped = c.exec_driver_sql(_OF_STREAM, (name, found)).scalars()
    return found, set(skipped)


def change(c: Connection, name: str, position: int, error: str) -> None:
    """Note why an event failed this time."""
    query = "UPDATE public.projection_dead_letters SET error = %s WHERE name = %s AND position = %s"
    c.exec_driver_sql(query, (error[:2_000], name, position))


def remove(c: Connection, name: str, position: int) -> None:
    """Forget one: it was folded after all."""
    query = "DELETE FROM public.projection_dead_letters WHERE name = %s AND position = %s"
    c.exec_driver_sql(query, (name, position))


def clear(c: Connection, name: str) -> None:
    """Forget a projection's: it was rebuilt, and read them."""
    c.exec_driver_sql("DELETE FROM public.projection_dead_letters WHERE name = %s", (name,))


_RECORD = """
INSERT INTO public.projection_dead_letters (name, position, topic, stream_id, error) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING"""
_LISTED = """
SELECT name, position, topic, stream_id, error, skipped_at FROM public.projection_dead_letters
WHERE %s::text IS NULL OR name = %s ORDER BY skipped_at DESC, position DESC LIMIT %s"""
_LOCKED = "SELECT stream_id FROM public.projection_dead_letters WHERE name = %s AND position = %s FOR UPDATE"
_OF_STREAM = "SELECT position FROM public.projection_dead_letters WHERE name = %s AND stream_id = %s"
_COUNTS = "SELECT name, count(*) FROM public.projection_dead_letters GROUP BY name"
