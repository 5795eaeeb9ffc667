"""Drivers on duty and what matching weighs: shift, load, experience, answers to offers."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    Uuid,
    func,
    select,
    text,
)

from domain.driver import events
from domain.event import Event, PersonalText
from domain.order import events as order_events
from domain.scoring import rating_of
from projections import rows, scrubbing
from projections.log import Logged
from projections.projection import Projection
from projections.results import shown

METADATA = MetaData(schema="driver_board")
DRIVERS = Table(
    "drivers",
    METADATA,
    Column("driver_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("vehicle", Text, nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("earnings_goal", Integer, nullable=False),
    Column("on_shift", Boolean, nullable=False),
    Column("silent", Boolean, nullable=False),
    Column("suspended", Boolean, nullable=False),
    Column("stars", Integer, nullable=False),
    Column("ratings", Integer, nullable=False),
    Column("load", Integer, nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("offers_made", Integer, nullable=False),
    Column("offers_accepted", Integer, nullable=False),
    Column("offers_declined", Integer, nullable=False),
    Column("offers_expired", Integer, nullable=False),
    Index("drivers_on_shift", "region", postgresql_where=text("on_shift")),
    postgresql_with={"fillfactor": 60},
)
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("driver_id", Uuid, primary_key=True),
    Column("finished_at", DateTime(timezone=True), primary_key=True),
    Column("order_id", Uuid, primary_key=True),
)


class DriverOnBoard(msgspec.Struct, frozen=True, kw_only=True):
    """A driver's facts. `load` counts orders carried now, `deliveries_today` those finished since the day asked for."""

    driver_id: UUID
    version: int
    name: PersonalText
    region: str
    vehicle: str
    capacity: int
    earnings_goal: int
    on_shift: bool
    silent: bool
    suspended: bool
    stars: int
    """All that customers gave, of `ratings`."""
    ratings: int
    load: int
    deliveries: int
    deliveries_today: int
    offers_made: int
    offers_accepted: int
    offers_declined: int
    offers_expired: int

    @property
    def rating(self) -> float:
        """As matching weighs it, 0 to 5."""
        return rating_of(self.stars, self.ratings)

    @property
    def acceptance_rate(self) -> float:
        """Accepted per answered or expired offer, 0 to 1; 1 before the first answer."""
        answered = self.offers_accepted + self.offers_declined + self.offers_expired
        return self.offers_accepted / answered if answered else 1.0


class DriverCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Drivers in all, on shift, and on shift but silent."""

    registered: int
    on_shift: int
    silent: int


def get(c: Connection, driver_id: UUID, *, day_start: datetime) -> DriverOnBoard | None:
    """One driver; `day_start` is when today began in the driver's region."""
    row = c.execute(_board(day_start).where(DRIVERS.c.driver_id == driver_id)).mappings().one_or_none()
    return None if row is None else shown(DriverOnBoard, row)


def names(c: Connection, driver_ids: Collection[UUID]) -> dict[UUID, str]:
    """Drivers' names; an unknown driver is left out."""
    query = select(DRIVERS.c.driver_id, DRIVERS.c.name).where(DRIVERS.c.driver_id.in_(driver_ids))
    return {row.driver_id: row.name for row in c.execute(query)}


def in_region(c: Connection, region: str, *, day_start: datetime, on_shift_only: bool = True) -> list[DriverOnBoard]:
    """All drivers of a region; `day_start` is when today began there."""
    query = _board(day_start).where(DRIVERS.c.region == region)
    if on_shift_only:
        query = query.where(DRIVERS.c.on_shift)
    return [shown(DriverOnBoard, row) for row in c.execute(query).mappings()]


def regions(c: Connection) -> list[str]:
    """Regions that have drivers."""
    return list(c.execute(select(DRIVERS.c.region).distinct().order_by(DRIVERS.c.region)).scalars())


def on_shift(c: Connection, region: str) -> bool:
    """Whether anybody is on shift in a region."""
    query = select(DRIVERS.c.driver_id).where(DRIVERS.c.region == region, DRIVERS.c.on_shift).limit(1)
    return c.execute(query).first() is not None


def silent(c: Connection) -> list[UUID]:
    """Drivers on shift who cannot be reached."""
    return list(c.execute(select(DRIVERS.c.driver_id).where(DRIVERS.c.on_shift, DRIVERS.c.silent)).scalars())


