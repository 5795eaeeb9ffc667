"""The circuit breaker for coroutines: fluxgate's, with a time-out that ends the call, and one probe at a time."""

import asyncio
from collections.abc import Awaitable, Callable

from fluxgate import AsyncCircuitBreaker, CallNotPermittedError
from fluxgate.permits import All
from fluxgate.retries import Cooldown
from fluxgate.trackers import Custom
from fluxgate.trippers import Closed, FailureRate, HalfOpened, MinRequests
from fluxgate.windows import CountWindow

from application.breakers import WINDOW_CALLS, BreakerOpen, TooSlow


class LoopBreaker:
    """Opens when `failure_rate` of the last calls failed or took longer than `timeout_seconds` (machine time)."""

    def __init__(
        self,
        name: str,
        *,
        timeout_seconds: float,
        failure_rate: float,
        reset_seconds: float,
        min_calls: int,
        counts: Callable[[Exception], bool],
    ) -> None:
        """`counts` tells failures of the service from answers that merely say no."""
        self.name = name
        self._timeout_seconds = timeout_seconds
        self._reset_seconds = reset_seconds
        self._probing = False
        self._breaker = AsyncCircuitBreaker(
            window=CountWindow(WINDOW_CALLS),
            tracker=Custom(lambda error: isinstance(error, TooSlow) or counts(error)),
            tripper=(Closed() & MinRequests(min_calls) & FailureRate(failure_rate))
            | (HalfOpened() & FailureRate(failure_rate)),
            retry=Cooldown(reset_seconds),
            permit=All(),
        )

    @property
    def closed(self) -> bool:
        """Whether calls pass."""
        return self._breaker.info().state == "closed"

    async def call[R](self, function: Callable[[], Awaitable[R]]) -> R:
        """Await it and hand on what it returns or raises. Raises TooSlow, and BreakerOpen instead of calling."""
        if self.closed:
            return await self._call(function)
        if self._probing:
            # fluxgate would let it wait for the probe; nobody should wait for a service that is known to be ill.
            raise BreakerOpen(self.name, 1)
        self._probing = True
        try:
            return await self._call(function)
        finally:
            self._probing = False

    async def _call[R](self, function: Callable[[], Awaitable[R]]) -> R:
        async def timed() -> R:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await function()
            except TimeoutError:
                raise TooSlow(f"{self.name} did not answer within {self._timeout_seconds:g} s") from None

        try:
            return await self._breaker.call(timed)
        except CallNotPermittedError:
            raise BreakerOpen(self.name, max(1, round(self._reset_seconds))) from None
