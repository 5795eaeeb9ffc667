"""Drivers who came on shift and have not said yet where they are: nobody's search can find them until they do.

Positions are no events, so their first one sets nothing going by itself. Whoever leads the follower looks for it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import redis

from application.positions import Positions

LOOK_SECONDS = 0.25
PATIENCE = timedelta(seconds=60)
"""Machine time after which nobody looks any more; the searches' own pause is shorter."""
MOST_AWAITED = 500
MOST_LOOKED_FOR = 100
"""In one look, one after the other."""
WAKES = 2
"""A search at work when it is woken may have looked a moment too early: so once more with the next look."""


class Awaited(msgspec.Struct, kw_only=True):
    """A driver without a place."""

    region: str
    until: datetime
    wakes: int = 0


class Arrivals:
    """Those on shift without a place, as far as this process has followed them: a hint, lost with it."""

    def __init__(self, positions: Positions) -> None:
        """`positions` know where drivers are."""
        self._positions = positions
        self._awaited: dict[UUID, Awaited] = {}
        self._looked: datetime | None = None

    def expect(self, driver_ids: Iterable[tuple[UUID, str]], machine_now: datetime) -> None:
        """Look out for drivers, each with a region, who have just come on shift."""
        for driver_id, region in driver_ids:
            if len(self._awaited) < MOST_AWAITED:
                self._awaited[driver_id] = Awaited(region=region, until=machine_now + PATIENCE)

    def wait_seconds(self, longest: float) -> float:
        """How long the next look may be off."""
        return min(longest, LOOK_SECONDS) if self._awaited else longest

    def regions(self, machine_now: datetime) -> dict[str, int]:
        """Look: how many drivers of which regions are there now who were not. Nothing between two looks.

        A busy log asks every few milliseconds: that would be all that its reader does, and both wakes one.
        """
        found: dict[str, int] = {}
        if self._looked is not None and machine_now - self._looked < timedelta(seconds=LOOK_SECONDS):
            return found
        if self._awaited:
            self._looked = machine_now
        try:
            for driver_id, awaited in list(self._awaited.items())[:MOST_LOOKED_FOR]:
                if awaited.until <= machine_now:
                    del self._awaited[driver_id]
                elif self._positions.last_position(awaited.region, driver_id) is not None:
                    found[awaited.region] = found.get(awaited.region, 0) + 1
                    awaited.wakes += 1
                    if awaited.wakes == WAKES:
                        del self._awaited[driver_id]
                else:
                    # To the end of the line, so that everybody's turn comes.
                    self._awaited[driver_id] = self._awaited.pop(driver_id)
        except redis.RedisError:
            # Without Valkey nobody is found by searches either.
            return found
        return found
