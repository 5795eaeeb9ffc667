"""A town on real engines: a projector in a thread, a follower and workers as the processes they are in production."""

import asyncio
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec.structs import replace

from application import commands, ears
from application.bootstrap import Tiffin, open_tiffin
from application.context import Context
from application.execute import execute, execute_async
from application.ids import new_id
from application.kinds import DRIVER, ORDER
from application.positions import Ping
from application.privacy.keys import log_reader
from application.settings import Settings
from application.store import Receipt
from domain.driver import Driver
from domain.event import Event, Meta, Role
from domain.geo import Position
from domain.order import Dropoff, Order, OrderLine
from domain.region import PORTO, Dispatch, Region
from projections import runner
from projections.dispatchable import Dispatchable
from projections.registry import PROJECTIONS
from tests.application.reactions import log_lock
from tests.processes import running
from tests.waiting import eventually

AT = Position(lat=41.1496, lon=-8.6110)
DROPOFF = Dropoff(position=Position(lat=41.1579, lon=-8.6291), address="Rua de Cedofeita 20, Porto")
SOUP = UUID(int=0xA1)
METRES_NORTH = 1 / 111_195

HASTY = Dispatch(
    first_offer_seconds=1.5,
    next_offer_seconds=1.0,
    retry_seconds=0.5,
    settle_seconds=0.1,
    restaurant_answer_seconds=60.0,
    silent_seconds=1.5,
    silent_machine_seconds=1.0,
)
"""Everything that people have half a minute for takes about a second."""
PATIENT = replace(HASTY, first_offer_seconds=60.0, next_offer_seconds=60.0, silent_seconds=600.0)


