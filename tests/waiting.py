"""Wait for a condition, with a bound. The only place in the tests that lets time pass."""

import threading
import time
from collections.abc import Callable

POLL_SECONDS = 0.02
BOUND_SECONDS = 60.0
"""Only a failing test waits that long: what takes a second alone takes many beside a busy neighbour."""


def eventually[T](look: Callable[[], T], *, seconds: float = BOUND_SECONDS, what: str = "") -> T:
    """Return the first true answer of `look`; fail with `what` when there was none in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (answer := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or look}")
        pause.wait(POLL_SECONDS)
    return answer