def counts(c: Connection) -> DriverCounts:
    """Count drivers for metrics and the progress table."""
    on_shift = DRIVERS.c.on_shift
    query = select(
        func.count().label("registered"),
        func.count().filter(on_shift).label("on_shift"),
        func.count().filter(on_shift, DRIVERS.c.silent).label("silent"),
    )
    return shown(DriverCounts, c.execute(query).mappings().one())


def _board(day_start: datetime) -> Select[tuple[object, ...]]:
    today = (
        select(func.count())
        .where(DELIVERIES.c.driver_id == DRIVERS.c.driver_id, DELIVERIES.c.finished_at >= day_start)
        .scalar_subquery()
    )
    return select(DRIVERS, today.label("deliveries_today"))


def apply(connection: Connection, batch: Sequence[Logged]) -> None:
    """Fold drivers' own events, and what became of the offers made to them."""
    drivers = rows.Edits[UUID](DRIVERS)
    counts: dict[UUID, Counter[str]] = {}
    finished: list[rows.Document] = []
    for logged in batch:
        event, driver_id = logged.event, logged.stream_id
        if isinstance(event, events.Registered):
            drivers.add(driver_id, _registered(driver_id, event))
        elif logged.topic.startswith("driver."):
            changes = {"version": logged.version} | _CHANGES.get(type(event), {})
            drivers.change(driver_id, {"driver_id": driver_id}, changes)
        if (counted := _COUNTS.get(type(event))) is not None:
            of, amounts = counted
            counts.setdefault(of(logged), Counter()).update(amounts)
        if isinstance(event, events.Rated):
            counts.setdefault(driver_id, Counter()).update({"stars": event.stars, "ratings": 1})
        if isinstance(event, events.DeliveryFinished):
            finished.append({"driver_id": driver_id, "order_id": event.order_id, "finished_at": logged.occurred_at})
    drivers.write(connection)
    rows.count(connection, DRIVERS, [{"driver_id": key} | dict(amounts) for key, amounts in counts.items()], _COUNTED)
    rows.insert(connection, DELIVERIES, finished)


def scrub(connection: Connection, subject_id: UUID) -> None:
    """Erase a driver's name."""
    scrubbing.scrub(connection, DRIVERS, "driver_id", subject_id, ("name",), DriverOnBoard)


PROJECTION = Projection("driver_board", METADATA, apply, scrub=scrub)


def _registered(driver_id: UUID, event: events.Registered) -> rows.Document:
    shared = {name: getattr(event, name) for name in event.__struct_fields__ if name in DRIVERS.c}
    flags = dict.fromkeys(("on_shift", "silent", "suspended"), False)
    return shared | flags | dict.fromkeys(_COUNTED, 0) | {"driver_id": driver_id, "version": 1}


def _own(logged: Logged) -> UUID:
    return logged.stream_id


def _asked(logged: Logged) -> UUID:
    asked: Any = logged.event
    driver_id: UUID = asked.driver_id
    return driver_id


_CHANGES: dict[type[Event], rows.Document] = {
    events.ShiftStarted: {"on_shift": True, "silent": False},
    events.ShiftEnded: {"on_shift": False, "silent": False},
    events.WentSilent: {"silent": True},
    events.CameBack: {"silent": False},
    events.Suspended: {"suspended": True},
    events.Reinstated: {"suspended": False},
}
_COUNTED = (
    "stars",
    "ratings",
    "load",
    "deliveries",
    "offers_made",
    "offers_accepted",
    "offers_declined",
    "offers_expired",
)
_COUNTS: dict[type[Event], tuple[Callable[[Logged], UUID], dict[str, int]]] = {
    events.DeliveryTaken: (_own, {"load": 1}),
    events.DeliveryReleased: (_own, {"load": -1}),
    events.DeliveryFinished: (_own, {"load": -1, "deliveries": 1}),
    order_events.DriverOffered: (_asked, {"offers_made": 1}),
    order_events.DriverAssigned: (_asked, {"offers_accepted": 1}),
    order_events.OfferDeclined: (_asked, {"offers_declined": 1}),
    order_events.OfferExpired: (_asked, {"offers_expired": 1}),
}
