"""Does a read model show what the log says? Folds the whole log anew beside it and compares row by row.

All in one transaction that sees the database as of one moment and is rolled back in the end: nothing is left behind,
nobody waits, and no reaction, cache or live stream hears of it.
"""

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import Connection, Engine, Table, select, text

from projections import positions
from projections.connections import driver
from projections.log import LogReader
from projections.projection import Projection

BATCH = 5_000
MOST_DIFFERENCES = 20
"""Rows told of each table and side."""


class Comparison(msgspec.Struct, kw_only=True):
    """What a read model shows beside what the log says as of `position`. Rows as text."""

    name: str
    position: int
    rows: int
    wrong: list[str]
    """Rows that the log does not give: table, row."""
    missing: list[str]
    """Rows that the log gives and the read model does not have."""

    @property
    def same(self) -> bool:
        """Whether there is no difference."""
        return not self.wrong and not self.missing


def compare(
    engine: Engine, reader: LogReader, projection: Projection, on_progress: Callable[[int, int], None]
) -> Comparison:
    """Fold and compare; `on_progress` is told position and end. Raises LookupError where it has no live generation."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin() as transaction:
            try:
                return _compare(connection, reader, projection, on_progress)
            finally:
                transaction.rollback()


def _compare(
    connection: Connection, reader: LogReader, projection: Projection, on_progress: Callable[[int, int], None]
) -> Comparison:
    # A fold of a million events takes longer than a batch may, and folds without statistics need none of theirs.
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    name, schema = projection.name, f"{projection.name}_recheck"
    end = positions.everywhere(connection).get(name)
    if end is None:
        raise LookupError(f"{name} has no live generation yet: start `tiffin projector` once.")
    connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    connection.execution_options(schema_translate_map={name: schema})
    projection.metadata.create_all(connection, checkfirst=False)
    position = 0
    while position < end:
        events = [one for one in reader.read(driver(connection), position, BATCH) if one.position <= end]
        with driver(connection).pipeline():
            projection.take(connection, events)
        position = events[-1].position
        on_progress(position, end)
    connection.execution_options(schema_translate_map=None)
    found = Comparison(name=name, position=end, rows=0, wrong=[], missing=[])
    for table in projection.metadata.sorted_tables:
        live, anew = f"{name}.{table.name}", f"{schema}.{table.name}"
        found.rows += connection.exec_driver_sql(f"SELECT count(*) FROM {live}").scalar_one()  # noqa: S608 - our own names
        found.wrong += _except(connection, table, live, anew)
        found.missing += _except(connection, table, anew, live)
    return found


def _except(connection: Connection, table: Table, these: str, those: str) -> Sequence[str]:
    columns = ", ".join(column.name for column in select(table).selected_columns)
    difference = f"SELECT {columns} FROM {these} EXCEPT SELECT {columns} FROM {those}"  # noqa: S608 - our own names
    rows = connection.exec_driver_sql(f"SELECT d::text FROM ({difference}) AS d LIMIT {MOST_DIFFERENCES}")  # noqa: S608
    return [f"{table.name}: {row}" for row in rows.scalars()]
