"""Read your writes: wait, on the event loop, until a read model has passed a log position."""

import asyncio
from collections.abc import Collection
from types import TracebackType
from typing import Self

import psycopg
import structlog

from projections import positions

CONNECT_SECONDS = 5
RETRY_SECONDS = 0.5
_POSITIONS = "SELECT name, position FROM public.projection_positions WHERE state IN ('live', 'stopped', 'paused')"
_LOG = structlog.get_logger("projections")


class PositionWaiter:
    """Follows every read model's position over one connection per process, which it makes anew when it is lost.

    Use it as `async with PositionWaiter(database_url) as waiter:` inside the loop that waits.
    """

    def __init__(self, database_url: str) -> None:
        """`database_url` is a PostgreSQL URL without a driver's name."""
        self._database_url = database_url
        self._reached: dict[str, int] = {}
        self._waiting: set[tuple[frozenset[str], int, asyncio.Future[None]]] = set()
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to follow; returns at once, also while the database is away."""
        self._following = asyncio.create_task(self._follow(), name="projection positions")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop following."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    def position(self, names: Collection[str]) -> int:
        """Where all the named read models are known to be: what they show from now on is at least that new."""
        return min((self._reached.get(name, 0) for name in names), default=0)

    async def wait(self, names: Collection[str], position: int, timeout_seconds: float = 1.0) -> int:
        """Wait until all of `names` have reached `position`, at most so long; answers where they are then."""
        if self.position(names) < position:
            reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting = (frozenset(names), position, reached)
            self._waiting.add(waiting)
            try:
                await asyncio.wait_for(reached, timeout_seconds)
            except TimeoutError:
                return self.position(names)
            finally:
                self._waiting.discard(waiting)
        return self.position(names)

    async def _follow(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                _LOG.warning("projection positions interrupted", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._database_url,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="tiffin waiter",
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
        )
        async with connection:
            await connection.execute(f"LISTEN {positions.CHANNEL}")
            found = await (await connection.execute(_POSITIONS)).fetchall()
            self._note(dict(found))
            async for notice in connection.notifies():
                names, _, position = notice.payload.rpartition(":")
                self._note(dict.fromkeys(names.split(), int(position)))

    def _note(self, reached: dict[str, int]) -> None:
        self._reached |= reached
        for names, position, future in self._waiting:
            if not future.done() and self.position(names) >= position:
                future.set_result(None)
