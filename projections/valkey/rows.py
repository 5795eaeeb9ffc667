"""A driver's row of the state hash, as `functions.lua` lays it out."""

from datetime import datetime

import msgspec

from domain.geo import Position
from projections.valkey.functions import moment

PLACE = 45
"""Where the place begins."""


class LastPosition(msgspec.Struct, frozen=True):
    """Where a driver was last, and when (business time)."""

    position: Position
    at: datetime


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A driver on shift."""

    load: int
    capacity: int
    last: LastPosition | None


def parse(row: bytes) -> Row:
    """Read a row of the state hash."""
    last = LastPosition(place(row), moment(row[:13])) if len(row) > PLACE else None
    load, capacity = slots(row)
    return Row(load=load, capacity=capacity, last=last)


def unheard(row: bytes, seen_before: str, heard_before: str) -> bool:
    """Whether a driver was not heard of since, by either clock; what their own clock says does not count."""
    return row[13:26] < seen_before.encode() and row[26:39] < heard_before.encode()


def place(row: bytes) -> Position:
    """Where a driver was last who has had a ping, as those in the geo sets have."""
    lon, _, lat = row[PLACE:].partition(b" ")
    return Position(lat=float(lat), lon=float(lon))


def slots(row: bytes) -> tuple[int, int]:
    """Orders that a driver carries, and may carry."""
    return int(row[41:43]), int(row[43:45])
