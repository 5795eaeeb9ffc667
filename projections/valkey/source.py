"""What a region's rows are read anew from: the driver board, and the offers that stand."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, func, select

from domain.scoring import rating_of
from projections import driver_board, order_details
from projections.positions import POSITIONS, READABLE
from projections.valkey.facts import DriverFacts
from projections.valkey.functions import stamp

LONGEST_DAY = timedelta(hours=25)
"""When clocks go back."""


class Claim(msgspec.Struct, frozen=True):
    """A driver held for an order until a stamp ("0": let go), written at a stamp."""

    driver_id: UUID
    order_id: UUID
    until: str
    at: str = "0" * 13


def read_board(
    connection: Connection, timezones: Mapping[str, ZoneInfo]
) -> tuple[int, dict[UUID, tuple[str, DriverFacts]]]:
    """Every driver's region and facts, and the log position that they are of."""
    drivers, deliveries, positions = driver_board.DRIVERS, driver_board.DELIVERIES, POSITIONS.c
    reached = (
        select(func.coalesce(func.max(positions.position), 0))
        .where(positions.name == driver_board.METADATA.schema, positions.state.in_(READABLE))
        .scalar_subquery()
    )
    latest = select(func.max(deliveries.c.finished_at)).scalar_subquery()
    recent = (
        select(func.array_agg(deliveries.c.finished_at))
        .where(deliveries.c.driver_id == drivers.c.driver_id, deliveries.c.finished_at > latest - LONGEST_DAY)
        .scalar_subquery()
    )
    # Asked first, for a board without drivers. Otherwise one statement, one snapshot: rows and position fit.
    position = int(connection.execute(select(reached)).scalar_one())
    rows = connection.execute(select(drivers, recent.label("recent"), reached.label("reached"))).all()
    facts = {row.driver_id: (row.region, _facts(row, timezones.get(row.region))) for row in rows}
    return int(rows[0].reached) if rows else position, facts


def read_claims(connection: Connection) -> list[Claim]:
    """What drivers are held for, by the offers that stand."""
    rows = connection.execute(select(order_details.OFFERS))
    return [Claim(row.driver_id, row.order_id, stamp(row.expires_at)) for row in rows]


def _facts(row: Row[Any], timezone: ZoneInfo | None) -> DriverFacts:
    days = [at.astimezone(timezone).date() for at in row.recent or ()]
    return DriverFacts(
        version=row.version,
        on_shift=row.on_shift,
        silent=row.silent,
        suspended=row.suspended,
        load=row.load,
        capacity=row.capacity,
        rating=rating_of(row.stars, row.ratings),
        stars=row.stars,
        ratings=row.ratings,
        deliveries=row.deliveries,
        deliveries_today=days.count(max(days)) if days else 0,
        today=max(days, default=None),
        earnings_goal=row.earnings_goal,
        offers_accepted=row.offers_accepted,
        offers_missed=row.offers_declined + row.offers_expired,
    )
