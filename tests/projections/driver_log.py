"""A log of drivers' events for tests, numbered by position and stream version as the store does."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from application.ids import new_id
from domain.driver import events as driver
from domain.event import Event, Meta, Recorded
from domain.order import events as order
from projections.log import Logged

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class DriverLog:
    """Append with `add`; what was not yet taken comes out of `take`."""

    def __init__(self) -> None:
        self.position = 0
        self.versions: Counter[UUID] = Counter()
        self._new: list[Logged] = []

    def add(self, stream_id: UUID, event: Event, at: datetime = NOON) -> Logged:
        self.position += 1
        self.versions[stream_id] += 1
        recorded: Recorded[Event] = Recorded(
            originator_id=stream_id,
            originator_version=self.versions[stream_id],
            event_id=new_id(),
            occurred_at=at,
            meta=Meta(),
            event=event,
        )
        logged = Logged(position=self.position, topic=event.TOPIC, recorded_at=at, recorded=recorded)
        self._new.append(logged)
        return logged

    def on_shift(self, *, capacity: int = 2, region: str = "porto", driver_id: UUID | None = None) -> UUID:
        driver_id = driver_id or new_id()
        joined = driver.Registered(
            name="Rui Costa", phone="+351", region=region, vehicle="bicycle", capacity=capacity, earnings_goal=20
        )
        self.add(driver_id, joined)
        self.add(driver_id, driver.ShiftStarted())
        return driver_id

    def offer(self, order_id: UUID, driver_id: UUID, *, seconds: float = 30.0, at: datetime = NOON) -> UUID:
        offer_id = new_id()
        offered = order.DriverOffered(
            offer_id=offer_id,
            driver_id=driver_id,
            sequence=1,
            expires_at=at + timedelta(seconds=seconds),
            distance_m=100.0,
            travel_seconds=20.0,
            radius_m=5000.0,
            candidates=1,
            score=order.Score(profile="seven_factor", total=1.0, factors={}),
        )
        self.add(order_id, offered, at)
        return offer_id

    def take(self) -> list[Logged]:
        new, self._new = self._new, []
        return new
