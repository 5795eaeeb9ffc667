"""Who is near and cannot be asked, and why: looked at to explain a search, never to make one."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from itertools import batched
from typing import cast
from uuid import UUID

import msgspec

from application.positions import Positions, silent_before
from domain.geo import Position
from projections.valkey import functions
from projections.valkey.functions import stamp

MOST_LOOKED_AT = 200
"""Of the free and of the others, each."""


class Unfit(StrEnum):
    """Why a driver cannot be asked. In the order in which it is looked at."""

    SILENT = "silent"
    """Not heard of for too long."""
    FULL = "full"
    """Carries as many orders as the driver may."""
    SUSPENDED = "suspended"
    ASKED = "asked"
    """Has been, in this round."""
    HELD = "held"
    """For another order, whose search or offer is under way."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A driver near the restaurant whom no profile can choose."""

    driver_id: UUID
    distance_m: float
    why: Unfit


def left_out(
    positions: Positions,
    region: str,
    position: Position,
    *,
    radius_m: float,
    now: datetime,
    machine_now: datetime,
    asked: Collection[UUID],
    order_id: UUID,
) -> list[LeftOut]:
    """Everybody within `radius_m` whom `Positions.nearest` would leave out, nearest first; writes nothing.

    Looks at the nearest 200 of those who stand as free, and of those who do not. Drivers on shift who never told
    where they are, are near nothing.
    """
    keys = positions.keys[region]
    seen, heard = silent_before(positions.regions[region].dispatch, now, machine_now)
    args = (position.lon, position.lat, MOST_LOOKED_AT, radius_m, stamp(now), seen, heard, str(order_id))
    found: list[LeftOut] = []
    for members in (keys.free, keys.full):
        flat = functions.call(positions.valkey, "left_out", (members, keys.state, keys.claims), *args, *map(str, asked))
        found += [
            LeftOut(driver_id=UUID(driver_id.decode()), distance_m=float(metres), why=Unfit(why.decode()))
            for driver_id, metres, why in batched(cast("list[bytes]", flat), 3)
        ]
    return sorted(found, key=lambda one: one.distance_m)
