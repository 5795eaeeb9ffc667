"""How a process ends: streams are told, running requests finish, nothing waits for ever."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from application.ending import DRAIN, GOODBYE_SECONDS


class Drain:
    """Counts requests under way. `begun` is set when the process is about to end: streams then end themselves."""

    def __init__(self) -> None:
        """Make it on the loop that serves."""
        self.begun = asyncio.Event()
        self._told: list[Callable[[], None]] = []
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def tell(self, listener: Callable[[], None]) -> None:
        """Call it when the process is about to end, if not yet once; on the loop."""
        self._told.append(listener)

    def begin(self) -> None:
        """The process is about to end."""
        if not self.begun.is_set():
            self.begun.set()
            for listener in self._told:
                listener()

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
        self.begin()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Begin as soon as a signal asks the process to end.

        The server drops sockets once it hears SIGTERM, and ends the lifespan only when connections are closed: streams
        would never hear of it. So `tiffin api` sends DRAIN first, for which the server has no ears: streams say goodbye
        while it still serves, and then SIGTERM is given on. Whoever sends SIGTERM at once gets what is possible: the
        loop is woken for the server's own handler through a file descriptor, so ours goes beside it.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        parting: set[asyncio.Task[None]] = set()

        def begin(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self.begin)
            if callable(known := before[signal.Signals(number)]):
                known(number, frame)

        for number in before:
            signal.signal(number, begin)
        loop.add_signal_handler(DRAIN, lambda: parting.add(loop.create_task(self._part())))
        try:
            yield
        finally:
            loop.remove_signal_handler(DRAIN)
            for number, known in before.items():
                signal.signal(number, known)

    async def _part(self) -> None:
        await self.finish(GOODBYE_SECONDS)
        signal.raise_signal(signal.SIGTERM)
