"""A stage for commands: the store in memory, a clock that stands still, drivers and a gateway that do as told."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import redis

from application import commands
from application.bootstrap import Tiffin, create_read_engine
from application.commands.registry import ON_THE_LOOP
from application.context import Context
from application.execute import execute, execute_async
from application.gateways.payments.port import Hold, PaymentDeclined, PaymentUnavailable
from application.ids import new_id
from application.kinds import DRIVER, ORDER, RESTAURANT
from application.memory_store import MemoryEventStore
from application.positions import Near, Positions
from application.privacy.key_file import KeyFile
from application.privacy.keys import KeyTable
from application.settings import DatabaseSettings, Settings
from application.side import SideStatements
from application.store import Closing, Idempotency, Receipt
from application.valkey_link import ValkeyLink
from domain.driver import Driver
from domain.event import Event, Meta, Role
from domain.geo import Position
from domain.order import Dropoff, Order, OrderLine
from domain.region import PORTO, Region
from projections.restaurant_cache import RestaurantCache
from projections.valkey.facts import DriverFacts
from projections.valkey.rows import LastPosition

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
AT = Position(lat=41.1496, lon=-8.6110)
DROPOFF = Dropoff(position=Position(lat=41.1579, lon=-8.6291), address="Rua de Cedofeita 20, Porto")
SOUP = UUID(int=0xA1)
NOWHERE = DatabaseSettings(url="postgresql://127.0.0.1:1/nowhere")


class FixedClock:
    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def machine_now(self) -> datetime:
        return self.time

    def machine_seconds_until(self, business: datetime) -> float:
        return max(0.0, (business - self.time).total_seconds())

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Menus:
    """The restaurants' cache, always filled."""

    def __init__(self, store: MemoryEventStore) -> None:
        self.store = store

    async def call(self, command: str, key: str) -> bytes:
        assert command == "GET"
        return msgspec.msgpack.encode(self.store.load(RESTAURANT, UUID(key.removeprefix("restaurant:"))))


class Street(Positions):
    """Drivers stand where the test puts them; metres east of the restaurant."""

    def __init__(self, valkey: redis.Redis, regions: Mapping[str, Region]) -> None:
        super().__init__(valkey, prefix="", regions=regions)
        self.drivers: dict[UUID, float] = {}
        self.held: dict[UUID, UUID] = {}
        self.loads: dict[UUID, int] = {}
        self.radii_m: list[float] = []
        self.away = False

    def nearest(
        self,
        region: str,
        position: Position,
        *,
        k: int,
        radius_m: float,
        now: datetime,
        machine_now: datetime,
        exclude: Collection[UUID] = (),
        order_id: UUID | None = None,
    ) -> list[Near]:
        assert (region, position, machine_now) == ("porto", AT, now)
        self.radii_m.append(radius_m)
        there = [key for key in self.drivers if self.drivers[key] <= radius_m and key not in exclude]
        free = [key for key in there if self.held.get(key, order_id) == order_id]
        return [
            Near(
                driver_id=key,
                distance_m=self.drivers[key],
                position=AT,
                load=self.loads.get(key, 0),
                capacity=2,
                board=DriverFacts(),
            )
            for key in sorted(free, key=self.drivers.__getitem__)[:k]
        ]

    def look_up(self, *_: object, **__: object) -> Near | None:
        """Few enough for `nearest` to have them all."""
        return None

    def claim(self, region: str, driver_id: UUID, order_id: UUID, *, until: datetime, now: datetime) -> bool:
        assert region == "porto"
        assert until > now
        return self.held.setdefault(driver_id, order_id) == order_id

    def release_claim(self, region: str, driver_id: UUID, order_id: UUID) -> None:
        assert region == "porto"
        if self.held.get(driver_id) == order_id:
            del self.held[driver_id]

    def last_position(self, region: str, driver_id: UUID) -> LastPosition | None:
        assert region == "porto"
        if self.away:
            raise redis.ConnectionError
        return LastPosition(AT, NOON) if driver_id in self.drivers else None


class Till:
    """A gateway that remembers what it was asked."""

    def __init__(self) -> None:
        self.holds: dict[str, Hold] = {}
        self.calls: list[tuple[str, int]] = []
        self.away = False
        self.declining = False

    async def authorize(self, *, key: str, order_id: UUID, amount_minor: int, currency: str, method: str) -> Hold:
        self._answer("authorize", amount_minor)
        if method == "card_declined":
            raise PaymentDeclined("The card was declined.")
        hold = Hold(payment_id=f"pay-{key}", order_id=order_id, amount_minor=amount_minor, currency=currency)
        return self.holds.setdefault(key, hold)

    def capture(self, payment_id: str, *, amount_minor: int, key: str) -> None:
        assert payment_id, key
        self._answer("capture", amount_minor)

    def void(self, payment_id: str, *, key: str) -> None:
        assert payment_id, key
        self._answer("void", 0)

    def refund(self, payment_id: str, *, amount_minor: int, key: str) -> None:
        assert payment_id, key
        self._answer("refund", amount_minor)

    def loose_holds(self, *, untouched_seconds: float, limit: int) -> Sequence[Hold]:
        assert untouched_seconds
        return list(self.holds.values())[:limit]

    def vouch(self, payment_ids: Collection[str]) -> None:
        self.calls += [("vouch", 0) for _ in payment_ids]

    def lapse(self, payment_ids: Collection[str]) -> None:
        self.calls += [("lapse", 0) for _ in payment_ids]

    def _answer(self, what: str, amount_minor: int) -> None:
        self.calls.append((what, amount_minor))
        if self.away:
            raise PaymentUnavailable("away")
        if self.declining:
            raise PaymentDeclined("no")


