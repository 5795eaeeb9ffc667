"""A driver's row of the state hash, as `functions.lua` lays it out."""

from datetime import datetime

import msgspec

from domain.geo import Position
from projections.valkey.functions import moment


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
    last = None
    if place := row[45:].split():
        last = LastPosition(Position(lat=float(place[1]), lon=float(place[0])), moment(row[:13]))
    return Row(load=int(row[41:43]), capacity=int(row[43:45]), last=last)
