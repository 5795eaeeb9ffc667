"""The people of `benchmarks.matching`, ready before anything is measured: registered, logged in, drivers on shift.

Their commands run as in the API, but in the benchmark's own process and without hashing passwords: 5,000 drivers would
hash for minutes, and nobody measures that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import override
from uuid import UUID

import msgspec

from application.accounts import Accounts, NewAccount
from application.bootstrap import Tiffin, open_tiffin
from application.commands import AddMenuItems, OpenRestaurant, RegisterDriver, RegisterRestaurant, StartShift
from application.commands.restaurants import MenuEntry
from application.context import Context
from application.execute import execute
from application.ids import new_id
from application.passwords import Passwords
from application.sessions import Sessions
from application.settings import PoolSettings, Settings
from domain.event import Meta, Role
from domain.geo import Position
from domain.region import Region
from simulation.geometry import Degrees, LocalPlane, Point

THREADS = 16
METRO_M = 6_000.0
"""One standard deviation of where everybody is: as dense as the metro of `benchmarks.nearest`."""
DELIVERY_RADIUS_M = 100_000.0
PREP_SECONDS = 600
SEED = 167


class Someone(msgspec.Struct, frozen=True, kw_only=True):
    """Logged in. `item_id` is what a restaurant sells."""

    id: UUID
    token: str
    position: Position
    item_id: UUID | None = None


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody."""

    customers: list[Someone]
    restaurants: list[Someone]
    drivers: list[Someone]

    def share(self, number: int, shares: int) -> "People":
        """Those whom one of several load processes speaks for."""
        return People(
            customers=self.customers[number::shares],
            restaurants=self.restaurants[number::shares],
            drivers=self.drivers[number::shares],
        )


class Unhashed(Passwords):
    """Nobody here logs in with a password."""

    @override
    async def hash(self, password: str) -> str:
        return f"nobody's: {new_id()}"


def enrol(settings: Settings, region: Region, *, customers: int, restaurants: int, drivers: int) -> People:
    """Let them all join the world of `settings`, whose time stands still."""
    pool = PoolSettings(max_size=THREADS)
    database = msgspec.structs.replace(settings.database, store_pool=pool, read_pool=pool)
    with (
        open_tiffin(msgspec.structs.replace(settings, database=database)) as tiffin,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        return asyncio.run(_enrol(Registry(tiffin, region), threads, region, customers, restaurants, drivers))


class Registry:
    """Where everybody joins, each by a coroutine of its own."""

    def __init__(self, tiffin: Tiffin, region: Region) -> None:
        """Opens nothing; blocking calls go to the loop's default executor."""
        self._tiffin = tiffin
        self._region = region
        self._passwords = Unhashed()
        self._sessions = Sessions(
            tiffin.engine,
            tiffin.valkey,
            partial(tiffin.link.call, "GET"),
            tiffin.clock,
            lifetime_seconds=tiffin.settings.api.session_seconds,
            channel_prefix=tiffin.settings.world.prefix,
        )
        self._accounts = Accounts(
            tiffin.engine,
            tiffin.valkey,
            tiffin.clock,
            self._passwords,
            self._sessions,
            partial(execute, tiffin),
            frozenset(tiffin.regions),
        )

    async def customer(self, position: Position) -> Someone:
        """Somebody who is hungry."""
        return await self._join(Role.CUSTOMER, position)

    async def restaurant(self, position: Position) -> Someone:
        """An open restaurant with one dish."""
        item = MenuEntry(item_id=new_id(), name="Dal", category="mains", price_minor=990)

        def register(subject_id: UUID) -> RegisterRestaurant:
            return RegisterRestaurant(
                restaurant_id=subject_id,
                name="Casa",
                region=self._region.id,
                position=position,
                address="Praça 1",
                phone="+351900000000",
                cuisines=("indian",),
                prep_seconds=PREP_SECONDS,
                delivery_radius_m=DELIVERY_RADIUS_M,
            )

        joined = await self._join(Role.RESTAURANT, position, register)
        await self._do(joined, Role.RESTAURANT, AddMenuItems(restaurant_id=joined.id, items=(item,)))
        await self._do(joined, Role.RESTAURANT, OpenRestaurant(restaurant_id=joined.id))
        return msgspec.structs.replace(joined, item_id=item.item_id)

    async def driver(self, position: Position) -> Someone:
        """A driver on shift, of the usual capacity, who has not been heard of yet."""

        def register(subject_id: UUID) -> RegisterDriver:
            return RegisterDriver(
                driver_id=subject_id, name="Rui Costa", phone="+351900000001", region=self._region.id, vehicle="scooter"
            )

        joined = await self._join(Role.DRIVER, position, register)
        await self._do(joined, Role.DRIVER, StartShift(driver_id=joined.id))
        return joined

    async def _join(
        self, role: Role, position: Position, register: Callable[[UUID], msgspec.Struct] | None = None
    ) -> Someone:
        key = str(new_id())
        new = NewAccount(
            email=f"{key}@example.com",
            password=key,
            role=role,
            name="Rui Costa",
            phone="+351900000002",
            region=self._region.id if role is Role.DRIVER else None,
            enrol=register,
            key=key,
            payload_hash=b"",
        )
        holder = await self._accounts.register(new, self._context(Meta(correlation_id=key)))
        opened = await asyncio.to_thread(self._sessions.open, holder, user_agent=None, ip=None)
        return Someone(id=holder.subject_id, token=opened.token, position=position)

    async def _do(self, who: Someone, role: Role, command: msgspec.Struct) -> None:
        context = self._context(Meta(actor_type=role, actor_id=who.id, correlation_id=str(new_id())))
        await asyncio.to_thread(execute, self._tiffin, context, command)

    def _context(self, meta: Meta) -> Context:
        return Context(meta=meta, now=self._tiffin.clock.now())


async def _enrol(
    registry: Registry, threads: ThreadPoolExecutor, region: Region, customers: int, restaurants: int, drivers: int
) -> People:
    asyncio.get_running_loop().set_default_executor(threads)
    rng = Random(SEED)  # noqa: S311 - a game, not a secret
    plane = LocalPlane(Degrees(region.center.lat, region.center.lon))
    doors = asyncio.Semaphore(2 * THREADS)

    async def many(join: Callable[[Position], Awaitable[Someone]], count: int) -> list[Someone]:
        async def one(position: Position) -> Someone:
            async with doors:
                return await join(position)

        points = [Point(rng.gauss(0, METRO_M), rng.gauss(0, METRO_M)) for _ in range(count)]
        return await asyncio.gather(*(one(Position(*plane.to_degrees(point))) for point in points))

    return People(
        customers=await many(registry.customer, customers),
        restaurants=await many(registry.restaurant, restaurants),
        drivers=await many(registry.driver, drivers),
    )