class Stage:
    """Runs commands as somebody and tells what came of them."""

    def __init__(self) -> None:
        self.clock, self.store, self.till = FixedClock(), MemoryEventStore(), Till()
        valkey, regions = redis.Redis(port=1), {"porto": PORTO}
        self.street = Street(valkey, regions)
        engine = create_read_engine(NOWHERE)
        self.tiffin = Tiffin(
            settings=Settings(),
            clock=self.clock,
            store=self.store,
            engine=engine,
            reads=engine,
            valkey=valkey,
            link=ValkeyLink("redis://127.0.0.1:1"),
            restaurants=RestaurantCache(Menus(self.store).call, engine),
            positions=self.street,
            payments=self.till,
            side=SideStatements(NOWHERE),
            keys=KeyTable(SideStatements(NOWHERE), KeyFile(Path("nowhere"))),
            regions=regions,
        )
        self.customer_id, self.restaurant_id = new_id(), new_id()
        self.run(
            commands.RegisterRestaurant(
                restaurant_id=self.restaurant_id,
                name="Tasca do Bolhão",
                region="porto",
                position=AT,
                address="Rua Formosa 1, Porto",
                phone="+351 220 000 000",
                cuisines=("portuguese",),
                prep_seconds=900,
                delivery_radius_m=5_000.0,
            )
        )
        dish = commands.MenuEntry(item_id=SOUP, name="Caldo verde", price_minor=450)
        self.run(commands.AddMenuItem(restaurant_id=self.restaurant_id, item=dish))
        self.run(commands.OpenRestaurant(restaurant_id=self.restaurant_id))

    def run(
        self,
        command: msgspec.Struct,
        role: Role = Role.SYSTEM,
        actor_id: UUID | None = None,
        *,
        key: str | None = None,
        closing: Closing | None = None,
    ) -> Receipt:
        idempotency = key and Idempotency(
            actor=str(actor_id), operation=type(command).__name__, key=key, payload_hash=msgspec.json.encode(command)
        )
        ctx = Context(
            meta=Meta(actor_type=role, actor_id=actor_id),
            now=self.clock.now(),
            idempotency=idempotency or None,
            closing=closing,
        )
        if type(command) in ON_THE_LOOP:
            return asyncio.run(execute_async(self.tiffin, ctx, command))
        return execute(self.tiffin, ctx, command)

    def place(self, *, key: str | None = None, quantity: int = 2, method: str = "card_ok") -> Receipt:
        command = commands.PlaceOrder(
            customer_id=self.customer_id,
            customer_name="Carla",
            restaurant_id=self.restaurant_id,
            lines=(OrderLine(item_id=SOUP, quantity=quantity),),
            dropoff=DROPOFF,
            payment_method=method,
        )
        return self.run(command, Role.CUSTOMER, self.customer_id, key=key)

    def confirmed(self) -> UUID:
        order_id = self.place().answer.id
        self.run(commands.ConfirmOrder(order_id=order_id), Role.RESTAURANT, self.restaurant_id)
        return order_id

    def driver(self, *, metres_away: float = 500.0, capacity: int = 2) -> UUID:
        driver_id = new_id()
        command = commands.RegisterDriver(
            driver_id=driver_id,
            name="Ana",
            phone="+351 910 000 000",
            region="porto",
            vehicle="bicycle",
            capacity=capacity,
        )
        self.run(command)
        self.run(commands.StartShift(driver_id=driver_id), Role.DRIVER, driver_id)
        self.street.drivers[driver_id] = metres_away
        return driver_id

    def offered(self) -> tuple[UUID, UUID, UUID]:
        """An order, the driver it is offered to, the offer."""
        driver_id, order_id = self.driver(), self.confirmed()
        self.run(commands.MatchOrder(order_id=order_id))
        return order_id, driver_id, self.offer_of(order_id)

    def assigned(self) -> tuple[UUID, UUID]:
        """An order and its driver."""
        order_id, driver_id, offer_id = self.offered()
        self.accept(order_id, offer_id, driver_id)
        return order_id, driver_id

    def accept(self, order_id: UUID, offer_id: UUID, driver_id: UUID) -> Receipt:
        command = commands.AcceptOffer(order_id=order_id, offer_id=offer_id, driver_id=driver_id)
        return self.run(command, Role.DRIVER, driver_id)

    def offer_of(self, order_id: UUID) -> UUID:
        offer = self.order(order_id).offer
        assert offer is not None
        return offer.offer_id

    def order(self, order_id: UUID) -> Order:
        return self.store.load(ORDER, order_id)

    def driver_state(self, driver_id: UUID) -> Driver:
        return self.store.load(DRIVER, driver_id)

    def events(self, stream_id: UUID) -> list[Event]:
        return [recorded.event for recorded in self.store.stream(stream_id)]

    def topics(self, stream_id: UUID) -> list[str]:
        return [event.TOPIC.partition(".")[2] for event in self.events(stream_id)]

    def length(self) -> int:
        return len(self.store.read(after=0, limit=10_000))
