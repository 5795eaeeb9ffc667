"""Tables of the code beside those of the database: what differs stops a projection until it is rebuilt."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import ARRAY, BigInteger, Column, Connection, Engine, MetaData, Table, Text, Uuid

from projections import generations, order_details, tables
from projections.lanes import Limits
from projections.log import Logged
from projections.projection import Projection
from projections.registry import PROJECTIONS
from projections.rows import insert
from tests.projections.history import READER, History, whole_order
from tests.projections.running import Start, progress, reached, seen, stopped
from tests.projections.seen import METADATA, fold_seen

ORDER, OTHER = UUID(int=100), UUID(int=101)
SEEN = Projection("seen", METADATA, fold_seen)


def newer(*columns: Column[object]) -> tuple[MetaData, Table]:
    """The tables of `seen` as tomorrow's code has them."""
    metadata = MetaData(schema="seen")
    table = Table("seen", metadata, Column("position", BigInteger, primary_key=True), *columns)
    return metadata, table


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda one: one.name)
def test_what_was_just_created_is_as_the_code_says(connection: Connection, projection: Projection) -> None:
    assert tables.differences(connection, projection) == []


def test_every_difference_is_said(connection: Connection) -> None:
    connection.rollback()
    generations.ensure(connection, [SEEN])
    metadata, _ = newer(Column("stream_id", Text), Column("tags", ARRAY(Text), nullable=False))
    Table("more", metadata, Column("id", Uuid, primary_key=True))
    assert tables.differences(connection, Projection("seen", metadata, fold_seen)) == [
        "more.id is uuid not null primary key in the code, absent in the database",
        "seen.stream_id is text in the code, uuid not null in the database",
        "seen.tags is text[] not null in the code, absent in the database",
    ]
    without, _ = newer()
    assert tables.differences(connection, Projection("seen", without, fold_seen)) == [
        "seen.stream_id is absent in the code, uuid not null in the database"
    ]


def test_a_projection_with_new_columns_stops_until_it_is_rebuilt(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    with engine.connect() as writer:
        history.tell(ORDER, *whole_order())
        history.store(writer)
        with start([SEEN, order_details.PROJECTION]):
            reached(look, 13, "seen", "order_details")
        metadata, table = newer(Column("stream_id", Uuid, nullable=False), Column("topic", Text))

        def fold(connection: Connection, batch: Sequence[Logged]) -> None:
            named = ("position", "stream_id", "topic")
            insert(connection, table, [{name: getattr(each, name) for name in named} for each in batch])

        tomorrow = Projection("seen", metadata, fold)
        with start([tomorrow, order_details.PROJECTION], limits=Limits(stopped_seconds=0.0)):
            halted = stopped(look, "seen")
            assert halted.error == (
                "seen.topic is text in the code, absent in the database: run `tiffin projections rebuild seen`"
            )
            history.tell(OTHER, *whole_order())
            history.store(writer)
            reached(look, 26, "order_details")
            assert seen(look) == list(range(1, 14)), "nothing is written without the new column"
            generations.rebuild(engine, READER, tomorrow)
            history.tell(UUID(int=102), *whole_order())
            history.store(writer)
            reached(look, 39, "seen", "order_details")
    assert progress(look, "seen").state == "live"
    topics = look.exec_driver_sql("SELECT count(topic) FROM seen.seen").scalar_one()
    assert topics == len(seen(look)) == 39
