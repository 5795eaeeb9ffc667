"""Circuit breakers for threads: fluxgate decides, a lock keeps its books, the call itself runs outside the lock.

fluxgate's breaker is not thread-safe and knows one process only. That is enough: each process finds out for itself
within `min_calls` calls. Its asyncio twin would be safe, at the price of two thread changes for every payment.
So a call made while the breaker is closed runs freely and only its outcome is told under the lock; while the
breaker is open or half open, the lock admits one probe at a time and turns everybody else away at once.
"""

import threading
import time
from collections.abc import Callable

import msgspec
from fluxgate import CallNotPermittedError, CircuitBreaker
from fluxgate.permits import All
from fluxgate.retries import Cooldown
from fluxgate.trackers import Custom
from fluxgate.trippers import Closed, FailureRate, HalfOpened, MinRequests
from fluxgate.windows import CountWindow

WINDOW_CALLS = 20


class BreakerOpen(Exception):  # noqa: N818 - names the state
    """The call was not made: too many failed before it. Try again after `retry_after_seconds`."""

    def __init__(self, name: str, retry_after_seconds: int) -> None:
        """Whole seconds of machine time, as HTTP's Retry-After counts."""
        super().__init__(f"Calls to {name} are suspended; try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class TooSlow(Exception):  # noqa: N818 - names the outcome
    """The call succeeded, after its time."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When a service counts as ill: `failure_rate` of its last calls failed or took longer than `timeout_seconds`.

    At least `min_calls` were made; `reset_seconds` later a probe may tell that it is well again. All in machine time.
    """

    timeout_seconds: float
    failure_rate: float
    reset_seconds: float
    min_calls: int


def opened_by[B](kind: Callable[..., B], limits: Limits, counts: Callable[[Exception], bool]) -> B:
    """A breaker of fluxgate's that opens beyond the limits."""
    return kind(
        window=CountWindow(WINDOW_CALLS),
        tracker=Custom(lambda error: isinstance(error, TooSlow) or counts(error)),
        tripper=(Closed() & MinRequests(limits.min_calls) & FailureRate(limits.failure_rate))
        | (HalfOpened() & FailureRate(limits.failure_rate)),
        retry=Cooldown(limits.reset_seconds),
        permit=All(),
    )


class Breaker:
    """Opens when what it calls is ill.

    The time-out cannot stop a thread: what is called must keep to it by itself; what does not counts as failed.
    """

    def __init__(self, name: str, limits: Limits, *, counts: Callable[[Exception], bool]) -> None:
        """`counts` tells failures of the service from answers that merely say no."""
        self.name = name
        self.limits = limits
        self._lock = threading.Lock()
        self._breaker = opened_by(CircuitBreaker, limits, counts)

    @property
    def closed(self) -> bool:
        """Whether calls pass."""
        return self._breaker.info().state == "closed"

    def call[R](self, function: Callable[[], R]) -> R:
        """Call it and hand on what it returns or raises. Raises BreakerOpen instead of calling."""
        if not self.closed:
            return self._probe(function)
        started = time.monotonic()
        try:
            result = function()
        except Exception as error:
            self._tell(error)
            raise
        self._tell(TooSlow() if time.monotonic() - started > self.limits.timeout_seconds else None)
        return result

    def _tell(self, error: Exception | None) -> None:
        def outcome() -> None:
            if error is not None:
                raise error

        # An outcome that comes in after the breaker opened belongs to the time before; a probe may hold the lock.
        if self.closed:
            with self._lock:
                if self.closed:
                    self._breaker.call_with_fallback(outcome, lambda _: None)

    def _probe[R](self, function: Callable[[], R]) -> R:
        results: list[R] = []

        def timed() -> None:
            started = time.monotonic()
            results.append(function())
            if time.monotonic() - started > self.limits.timeout_seconds:
                raise TooSlow

        if not self._lock.acquire(blocking=False):
            raise BreakerOpen(self.name, 1)
        try:
            self._breaker.call(timed)
        except CallNotPermittedError:
            raise BreakerOpen(self.name, max(1, round(self.limits.reset_seconds))) from None
        except TooSlow:
            pass
        finally:
            self._lock.release()
        return results[0]
