"""Support, auditor and operator: they look, and change nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from simulation.client import Person, Refused, Unreachable
from simulation.shapes import Logged, Progress

PAGE = 1_000
LOOK_SECONDS = 0.4
"""Machine time between two looks at the progress."""


class Watch:
    """Looks at the operators' progress page for as long as the run lasts."""

    def __init__(self, operator: Person, show: Callable[[Progress], None]) -> None:
        """`show` is called with each look."""
        self._operator = operator
        self._show = show
        self.max_lag = 0
        self.latest: Progress | None = None

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> Progress | None:
        """Look once; None when the page could not be had."""
        try:
            page = await self._operator.get("/v1/ops/progress")
        except (Refused, Unreachable):
            return None
        self.latest = msgspec.convert(page, Progress)
        self.max_lag = max(self.max_lag, self.latest.lag)
        self._show(self.latest)
        return self.latest

    async def settled(self, machine_seconds: float = 15.0) -> int:
        """Wait for the projections to be level with the log; the lag that is left."""
        deadline = time.monotonic() + machine_seconds
        while True:
            progress = await self.look()
            if progress is not None and (progress.lag == 0 or time.monotonic() > deadline):
                return progress.lag
            if time.monotonic() > deadline:
                return -1
            await asyncio.sleep(0.1)


async def read_log(auditor: Person) -> list[Logged]:
    """Read every event that was stored."""
    log: list[Logged] = []
    while True:
        after = log[-1].position if log else 0
        raw = await auditor.get("/v1/audit/events", after=after, limit=PAGE)
        page = [msgspec.json.decode(line, type=Logged) for line in raw.splitlines() if line] if raw else []
        log += page
        if len(page) < PAGE:
            return log


async def statuses(orders: Mapping[str, Callable[[], Awaitable[Any]]]) -> dict[str, str]:
    """Read orders back; "missing" where the API does not know one."""
    doors = asyncio.Semaphore(16)

    async def one(read: Callable[[], Awaitable[Any]]) -> str:
        async with doors:
            try:
                return str((await read())["status"])
            except (Refused, Unreachable):
                return "missing"

    found = await asyncio.gather(*(one(read) for read in orders.values()))
    return dict(zip(orders, found, strict=True))
