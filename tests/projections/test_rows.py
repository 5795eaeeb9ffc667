"""Writing rows: documents become inserts, updates of the columns they name, and deletes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from projections import rows
from projections.rows import FIXED, Edits

METADATA = MetaData(schema="trial")
THINGS = Table(
    "things",
    METADATA,
    Column("group_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", Text, info=FIXED),
    Column("at", DateTime(timezone=True)),
    Column("weight", Float),
    Column("tags", ARRAY(Text)),
    Column("detail", JSONB),
    Column("amount", Integer),
)
GROUP = UUID(int=1)
NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def table(connection: Connection) -> Iterator[Connection]:
    with connection.begin():
        connection.exec_driver_sql("CREATE SCHEMA trial")
        METADATA.create_all(connection)
        yield connection


def things(connection: Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(select(THINGS).order_by(THINGS.c.number))]


def key(number: int) -> rows.Document:
    return {"group_id": GROUP, "number": number}


def test_every_type_arrives_as_it_was(table: Connection) -> None:
    full = {
        "name": 'quotes " and \\ and {braces} and %s and é',
        "at": NOON,
        "weight": 0.1 + 0.2,
        "tags": ("a,b", "", "{}"),
        "detail": {"deep": [1, None, "x"]},
        "amount": 2**31 - 1,
    }
    rows.insert(table, THINGS, [key(1) | full, key(2)])
    assert things(table) == [
        (GROUP, 1, full["name"], NOON, 0.1 + 0.2, ["a,b", "", "{}"], {"deep": [1, None, "x"]}, 2**31 - 1),
        (GROUP, 2, None, None, None, None, None, None),
    ]


def test_an_update_sets_the_columns_it_names_and_no_others(table: Connection) -> None:
    rows.insert(table, THINGS, [key(n) | {"name": "n", "at": NOON, "tags": ["t"], "amount": 1} for n in (1, 2, 3)])
    rows.update(table, THINGS, [key(1) | {"amount": 5}, key(2) | {"at": None, "detail": {}}, key(9) | {"amount": 9}])
    assert things(table) == [
        (GROUP, 1, "n", NOON, None, ["t"], None, 5),
        (GROUP, 2, "n", None, None, ["t"], {}, 1),
        (GROUP, 3, "n", NOON, None, ["t"], None, 1),
    ]


def test_edits_of_one_batch_end_where_one_by_one_would(table: Connection) -> None:
    rows.insert(table, THINGS, [key(1) | {"name": "old"}, key(2) | {"name": "old", "amount": 1}])
    edits = Edits[int](THINGS)
    edits.remove(1, key(1))
    edits.add(1, key(1) | {"name": "again"})
    edits.change(1, key(1), {"amount": 7})
    edits.change(2, key(2), {"amount": 2})
    edits.change(2, key(2), {"weight": 1.5})
    edits.add(3, key(3) | {"name": "short-lived"})
    edits.remove(3, key(3))
    edits.write(table)
    assert things(table) == [
        (GROUP, 1, "again", None, None, None, None, 7),
        (GROUP, 2, "old", None, 1.5, None, None, 2),
    ]


def test_counting_adds_to_what_is_there(table: Connection) -> None:
    rows.insert(table, THINGS, [key(1) | {"amount": 3, "weight": 1.0}, key(2) | {"amount": 3, "weight": 1.0}])
    rows.count(table, THINGS, [key(1) | {"amount": -2}, key(2) | {"weight": 0.5}], ("amount", "weight"))
    assert [row[4::3] for row in things(table)] == [(1.0, 1), (1.5, 3)]


def test_fetching_reads_the_asked_rows(table: Connection) -> None:
    rows.insert(table, THINGS, [key(n) | {"name": f"n{n}"} for n in (1, 2, 3)])
    assert sorted(rows.fetch(table, THINGS, "number", {1, 3, 9}, ("number", "name"))) == [(1, "n1"), (3, "n3")]
    assert rows.fetch(table, THINGS, "number", (), ("name",)) == []


def test_folds_write_the_generation_that_the_connection_was_told(table: Connection) -> None:
    table.exec_driver_sql("CREATE SCHEMA trial_2")
    table.execution_options(schema_translate_map={"trial": "trial_2"})
    METADATA.create_all(table, checkfirst=False)
    rows.insert(table, THINGS, [key(1)])
    table.execution_options(schema_translate_map=None)
    assert things(table) == []
    assert table.exec_driver_sql("SELECT count(*) FROM trial_2.things").scalar_one() == 1
