"""The platform in figures: what the ops page and the simulation's progress table show."""

from typing import cast

import msgspec
from sqlalchemy import Connection, text

from application.bootstrap import Tiffin
from application.reactions.actors import QUEUES
from projections import driver_board, order_lists, order_totals, positions
from projections.order_totals import BatchTotals, OfferTotals

_REACTIONS = text("SELECT state, count(*) FROM public.reactions WHERE state IN ('pending', 'dead') GROUP BY state")


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far a read model has come, and how many events it is behind."""

    name: str
    position: int
    lag: int


class Reactions(msgspec.Struct, frozen=True, kw_only=True):
    """Reactions that wait, due or not, and those that were given up."""

    pending: int = 0
    dead: int = 0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, as of now."""

    orders_by_status: dict[str, int]
    offers: OfferTotals
    batched: BatchTotals
    drivers_on_shift: int
    silent_drivers: int
    orders_driver_silent: int
    """Picked up by a driver who cannot be reached now."""
    events: int
    projections: list[Lag]
    reactions: Reactions
    queues: dict[str, int]
    """Hints to workers that none has fetched."""


def progress(tiffin: Tiffin) -> Progress:
    """Ask for everything. Blocks."""
    with tiffin.reads.connect() as connection:
        totals = order_totals.totals(connection)
        drivers = driver_board.counts(connection)
        silent = driver_board.silent(connection) if drivers.silent else []
        lags = [Lag(name=p.name, position=p.position, lag=p.lag_events) for p in positions.progress(connection)]
        return Progress(
            orders_by_status=totals.by_status,
            offers=totals.offers,
            batched=totals.batched,
            drivers_on_shift=drivers.on_shift,
            silent_drivers=drivers.silent,
            orders_driver_silent=order_lists.on_the_way(connection, silent),
            events=positions.head(connection),
            projections=lags,
            reactions=_reactions(connection),
            queues=_queues(tiffin),
        )


def _reactions(connection: Connection) -> Reactions:
    return msgspec.convert({row[0]: row[1] for row in connection.execute(_REACTIONS)}, Reactions)


def _queues(tiffin: Tiffin) -> dict[str, int]:
    prefix = tiffin.settings.world.prefix
    with tiffin.valkey.pipeline(transaction=False) as pipeline:
        for queue in QUEUES:
            pipeline.llen(f"{prefix}dramatiq:{queue}")
        return dict(zip(QUEUES, cast("list[int]", pipeline.execute()), strict=True))
