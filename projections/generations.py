"""Generations of a projection: the live one in the schema that bears its name, another one built beside it.

Readers always name the live schema. A rebuild fills `NAME_GENERATION`, catches up, and takes the live one's name in
one transaction: who reads sees the old rows or the new ones, never none.
"""

from collections.abc import Callable, Iterable

from sqlalchemy import Connection, Engine

from projections import dead_letters, positions
from projections.connections import driver
from projections.log import LogReader
from projections.positions import Held
from projections.projection import Projection

REBUILD_BATCH = 5_000
_REBUILD_LOCK = 7_020


class AlreadyRebuilding(Exception):  # noqa: N818 - names the outcome
    """Somebody else rebuilds this projection now."""


def ensure(connection: Connection, projections: Iterable[Projection]) -> None:
    """Create the first generation of every projection that has none; commits."""
    for projection in projections:
        with connection.begin():
            lock = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
            connection.exec_driver_sql(lock, (_REBUILD_LOCK, projection.name))
            if _newest(connection, projection.name) == 0:
                _create(connection, projection, projection.name)
                _record(connection, projection.name, 1, "live")


def rebuild(
    engine: Engine,
    reader: LogReader,
    projection: Projection,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Build a new generation from the log's beginning and put it in the live one's place; answers its position.

    `on_progress` is told the position and the log's head after every batch. Raises AlreadyRebuilding, or what the
    fold raises; the live generation is untouched then.
    """
    with engine.connect() as connection:
        if not _claim(connection, projection.name):
            raise AlreadyRebuilding(f"{projection.name} is being rebuilt by another process; let that one finish.")
        try:
            return _rebuild(connection, reader, projection, on_progress or (lambda _position, _head: None))
        finally:
            connection.rollback()
            connection.exec_driver_sql("SELECT pg_advisory_unlock(%s, hashtext(%s))", (_REBUILD_LOCK, projection.name))
            connection.commit()


def _rebuild(
    connection: Connection, reader: LogReader, projection: Projection, on_progress: Callable[[int, int], None]
) -> int:
    name = projection.name
    with connection.begin():
        _drop_leftovers(connection, name)
        generation = _newest(connection, name) + 1
        _create(connection, projection, f"{name}_{generation}")
        _record(connection, name, generation, "building")
    # From here on this connection's folds write the new generation.
    connection.execution_options(schema_translate_map={name: f"{name}_{generation}"})
    position = 0
    while (reached := _advance(connection, reader, projection, position)) > position:
        position = reached
        with connection.begin():
            head = positions.head(connection)
        on_progress(position, head)
    return _swap(connection, reader, projection, generation)


def _advance(connection: Connection, reader: LogReader, projection: Projection, position: int) -> int:
    with connection.begin():
        held = positions.hold(connection, [projection.name], ["building"])
        return _fold(connection, reader, projection, held, position)


def _fold(connection: Connection, reader: LogReader, projection: Projection, held: list[Held], position: int) -> int:
    """Fold one batch into the generation being built; answers the new position."""
    events = reader.read(driver(connection), position, REBUILD_BATCH)
    if not events:
        return position
    projection.take(connection, events)
    positions.move(connection, held, events[-1].position)
    return events[-1].position


def _swap(connection: Connection, reader: LogReader, projection: Projection, generation: int) -> int:
    """Catch up while the live generation stands still, then take its name; answers the position."""
    name = projection.name
    with connection.begin():
        # What readers see from here on was read from the log a moment ago: it is on disk before they do.
        connection.exec_driver_sql("SET LOCAL synchronous_commit = on")
        old = positions.hold(connection, [name], positions.READABLE)
        held = positions.hold(connection, [name], ["building"])
        position = held[0].position
        while (reached := _fold(connection, reader, projection, held, position)) > position:
            position = reached
        for row in old:
            connection.exec_driver_sql(f"ALTER SCHEMA {name} RENAME TO {name}_{row.generation}")
            _set_state(connection, name, row.generation, "retired")
        connection.exec_driver_sql(f"ALTER SCHEMA {name}_{generation} RENAME TO {name}")
        _set_state(connection, name, generation, "live")
        positions.move_and_tell(connection, held, position)
        dead_letters.clear(connection, name)
    with connection.begin():
        _drop_leftovers(connection, name)
    return position


def _create(connection: Connection, projection: Projection, schema: str) -> None:
    connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    connection.execution_options(schema_translate_map={projection.name: schema})
    projection.metadata.create_all(connection, checkfirst=False)
    connection.execution_options(schema_translate_map=None)


def _drop_leftovers(connection: Connection, name: str) -> None:
    """Drop the generation just replaced, or what a rebuild that died left behind."""
    found = connection.exec_driver_sql(
        "SELECT generation FROM public.projection_positions WHERE name = %s AND state IN ('building', 'retired')",
        (name,),
    )
    for generation in found.scalars().all():
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {name}_{generation} CASCADE")
    connection.exec_driver_sql(
        "DELETE FROM public.projection_positions WHERE name = %s AND state = 'building'", (name,)
    )


def _newest(connection: Connection, name: str) -> int:
    newest = "SELECT coalesce(max(generation), 0) FROM public.projection_positions WHERE name = %s"
    return int(connection.exec_driver_sql(newest, (name,)).scalar_one())


def _record(connection: Connection, name: str, generation: int, state: positions.State) -> None:
    connection.exec_driver_sql(
        "INSERT INTO public.projection_positions (name, generation, position, state) VALUES (%s, %s, 0, %s)",
        (name, generation, state),
    )


def _set_state(connection: Connection, name: str, generation: int, state: positions.State) -> None:
    connection.exec_driver_sql(
        "UPDATE public.projection_positions SET state = %s, error = NULL, updated_at = clock_timestamp() "
        "WHERE name = %s AND generation = %s",
        (state, name, generation),
    )


def _claim(connection: Connection, name: str) -> bool:
    attempt = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
    claimed = bool(connection.exec_driver_sql(attempt, (_REBUILD_LOCK, name)).scalar_one())
    connection.commit()
    return claimed
