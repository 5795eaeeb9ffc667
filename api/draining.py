"""How a process ends: streams are told, running requests finish, nothing waits for ever."""

import asyncio


class Drain:
    """Counts requests under way. `begun` is set when the process is about to end: streams then end themselves."""

    def __init__(self) -> None:
        """Make it on the loop that serves."""
        self.begun = asyncio.Event()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def enter(self) -> None:
        """A request begins."""
        self._under_way += 1
        self._idle.clear()

    def leave(self) -> None:
        """A request is over."""
        self._under_way -= 1
        if self._under_way == 0:
            self._idle.set()

    async def finish(self, seconds: float) -> bool:
        """Tell the streams and wait for every request; False when some were still running after so long."""
        self.begun.set()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
