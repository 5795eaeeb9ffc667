"""Where drivers were: the history of accepted pings, in partitions of an hour. Times are business time, UTC.

It is primary, not derived: what is dropped is gone. Positions tell about people: they are kept for as many days as
settings say, and deleted when a driver is forgotten.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, text

from domain.geo import Position
from projections.valkey.functions import EPOCH

MOST_FIXES = 10_000
"""In one answer: a driver's fourteen hours at a ping every five seconds."""
AHEAD = timedelta(hours=3)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
WRITERS_LOCK = 7_402_001
"""Advisory: writers share it, who erases has it alone. So nothing buffered is written after it was erased."""
PARTITIONS_LOCK = 7_402_002
"""Advisory: one at a time makes or drops partitions."""
COPY = "COPY driver_positions (driver_id, at, lat, lon) FROM STDIN (FORMAT binary)"

_ROW = Struct("!hi16siqidid")
_COPY_BEGIN, _COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


class Fix(msgspec.Struct, frozen=True):
    """Where a driver was at a moment."""

    position: Position
    at: datetime


_POSTGRES_EPOCH = (datetime(2000, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND


def track(engine: Engine, driver_id: UUID, since: datetime, until: datetime, limit: int = MOST_FIXES) -> list[Fix]:
    """Where a driver was from `since` to `until`, both included, oldest first, at most `limit`. Blocks."""
    with engine.connect() as connection:
        rows = connection.execute(_TRACK, {"id": driver_id, "since": since, "until": until, "limit": limit})
        return [Fix(Position(row.lat, row.lon), row.at.astimezone(UTC)) for row in rows]


class Samples(NamedTuple):
    """Where one driver was at moments asked for, numbered from 0, in order, as far as it was heard from since the last.

    Seconds are after the first moment; places are in 0.00001 degrees.
    """

    numbers: list[int]
    at_seconds: list[float]
    lats: list[int]
    lons: list[int]


PARTS = 100_000
"""Of a degree, about a metre each: what samples are told in."""


def samples(
    engine: Engine, drivers: Sequence[UUID], since: datetime, *, step_seconds: int, count: int, back: timedelta
) -> dict[UUID, Samples]:
    """Where drivers were at `count` moments from `since` on; the first looks `back`, the others as far as the last.

    One look into an index for each driver and moment, however often drivers were heard from. Blocks.
    """
    latest = since + timedelta(seconds=step_seconds * (count - 1))
    values = {"ids": list(drivers), "since": since, "step": step_seconds, "last": count - 1, "parts": PARTS}
    values |= {"back": back.total_seconds(), "earliest": since - back, "latest": latest}
    with engine.connect() as connection:
        return {row[0]: Samples(*row[1:]) for row in connection.execute(_SAMPLES, values)}


def erase(connection: Connection, driver_id: UUID) -> int:
    """Delete a driver's positions for good, in the caller's transaction.

    The account must have been disabled before: what buffers still hold of its driver is not written any more then.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITERS_LOCK})
    return connection.execute(text("DELETE FROM driver_positions WHERE driver_id = :id"), {"id": driver_id}).rowcount


def keep_partitions(connection: psycopg.Connection[Any], now: datetime, days: int) -> list[str]:
    """Make the next hours' partitions, drop those of which all is older than `days`. Answers what was dropped."""
    make_partitions(connection, now, now + AHEAD)
    first = partition(kept_from(now, days))
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITIONS_LOCK,))
        past = [name for name in _partitions(connection) if name < first]
    for name in past:
        # One by one: a drop locks the whole table, for a moment.
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
    return past


def make_partitions(connection: psycopg.Connection[Any], first: datetime, last: datetime) -> None:
    """Make the partitions of every hour from one moment to another, where they are missing."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (PARTITIONS_LOCK,))
        known = set(_partitions(connection))
        for hour in _hours(first, last):
            if (name := partition(hour)) not in known:
                names = {"name": sql.Identifier(name), "since": hour.isoformat(), "until": (hour + HOUR).isoformat()}
                # Attached, not created in place: that would wait for all who read and write.
                connection.execute(_MAKE.format(name=names["name"]))
                connection.execute(_ATTACH.format(**names))


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def hours(times: Iterable[int]) -> list[datetime]:
    """The beginnings of the hours that these microseconds since 1970 fall into."""
    hour = HOUR // MICROSECOND
    return [EPOCH + number * HOUR for number in {at // hour for at in times}]


def row(driver_id: bytes, at: int, position: Position) -> bytes:
    """A row as `COPY` takes it: the number of its values, and each value after its length. `at` is of `micros`."""
    return _ROW.pack(4, 16, driver_id, 8, at - _POSTGRES_EPOCH, 8, position.lat, 8, position.lon)


def copied(rows: Iterable[bytes]) -> bytes:
    """All that follows `COPY`. PostgreSQL takes it with two thirds of the work that text is."""
    return b"".join((_COPY_BEGIN, *rows, _COPY_END))


def partition(at: datetime) -> str:
    """The name of the partition that a moment falls into; names sort by time."""
    return f"driver_positions_{at.astimezone(UTC):%Y%m%d%H}"


def kept_from(now: datetime, days: int) -> datetime:
    """What is older is not kept."""
    return now - timedelta(days=days)


def _hours(first: datetime, last: datetime) -> Iterator[datetime]:
    hour = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour <= last:
        yield hour
        hour += HOUR


def _partitions(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute("SELECT relid::regclass::text FROM pg_partition_tree('driver_positions') WHERE isleaf")
    return sorted(name for (name,) in rows if name != "driver_positions")


# DISTINCT: a batch whose acknowledgement was lost is written twice.
_TRACK = text("""
    SELECT DISTINCT at, lat, lon FROM driver_positions
    WHERE driver_id = :id AND at BETWEEN :since AND :until ORDER BY at LIMIT :limit
""")
# The first and the latest moment are said plainly as well: so the planner sees which partitions are of use.
_SAMPLES = text("""
    SELECT d.id,
        array_agg(s.number ORDER BY s.number),
        array_agg(round(extract(epoch FROM p.at - CAST(:since AS timestamptz)), 1)::float8 ORDER BY s.number),
        array_agg(round(p.lat * :parts)::integer ORDER BY s.number),
        array_agg(round(p.lon * :parts)::integer ORDER BY s.number)
    FROM unnest(CAST(:ids AS uuid[])) AS d (id)
    CROSS JOIN generate_series(0, CAST(:last AS integer)) AS s (number)
    CROSS JOIN LATERAL (
        SELECT at, lat, lon FROM driver_positions
        WHERE driver_id = d.id AND at > :earliest AND at <= :latest
            AND at <= :since + make_interval(secs => :step * s.number)
            AND at > :since + make_interval(
                secs => CASE WHEN s.number = 0 THEN -CAST(:back AS float8) ELSE :step * (s.number - 1) END
            )
        ORDER BY at DESC LIMIT 1
    ) AS p
    GROUP BY d.id
""")
_MAKE = sql.SQL("CREATE TABLE {name} (LIKE driver_positions INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
_ATTACH = sql.SQL("ALTER TABLE driver_positions ATTACH PARTITION {name} FOR VALUES FROM ({since}) TO ({until})")
