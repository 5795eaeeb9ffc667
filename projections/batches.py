"""One batch, one transaction: rows and positions of the projections that stand at the same place."""

from collections.abc import Sequence
from typing import NamedTuple

import psycopg
import redis
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from projections import log, positions
from projections.connections import driver
from projections.log import Logged
from projections.projection import Projection

TRANSIENT = (psycopg.OperationalError, psycopg.InterfaceError, redis.ConnectionError, redis.TimeoutError, OSError)
"""Errors of the surroundings, not of an event: the same batch may well succeed later."""

_LOG = structlog.get_logger("projections")


def is_transient(error: BaseException) -> bool:
    """Whether to try again rather than to stop."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    # What follows a failed statement in a pipeline is "aborted": the failure is the event's.
    return isinstance(cause, TRANSIENT) and not isinstance(cause, psycopg.errors.PipelineAborted)


class Applied(NamedTuple):
    """What a batch came to."""

    reached: dict[str, int]
    """Positions by name."""
    events: dict[str, int]
    """How many events each projection took that took any."""


def apply(connection: Connection, projections: Sequence[Projection], events: Sequence[Logged]) -> Applied:
    """Commit a batch's effect on all of `projections` together with their positions.

    What stands in the position rows counts, not what the caller believed. Who is already further gets the rest of
    the batch; who is further back is left where it is; who is not live (any more) is missing from the answer.
    """
    by_name = {projection.name: projection for projection in projections}
    last = events[-1].position
    with connection.begin(), driver(connection).pipeline():
        held = positions.hold(connection, sorted(by_name))
        ready = [row for row in held if events[0].position - 1 <= row.position < last]
        taken = {row.name: log.since(events, row.position) for row in ready}
        for name, part in taken.items():
            by_name[name].take(connection, part)
        for row in ready:
            _announce(by_name[row.name], events)
        if ready:
            positions.move_and_tell(connection, ready, last)
    reached = {row.name: row.position for row in held} | dict.fromkeys(taken, last)
    return Applied(reached, {name: len(part) for name, part in taken.items()})


def _announce(projection: Projection, events: Sequence[Logged]) -> None:
    if projection.before_commit is None:
        return
    try:
        projection.before_commit(events)
    except TRANSIENT as error:
        _LOG.warning("cache not purged", projection=projection.name, error=str(error))
