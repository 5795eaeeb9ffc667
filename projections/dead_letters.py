"""Events that a projection skipped because they failed: only one that says `skips_failures` does that.

Its rows lack what these events say until it is rebuilt, which reads them again and clears its list.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Connection

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


def listed(c: Connection, name: str | None = None, *, limit: int = 100) -> list[DeadLetter]:
    """The newest ones, of one projection or of all."""
    rows = c.exec_driver_sql(_LISTED, (name, name, limit)).mappings()
    return [msgspec.convert(dict(row), DeadLetter) for row in rows]


def counts(c: Connection) -> dict[str, int]:
    """How many each projection has; those without are left out."""
    return {row[0]: row[1] for row in c.exec_driver_sql(_COUNTS)}


def clear(c: Connection, name: str) -> None:
    """Forget a projection's: it was rebuilt, and read them."""
    c.exec_driver_sql("DELETE FROM public.projection_dead_letters WHERE name = %s", (name,))


_RECORD = """
INSERT INTO public.projection_dead_letters (name, position, topic, stream_id, error) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING"""
_LISTED = """
SELECT name, position, topic, stream_id, error, skipped_at FROM public.projection_dead_letters
WHERE %s::text IS NULL OR name = %s ORDER BY skipped_at DESC, position DESC LIMIT %s"""
_COUNTS = "SELECT name, count(*) FROM public.projection_dead_letters GROUP BY name"
