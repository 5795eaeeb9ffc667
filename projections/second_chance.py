"""A second chance for an event that a projection skipped: its stream is folded anew, now with that event.

Folded by itself it would come too late: rows would go back to what it says, and events after it were folded as if it
had never been. In one transaction that holds the projection's position, so that the projector waits meanwhile.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Connection

from projections import dead_letters, positions, tables
from projections.batches import is_transient
from projections.connections import driver
from projections.log import Logged, LogReader
from projections.projection import Apply, Projection


class NotRetried(Exception):  # noqa: N818 - names the outcome
    """Nothing was tried; the message says why and what to do."""


def retry(connection: Connection, reader: LogReader, projection: Projection, position: int) -> str | None:
    """Fold a skipped event after all; commits. Answers why it failed again, None when it is where it belongs.

    It stays a dead letter when it failed, or when an event after it does with it there. Raises NotRetried.
    """
    name = projection.name
    if projection.unfold is None:
        raise NotRetried(
            f"{name} cannot take an event out of its order: `tiffin projections rebuild {name}` reads all events again."
        )
    with connection.begin():
        held = positions.hold(connection, [name], positions.READABLE)
        if not held:
            raise NotRetried(f"{name} has no live read model yet: start `tiffin projector` once.")
        if outdated := tables.differences(connection, projection):
            raise NotRetried(f"{'; '.join(outdated)}: run `tiffin projections rebuild {name}`, which reads it too.")
        found = dead_letters.of_its_stream(connection, name, position)
        if found is None:
            raise NotRetried(
                f"{name} has no dead letter at position {position}; `tiffin projections dead {name}` lists what it has."
            )
        stream_id, skipped = found
        past = _past(connection, reader, stream_id, held[0].position)
        failed = _fold_anew(connection, projection.take, projection.unfold, past, skipped - {position})
        if failed is None:
            dead_letters.remove(connection, name, position)
        else:
            dead_letters.change(connection, name, position, failed)
    return failed


def _past(connection: Connection, reader: LogReader, stream_id: UUID, position: int) -> list[Logged]:
    """A stream's events up to a position of the log."""
    query = "SELECT position FROM public.events WHERE originator_id = %s AND position <= %s ORDER BY position"
    found = connection.exec_driver_sql(query, (stream_id, position)).scalars().all()
    return [reader.read(driver(connection), each - 1, 1)[0] for each in found]


def _fold_anew(
    connection: Connection, take: Apply, unfold: Apply, past: Sequence[Logged], without: Collection[int]
) -> str | None:
    """Put a stream's rows together again, or leave them as they were and answer what failed."""
    savepoint = connection.begin_nested()
    unfold(connection, past)
    for event in past:
        try:
            if event.position not in without:
                take(connection, [event])
        except Exception as error:
            if is_transient(error):
                raise
            savepoint.rollback()
            return dead_letters.reason(event, error)
    savepoint.commit()
    return None
