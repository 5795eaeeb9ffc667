"""The circuit breaker for coroutines: fluxgate's, with a time-out that ends the call, and one probe at a time."""

import asyncio
from collections.abc import Awaitable, Callable

from fluxgate import AsyncCircuitBreaker, CallNotPermittedError

from application.breakers import BreakerOpen, Limits, TooSlow, opened_by


class LoopBreaker:
    """Opens when what it calls is ill."""

    def __init__(self, name: str, limits: Limits, *, counts: Callable[[Exception], bool]) -> None:
        """`counts` tells failures of the service from answers that merely say no."""
        self.name = name
        self._limits = limits
        self._probing = False
        self._breaker = opened_by(AsyncCircuitBreaker, limits, counts)

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
                async with asyncio.timeout(self._limits.timeout_seconds):
                    return await function()
            except TimeoutError:
                raise TooSlow(f"{self.name} did not answer within {self._limits.timeout_seconds:g} s") from None

        try:
            return await self._breaker.call(timed)
        except CallNotPermittedError:
            raise BreakerOpen(self.name, max(1, round(self._limits.reset_seconds))) from None
