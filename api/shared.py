"""Answers that many who watch the same thing share: made once, by whoever comes first, and kept for a moment."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic

import msgspec

MOST_KEPT = 64
ZIP_LEVEL = 1
"""Halves what goes out at a tenth of what the best would cost."""


class Snapshot(msgspec.Struct, frozen=True):
    """An answer, zipped once for all who get it, and the log position that it shows."""

    zipped: bytes
    position: int

    @classmethod
    def of(cls, answer: msgspec.Struct, position: int) -> "Snapshot":
        """Encode it; blocks for some milliseconds where it is large."""
        return cls(gzip.compress(msgspec.json.encode(answer), ZIP_LEVEL, mtime=0), position)


class Shared:
    """One per process, on its event loop."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._made: dict[Hashable, tuple[float, asyncio.Task[Snapshot]]] = {}

    async def get(
        self, key: Hashable, make: Callable[[], Awaitable[Snapshot]], *, keep_seconds: float, fresh: bool = False
    ) -> Snapshot:
        """Answer what was begun no longer than `keep_seconds` ago, or after this call where it is to be `fresh`.

        Who goes away while it is made leaves it to the others. A failure is told to all who wait for it and forgotten.
        """
        now = monotonic()
        began, task = self._made.get(key, (0.0, None))
        if task is None or began < (now if fresh else now - keep_seconds) or _failed(task):
            self._made.pop(key, None)
            while len(self._made) >= MOST_KEPT:
                del self._made[next(iter(self._made))]
            task = asyncio.ensure_future(make())
            self._made[key] = now, task
        return await asyncio.shield(task)


def _failed(task: asyncio.Task[Snapshot]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
