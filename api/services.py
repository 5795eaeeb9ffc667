"""What one API process holds: wired once in the lifespan, in reach of every request as `request.services`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from functools import partial

import msgspec
from sqlalchemy import Connection

from api.draining import Drain
from api.shared import Shared
from application import ears
from application.accounts import Accounts
from application.bootstrap import Tiffin
from application.clocks import Clock
from application.context import Context
from application.execute import execute, execute_async
from application.live import LiveHub
from application.passwords import Passwords
from application.pings import PingWriter
from application.sessions import Sessions
from application.settings import Settings
from application.store import Receipt
from application.track_writer import TrackWriter
from projections.waiting import PositionWaiter

type Wiring = Callable[[Settings], AbstractContextManager[Tiffin]]


class Services:
    """One process's wiring. Everything here is shared by all its requests."""

    def __init__(
        self,
        *,
        tiffin: Tiffin,
        sessions: Sessions,
        accounts: Accounts,
        waiter: PositionWaiter,
        hub: LiveHub,
        pings: PingWriter,
    ) -> None:
        """Everything is open already."""
        self.tiffin = tiffin
        self.settings = tiffin.settings
        self.clock: Clock = tiffin.clock
        self.sessions = sessions
        self.accounts = accounts
        self.waiter = waiter
        self.hub = hub
        self.pings = pings
        self.drain = Drain()
        self.drain.tell(hub.end)
        self.shared = Shared()

    async def in_thread[**P, T](self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what blocks on the process's bounded threads."""
        return await asyncio.get_running_loop().run_in_executor(None, partial(function, *args, **kwargs))

    def execute(self, context: Context, command: msgspec.Struct) -> Receipt:
        """Run a command; blocks, so only from a thread."""
        return execute(self.tiffin, context, command)

    async def execute_async(self, context: Context, command: msgspec.Struct) -> Receipt:
        """Run a command that runs on the event loop."""
        return await execute_async(self.tiffin, context, command)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries; blocks, so only from a thread."""
        with self.tiffin.reads.connect() as connection:
            yield connection

    def currency(self, region: str) -> str:
        """What prices of a region are in."""
        return self.tiffin.regions[region].currency

    async def caught_up(self, names: Collection[str], position: int) -> int:
        """Where the read models are, after waiting for a position at most as long as settings say."""
        if position <= (reached := self.waiter.position(names)):
            return reached
        return await self.waiter.wait(names, position, self.settings.api.read_your_writes_seconds)


@asynccontextmanager
async def open_services(settings: Settings, executor: ThreadPoolExecutor, wiring: Wiring) -> AsyncIterator[Services]:
    """Wire a process and take it down again. `executor` becomes the loop's own, so that nothing runs unbounded."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(executor)
    opening = wiring(settings)
    tiffin = await loop.run_in_executor(None, opening.__enter__)
    try:
        async with (
            # Closed last: it is told what the ping writer wrote in the end.
            _writing_tracks(tiffin) as tracks,
            PositionWaiter(settings.database.url) as waiter,
            LiveHub(settings.valkey.url, settings.world.prefix) as hub,
            PingWriter(
                settings.valkey.url,
                prefix=settings.world.prefix,
                regions=tiffin.regions,
                clock=tiffin.clock,
                keep=tracks.take,
            ) as pings,
            tiffin.link,
            _listening(tiffin),
        ):
            passwords = Passwords()
            sessions = Sessions.of(tiffin)
            accounts = Accounts(
                tiffin.engine,
                tiffin.valkey,
                tiffin.clock,
                passwords,
                sessions,
                partial(execute, tiffin),
                frozenset(tiffin.regions),
            )
            try:
                yield Services(tiffin=tiffin, sessions=sessions, accounts=accounts, waiter=waiter, hub=hub, pings=pings)
            finally:
                passwords.close()
    finally:
        # A thread whose caller is gone may still hold a connection: a pool that was closed meanwhile would lose it.
        await loop.shutdown_default_executor()
        opening.__exit__(None, None, None)


@asynccontextmanager
async def _listening(tiffin: Tiffin) -> AsyncIterator[None]:
    telling = asyncio.create_task(ears.listen(tiffin.link, tiffin.settings.world.prefix))
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


@asynccontextmanager
async def _writing_tracks(tiffin: Tiffin) -> AsyncIterator[TrackWriter]:
    writer = TrackWriter(tiffin.settings.database, tiffin.settings.positions, tiffin.clock)
    writer.start()
    try:
        yield writer
    finally:
        await asyncio.get_running_loop().run_in_executor(None, writer.close)