class Town:
    """Issues commands as somebody and looks at what became of them."""

    def __init__(self, tiffin: Tiffin, folder: Path) -> None:
        self.tiffin = tiffin
        self.folder = folder
        self.customer_id = new_id()
        self.drivers: dict[UUID, Position] = {}
        # In place of an API process.
        tiffin.valkey.set(ears.key(tiffin.settings.world.prefix), 1)
        self.restaurant_id = self.restaurant(AT)

    def restaurant(self, position: Position) -> UUID:
        """Open, and known to whoever orders."""
        restaurant_id = new_id()
        details = commands.RegisterRestaurant(
            restaurant_id=restaurant_id,
            name="Tasca do Bolhão",
            region="porto",
            position=position,
            address="Rua Formosa 1, Porto",
            phone="+351 220 000 000",
            cuisines=("portuguese",),
            prep_seconds=900,
            delivery_radius_m=5_000.0,
        )
        self.run(details)
        dish = commands.MenuEntry(item_id=SOUP, name="Caldo verde", price_minor=450)
        self.run(commands.AddMenuItem(restaurant_id=restaurant_id, item=dish))
        opened = self.run(commands.OpenRestaurant(restaurant_id=restaurant_id))
        self.seen("restaurants", opened.position)
        return restaurant_id

    def run(self, command: msgspec.Struct, role: Role = Role.SYSTEM, actor_id: UUID | None = None) -> Receipt:
        meta = Meta(actor_type=role, actor_id=actor_id, correlation_id="test")
        return execute(self.tiffin, Context(meta=meta, now=self.tiffin.clock.now()), command)

    def place(self, *, restaurant_id: UUID | None = None, dropoff: Dropoff = DROPOFF) -> UUID:
        command = commands.PlaceOrder(
            customer_id=self.customer_id,
            customer_name="Carla",
            restaurant_id=restaurant_id or self.restaurant_id,
            lines=(OrderLine(item_id=SOUP, quantity=1),),
            dropoff=dropoff,
        )
        meta = Meta(actor_type=Role.CUSTOMER, actor_id=self.customer_id, correlation_id="test")
        context = Context(meta=meta, now=self.tiffin.clock.now())

        async def placing() -> Receipt:
            async with self.tiffin.link:
                return await execute_async(self.tiffin, context, command)

        return asyncio.run(placing()).answer.id

    def confirm(self) -> UUID:
        order_id = self.place()
        self.run(commands.ConfirmOrder(order_id=order_id), Role.RESTAURANT, self.restaurant_id)
        return order_id

    def driver(self, *, metres_away: float, slow_minutes: float = 0.0) -> UUID:
        """On shift, and seen by searches; the driver's clock may be slow."""
        driver_id = new_id()
        joined = commands.RegisterDriver(
            driver_id=driver_id, name="Ana", phone="+351 910 000 000", region="porto", vehicle="bicycle"
        )
        self.run(joined)
        self.run(commands.StartShift(driver_id=driver_id), Role.DRIVER, driver_id)
        self.drivers[driver_id] = replace(AT, lat=AT.lat + metres_away * METRES_NORTH)
        eventually(lambda: self.ping(driver_id, slow_minutes=slow_minutes), what="the driver is known in Valkey")
        return driver_id

    def ping(self, *driver_ids: UUID, slow_minutes: float = 0.0) -> int:
        now, machine_now = self.tiffin.clock.now(), self.tiffin.clock.machine_now()
        at = now - timedelta(minutes=slow_minutes)
        pings = [Ping(driver_id, self.drivers[driver_id], at) for driver_id in driver_ids]
        return self.tiffin.positions.record("porto", pings, now=now, machine_now=machine_now).accepted

    def offered(self, order_id: UUID, *, unlike: UUID | None = None) -> tuple[UUID, UUID]:
        """Wait for an offer, to another driver than `unlike`; answers offer and driver."""

        def look() -> tuple[UUID, UUID] | None:
            offer = self.order(order_id).offer
            return None if offer is None or offer.driver_id == unlike else (offer.offer_id, offer.driver_id)

        found = eventually(look, what=f"offered to another than {unlike}: {self.topics(order_id)}")
        assert found is not None
        return found

    def accept(self, order_id: UUID, offer_id: UUID, driver_id: UUID) -> None:
        command = commands.AcceptOffer(order_id=order_id, offer_id=offer_id, driver_id=driver_id)
        self.run(command, Role.DRIVER, driver_id)

    def reached(self, order_id: UUID, topic: str, *, times: int = 1) -> None:
        eventually(
            lambda: self.topics(order_id).count(topic) >= times,
            what=f"{topic} after {self.topics(order_id)}",
        )

    def order(self, order_id: UUID) -> Order:
        return self.tiffin.store.load(ORDER, order_id)

    def driver_state(self, driver_id: UUID) -> Driver:
        return self.tiffin.store.load(DRIVER, driver_id)

    def events(self, stream_id: UUID) -> list[Event]:
        return [recorded.event for recorded in self.tiffin.store.stream(stream_id)]

    def topics(self, stream_id: UUID) -> list[str]:
        return [event.TOPIC.partition(".")[2] for event in self.events(stream_id)]

    def rows(self, stream_id: UUID, actor_name: str) -> list[tuple[str, str | None, datetime | None, int]]:
        """State, outcome, lease and attempts of a stream's reactions, in order."""
        statement = """
            SELECT state, outcome, lease_until, attempts FROM reactions
            WHERE stream_id = %(stream_id)s AND actor_name = %(actor_name)s ORDER BY position
        """
        found = self.tiffin.side.run(statement, {"stream_id": stream_id, "actor_name": actor_name})
        return [(state, outcome, lease_until, attempts) for state, outcome, lease_until, attempts in found]

    def seen(self, projection: str, position: int) -> None:
        statement = "SELECT position FROM projection_positions WHERE name = %(name)s AND state = 'live'"
        values = {"name": projection}
        eventually(
            lambda: any(row[0] >= position for row in self.tiffin.side.run(statement, values)),
            what=f"{projection} at {position}",
        )

    def process(self, name: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
        return running(name, self.tiffin.settings, self.folder)

    @contextmanager
    def processes(self, *names: str) -> Iterator[list[subprocess.Popen[bytes]]]:
        with ExitStack() as running:
            yield [running.enter_context(self.process(name)) for name in names]


@contextmanager
def town(settings: Settings, dispatch: Dispatch, folder: Path) -> Iterator[Town]:
    regions: Sequence[Region] = (replace(PORTO, dispatch=dispatch),)
    with open_tiffin(replace(settings, regions=tuple(regions))) as tiffin, _projector(tiffin):
        yield Town(tiffin, folder)


def log_locked(place: Town) -> AbstractContextManager[Callable[[], bool]]:
    """Keep everybody from appending; answers whether somebody waits to."""
    return log_lock.log_locked(place.tiffin.settings.database.url)


@contextmanager
def _projector(tiffin: Tiffin) -> Iterator[None]:
    stopping = threading.Event()
    follower = Dispatchable(tiffin.valkey, prefix=tiffin.settings.world.prefix, regions=tiffin.regions)
    thread = threading.Thread(
        target=runner.run,
        args=(tiffin.settings.database.url, log_reader(tiffin.settings, tiffin.keys), PROJECTIONS, (follower,)),
        kwargs={"stopping": stopping},
        name="projector",
    )
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(10.0)
        assert not thread.is_alive()
