"""Drivers on duty and what matching weighs: shift, load, experience, answers to offers."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
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
    Column("rating", Float, nullable=False),
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
    """A driver's facts. `load` counts orders carried now; `deliveries_today` those finished since the asked day began."""

    driver_id: UUID
    version: int
    name: str
    region: str
    vehicle: str
    capacity: int
    earnings_goal: int
    on_shift: bool
    silent: bool
    suspended: bool
    rating: float
    load: int
    deliveries: int
    deliveries_today: int
    offers_made: int
    offers_accepted: int
    offers_declined: int
    offers_expired: int

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
    return None if row is None else msgspec.convert(dict(row), DriverOnBoard)


def in_region(
    c: Connection, region: str, *, day_start: datetime, on_shift_only: bool = True
) -> list[DriverOnBoard]:
    """All drivers of a region; `day_start` is when today began there."""
    query = _board(day_start).where(DRIVERS.c.region == region)
    if on_shift_only:
        query = query.where(DRIVERS.c.on_shift)
    return [msgspec.convert(dict(row), DriverOnBoard) for row in c.execute(query).mappings()]


def regions(c: Connection) -> list[str]:
    """Regions that have drivers."""
    return list(c.execute(select(DRIVERS.c.region).distinct().order_by(DRIVERS.c.region)).scalars())


def counts(c: Connection) -> DriverCounts:
    """Count drivers for metrics and the progress table."""
    on_shift = DRIVERS.c.on_shift
    query = select(
        func.count().label("registered"),
        func.count().filter(on_shift).label("on_shift"),
        func.count().filter(on_shift, DRIVERS.c.silent).label("silent"),
    )
    return msgspec.convert(dict(c.execute(query).mappings().one()), DriverCounts)


def _board(day_start: datetime) -> Select[tuple[object, ...]]:
    today = (
        select(func.count())
        .where(DELIVERIES.c.driver_id == DRIVERS.c.driver_id, DELIVERIES.c.finished_at >= day_start)
        .scalar_subquery()
    )
    return select(DRIVERS, today.label("deliveries_today"))
