"""Pings on the event loop: many requests' pings in one write, the next as soon as the last is acknowledged.

No timer gathers them: while one write is under way the next batch fills by itself, and when nothing is, nobody waits.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import batched
from math import ceil
from typing import Self

import hiredis

from application.clocks import Clock
from application.metrics import driver_location_dropped_total
from application.positions import PINGS_A_CALL, Ping, PingCounts, count, record_call, tally
from application.valkey_link import ValkeyLink
from domain.region import Region
from projections.valkey import functions
from projections.valkey.keys import RegionKeys

MOST_WAITING = 20_000
"""Pings of one region that may wait in one process; at what one connection takes, about 0.2 s of them."""
PINGS_A_WRITE = 2_000
CALLS_AT_ONCE = 2
"""Calls of one write; the server takes all that it has been sent over one connection before it turns to another."""

type Keep = Callable[[Sequence[Ping], bytes], None]
"""Told which pings were written, and the outcome of each as a letter. Must not block."""


class Busy(Exception):  # noqa: N818 - names the outcome
    """More pings wait than may, or Valkey does not answer; send them again after `retry_after_seconds`."""

    def __init__(self, retry_after_seconds: int = 1) -> None:
        """Whole seconds, as HTTP's Retry-After counts."""
        super().__init__(f"Positions cannot be taken now; try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class PingWriter:
    """One per API process: `async with PingWriter(url, …) as writer` in the application's lifespan."""

    def __init__(
        self,
        valkey_url: str,
        *,
        prefix: str,
        regions: Mapping[str, Region],
        clock: Clock,
        keep: Keep = lambda _pings, _outcomes: None,
    ) -> None:
        """`prefix` is `WorldSettings.prefix`; both clocks are read once a write, `keep` is told of every one."""
        self._link = ValkeyLink(valkey_url)
        self._queues = {region: _Queue(self._link, RegionKeys(prefix, region), clock, keep) for region in regions}

    async def submit(self, region: str, pings: Sequence[Ping]) -> PingCounts:
        """Tell what became of these pings, once Valkey has acknowledged them. Raises Busy; KeyError: no such region."""
        return await self._queues[region].submit(pings)

    async def close(self) -> None:
        """Let what waits be written, then hang up."""
        await asyncio.gather(*(queue.drained() for queue in self._queues.values()))
        await self._link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


type _Waiting = tuple[Sequence[Ping], asyncio.Future[PingCounts]]


class _Queue:
    """A region's pings: one write at a time."""

    def __init__(self, link: ValkeyLink, keys: RegionKeys, clock: Clock, keep: Keep) -> None:
        self._link = link
        self._keys = keys
        self._clock = clock
        self._keep = keep
        self._waiting: list[_Waiting] = []
        self._waiting_pings = 0
        self._writing: asyncio.Task[None] | None = None

    async def submit(self, pings: Sequence[Ping]) -> PingCounts:
        if self._waiting_pings + len(pings) > MOST_WAITING:
            driver_location_dropped_total.labels("busy").inc(len(pings))
            raise Busy
        future: asyncio.Future[PingCounts] = asyncio.get_running_loop().create_future()
        self._waiting.append((pings, future))
        self._waiting_pings += len(pings)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        return await future

    async def drained(self) -> None:
        if self._writing is not None:
            await self._writing

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch = self._take()
                try:
                    written = [ping for pings, _ in batch for ping in pings]
                    outcomes = await self._write(written)
                    tally(count(written, outcomes))
                    self._keep(written, outcomes)
                except Exception as error:  # noqa: BLE001 - handed to those who wait for it
                    _fail(batch, error)
                else:
                    _answer(batch, outcomes)
        finally:
            self._writing = None

    def _take(self) -> list[_Waiting]:
        """At least one submission, and more while they are fewer pings than a write takes."""
        size = taken = 0
        while taken < len(self._waiting) and (taken == 0 or size + len(self._waiting[taken][0]) <= PINGS_A_WRITE):
            size += len(self._waiting[taken][0])
            taken += 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._waiting_pings -= size
        return batch

    async def _write(self, pings: Sequence[Ping]) -> bytes:
        now, machine_now = self._clock.now(), self._clock.machine_now()
        try:
            return await self._call_for(pings, now, machine_now)
        except hiredis.ReplyError as error:
            if not functions.is_missing(error):
                raise
            # A new server. What did get through before the library was there is only stale the second time.
            await self._link.call("FUNCTION", "LOAD", "REPLACE", functions.LIBRARY)
            return await self._call_for(pings, now, machine_now)

    async def _call_for(self, pings: Sequence[Ping], now: datetime, machine_now: datetime) -> bytes:
        """CALLS_AT_ONCE on their way: the server has work while the next is put together, and searches get between."""
        chunks = enumerate(batched(pings, PINGS_A_CALL))
        answers: dict[int, bytes] = {}

        async def lane(turns: int) -> None:
            # One after the other, or both calls would leave in one packet and come back together.
            for _ in range(turns):
                await asyncio.sleep(0)
            for number, chunk in chunks:
                keys, *args = record_call(self._keys, chunk, now, machine_now)
                answers[number] = await self._link.call("FCALL", functions.name("record"), len(keys), *keys, *args)

        # Both are waited for, also where one fails: what is written anew must not meet what is still under way.
        lanes = min(CALLS_AT_ONCE, ceil(len(pings) / PINGS_A_CALL))
        for failed in await asyncio.gather(*map(lane, range(lanes)), return_exceptions=True):
            if failed is not None:
                raise failed
        return b"".join(answers[number] for number in sorted(answers))


def _answer(batch: Sequence[_Waiting], outcomes: bytes) -> None:
    start = 0
    for pings, future in batch:
        if not future.done():
            future.set_result(count(pings, outcomes[start : start + len(pings)]))
        start += len(pings)


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    # LOADING: the server has just started and reads its log.
    known = isinstance(error, OSError) or str(error).startswith("LOADING")
    if known:
        driver_location_dropped_total.labels("busy").inc(sum(len(pings) for pings, _ in batch))
    for _, future in batch:
        if not future.done():
            future.set_exception(Busy() if known else error)
