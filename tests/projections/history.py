"""Given events: a log told step by step, folded directly or stored for the runner to find."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from application.ids import new_id
from application.memory_keys import MemoryKeys
from domain.driver import events as driver
from domain.encryption import PersonalData
from domain.event import Event, Meta, Recorded, Role
from domain.geo import Position
from domain.mapper import JSONMapper
from domain.order import events as order
from domain.order.events import Price
from domain.restaurant import events as restaurant
from projections.log import Logged, LogReader
from projections.projection import Projection

KEYS = MemoryKeys()
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CUSTOMER, RESTAURANT, DRIVER, OFFER = (UUID(int=n) for n in (1, 2, 3, 500))
_MAPPER = JSONMapper(personal=PersonalData(KEYS))
READER = LogReader(_MAPPER)
_STORE = """
INSERT INTO events (position, originator_id, originator_version, topic, state, event_id, recorded_at, actor_type, hash)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'system', '')
"""


class History:
    """Everything told so far. `now` moves on by ten seconds with every event."""

    def __init__(self) -> None:
        self.events: list[Logged] = []
        self.now = NOON
        self._versions: Counter[UUID] = Counter()
        self._folded: Counter[str] = Counter()
        self._stored = 0

    def tell(self, stream_id: UUID, *events: Event, meta: Meta | None = None) -> None:
        for event in events:
            self._versions[stream_id] += 1
            self.now += timedelta(seconds=10)
            recorded = Recorded(
                originator_id=stream_id,
                originator_version=self._versions[stream_id],
                event_id=new_id(),
                occurred_at=self.now,
                meta=meta or Meta(),
                event=event,
            )
            self.events.append(
                Logged(position=self.position + 1, topic=event.TOPIC, recorded_at=NOON, recorded=recorded)
            )

    @property
    def position(self) -> int:
        return len(self.events)

    def fold(self, connection: Connection, projection: Projection, *, batch: int = 1_000) -> None:
        """Give the projection what it has not seen yet."""
        new = self.events[self._folded[projection.name] :]
        for start in range(0, len(new), batch):
            projection.take(connection, new[start : start + batch])
        self._folded[projection.name] = self.position

    def store(self, connection: Connection, mapper: JSONMapper = _MAPPER) -> int:
        """Append what is new to the log, as one transaction; answers the last position."""
        with connection.begin():
            for logged in self.events[self._stored :]:
                row = mapper.to_stored_event(logged.recorded)
                values = (row.originator_id, row.originator_version, row.topic, row.state)
                tail = (logged.recorded.event_id, logged.recorded_at)
                connection.exec_driver_sql(_STORE, (logged.position, *values, *tail))
            connection.exec_driver_sql("SELECT pg_notify('tiffin_log', %s)", (str(self.position),))
        self._stored = self.position
        return self.position


def placed(**changes: Any) -> order.Placed:
    fields: dict[str, Any] = {
        "customer_id": CUSTOMER,
        "customer_name": "Ana Sousa",
        "region": "porto",
        "restaurant_id": RESTAURANT,
        "restaurant_name": "Casa Guedes",
        "restaurant_position": Position(lat=41.145, lon=-8.605),
        "lines": (
            order.Line(
                item_id=UUID(int=77), name="Sande", unit_price_minor=550, quantity=2, total_minor=1100, notes="hot"
            ),
        ),
        "price": Price(
            currency="EUR",
            subtotal_minor=1100,
            delivery_fee_minor=250,
            service_fee_minor=55,
            tax_minor=183,
            tip_minor=100,
            total_minor=1688,
        ),
        "dropoff": order.Dropoff(position=Position(lat=41.15, lon=-8.61), address="Rua 1", instructions="bell"),
        "delivery_distance_m": 700.0,
        "prep_seconds": 600,
        "promised_at": NOON + timedelta(minutes=40),
    }
    return order.Placed(**(fields | changes))


def offered(driver_id: UUID = DRIVER, *, offer_id: UUID = OFFER, sequence: int = 1) -> order.DriverOffered:
    return order.DriverOffered(
        offer_id=offer_id,
        driver_id=driver_id,
        sequence=sequence,
        expires_at=NOON + timedelta(minutes=5),
        distance_m=420.0,
        travel_seconds=91.0,
        radius_m=5_000.0,
        candidates=3,
        score=order.Score(profile="seven_factor", total=88.5, factors={"distance": 95.8, "load": 0.0}),
    )


def assigned(driver_id: UUID = DRIVER, *, offer_id: UUID = OFFER) -> order.DriverAssigned:
    return order.DriverAssigned(offer_id=offer_id, driver_id=driver_id, driver_name="Rui Costa")


def authorized() -> order.PaymentAuthorized:
    return order.PaymentAuthorized(payment_id="pay-1", amount_minor=1688, currency="EUR")


def whole_order(driver_id: UUID = DRIVER) -> tuple[Event, ...]:
    """An order's life without trouble."""
    return (
        placed(),
        authorized(),
        order.Confirmed(prep_seconds=900),
        order.MatchingStarted(round=1, radius_m=5_000.0),
        offered(driver_id),
        assigned(driver_id),
        order.PreparationStarted(),
        order.DriverArrived(driver_id=driver_id),
        order.ReadyForPickup(),
        order.PickedUp(driver_id=driver_id),
        order.Delivered(driver_id=driver_id),
        order.PaymentCaptured(payment_id="pay-1", amount_minor=1688),
        order.Completed(),
    )


def joined(**changes: Any) -> driver.Registered:
    fields: dict[str, Any] = {
        "name": "Rui Costa",
        "phone": "+351900000000",
        "region": "porto",
        "vehicle": "bicycle",
        "capacity": 2,
        "earnings_goal": 20,
    }
    return driver.Registered(**(fields | changes))


def founded(**changes: Any) -> restaurant.Registered:
    fields: dict[str, Any] = {
        "name": "Casa Guedes",
        "region": "porto",
        "position": Position(lat=41.145, lon=-8.605),
        "address": "Praça 1",
        "phone": "+351200000000",
        "cuisines": ("portuguese", "sandwiches"),
        "prep_seconds": 600,
        "delivery_radius_m": 4_000.0,
    }
    return restaurant.Registered(**(fields | changes))


def dish(item_id: UUID, name: str = "Sande", price_minor: int = 550) -> restaurant.MenuItemAdded:
    return restaurant.MenuItemAdded(
        item_id=item_id, name=name, description="with cheese", category="sandwiches", price_minor=price_minor
    )


CANCELLED = order.Cancelled(by=Role.CUSTOMER, reason="too slow", cost_bearer=order.CostBearer.CUSTOMER, refund_minor=0)
