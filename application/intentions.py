"""What a region's planner intends, as everybody else sees it: a key in Valkey that lives as long as the planner does.

While it is there, searches are left to the plan; when the planner dies or is late it runs out, and they go on alone.
"""

from datetime import datetime
from typing import cast
from uuid import UUID

import msgspec

from application.bootstrap import Tiffin
from projections.valkey.keys import RegionKeys


class Intention(msgspec.Struct, frozen=True, kw_only=True):
    """Who shall have an order. Business time; nothing of it was promised to anybody."""

    driver_id: UUID
    pickup_at: datetime
    offer_at: datetime
    """Not before; until then a better plan may replace this one."""


class Intentions(msgspec.Struct, frozen=True, kw_only=True):
    """A region's plan."""

    at: datetime
    """When it was made."""
    waiting: int
    """Orders that wait for their pick-up."""
    drivers: int
    """Drivers looked at, those included who are busy and will be free."""
    orders: dict[UUID, Intention] = {}


def publish(tiffin: Tiffin, region: str, intentions: Intentions, *, seconds: float) -> None:
    """Say what is intended; it holds for so many seconds of machine time, unless published again."""
    tiffin.valkey.set(_key(tiffin, region), msgspec.json.encode(intentions), px=round(seconds * 1000))


def withdraw(tiffin: Tiffin, region: str) -> None:
    """Leave searches to themselves."""
    tiffin.valkey.delete(_key(tiffin, region))


def planned(tiffin: Tiffin, region: str) -> bool:
    """Whether a planner is at work on a region; asks nobody where the region has none."""
    known = tiffin.regions.get(region)
    if known is None or known.dispatch.planning is None:
        return False
    return bool(tiffin.valkey.exists(_key(tiffin, region)))


def read(tiffin: Tiffin, region: str) -> Intentions | None:
    """What is intended now; None where nothing is planned."""
    found = cast("bytes | None", tiffin.valkey.get(_key(tiffin, region)))
    return None if found is None else msgspec.json.decode(found, type=Intentions)


def _key(tiffin: Tiffin, region: str) -> str:
    return RegionKeys(tiffin.settings.world.prefix, region).plan
