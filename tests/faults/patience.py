"""Waiting on a machine that may be busy with a dozen other processes: what comes at all comes within a minute."""

from collections.abc import Callable

from tests.waiting import eventually

PATIENCE_SECONDS = 60.0


def patiently[T](look: Callable[[], T], what: str) -> T:
    """The first true answer. For what is no measure of how fast something is."""
    return eventually(look, seconds=PATIENCE_SECONDS, what=what)
