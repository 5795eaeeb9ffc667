"""Simulated time as the simulation needs it; the world's own clock (handed in) is the truth."""

import asyncio
from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Business time, which may run faster than machine time."""

    def now(self) -> datetime:
        """Simulated now, UTC."""
        ...

    def machine_seconds_until(self, business: datetime) -> float:
        """Real seconds until simulated time reaches `business`; negative when it has passed."""
        ...


class Timeline:
    """A scenario's seconds on a world's clock."""

    def __init__(self, clock: Clock, origin: datetime) -> None:
        """Second 0 is `origin`."""
        self._clock = clock
        self.origin = origin

    def now(self) -> datetime:
        """Simulated now, UTC."""
        return self._clock.now()

    def seconds(self) -> float:
        """Simulated seconds since the origin."""
        return (self._clock.now() - self.origin).total_seconds()

    def at(self, seconds: float) -> datetime:
        """The simulated moment `seconds` after the origin."""
        return self.origin + timedelta(seconds=seconds)

    async def until(self, seconds: float) -> None:
        """Sleep until `seconds` after the origin; return at once when that has passed."""
        if (wait := self._clock.machine_seconds_until(self.at(seconds))) > 0:
            await asyncio.sleep(wait)

    async def pause(self, seconds: float) -> None:
        """Sleep for simulated seconds."""
        await self.until(self.seconds() + seconds)

    async def wait_for(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait for the event, at most simulated `seconds`; say whether it came."""
        timeout = max(0.0, self._clock.machine_seconds_until(self.at(self.seconds() + seconds)))
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            return False
        return True
