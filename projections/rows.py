"""Writing many rows at once: documents in, one statement per kind of change out.

A batch of events becomes one JSON document per touched row; PostgreSQL reads them as the table's own row type, so
that a document for a known row need name only the columns that changed. One statement writes them all.
"""

from collections.abc import Collection, Hashable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql

from projections.connections import driver

# ruff: noqa: S608 - the names in these statements are our own tables' and columns'
type Document = dict[str, Any]

FIXED = {"fixed": True}
"""Column info: never changes after the row's insertion, so that changing others need not write it again."""

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


class Edits[K: Hashable]:
    """What a batch does to one table, collected per row. Every document holds the row's primary key."""

    def __init__(self, table: Table) -> None:
        """Collect for `table`; nothing is written before `write`."""
        self.table = table
        self.added: dict[K, Document] = {}
        self.changed: dict[K, Document] = {}
        self.removed: dict[K, Document] = {}

    def add(self, key: K, document: Document) -> None:
        """Insert a row; columns left out are null."""
        self.added[key] = document

    def change(self, key: K, identity: Document, changes: Document) -> None:
        """Set some columns of a row; `identity` is its primary key by column. An unknown row stays unknown."""
        document = self.added.get(key)
        if document is None:
            document = self.changed.setdefault(key, identity)
        document.update(changes)

    def remove(self, key: K, identity: Document) -> None:
        """Delete a row, known or not; the same key may be added again later in the batch."""
        self.added.pop(key, None)
        self.changed.pop(key, None)
        self.removed[key] = identity

    def write(self, connection: Connection) -> None:
        """Delete, insert and update, each with one statement if at all."""
        remove(connection, self.table, self.removed.values())
        insert(connection, self.table, self.added.values())
        update(connection, self.table, self.changed.values())


def insert(connection: Connection, table: Table, documents: Collection[Document]) -> None:
    """Insert one row per document."""
    if documents:
        _execute(connection, _insert_sql(table, schema_of(connection, table)), documents)


def update(
    connection: Connection, table: Table, documents: Collection[Document], columns: tuple[str, ...] = ()
) -> None:
    """Set, for each document's row, the columns that the document names; FIXED ones only if `columns` has them."""
    if documents:
        _execute(connection, _update_sql(table, schema_of(connection, table), columns), documents)


def remove(connection: Connection, table: Table, documents: Collection[Document]) -> None:
    """Delete each document's row."""
    if documents:
        _execute(connection, _remove_sql(table, schema_of(connection, table)), documents)


def count(connection: Connection, table: Table, documents: Collection[Document], columns: Sequence[str]) -> None:
    """Add each document's figures to its row's `columns`; an unknown row stays unknown."""
    if documents:
        _execute(connection, _count_sql(table, schema_of(connection, table), tuple(columns)), documents)


def fetch(
    connection: Connection, table: Table, key: str, keys: Collection[object], columns: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Read `columns` of the rows whose `key` is among `keys`."""
    if not keys:
        return []
    chosen = ", ".join(columns)
    sql = f"SELECT {chosen} FROM {schema_of(connection, table)}.{table.name} WHERE {key} = ANY(%s)"
    return driver(connection).execute(sql, (list(keys),)).fetchall()


def schema_of(connection: Connection, table: Table) -> str:
    """The schema of the generation that this connection writes: the live one unless it was told another."""
    translated = connection.get_execution_options().get("schema_translate_map") or {}
    return str(translated.get(table.schema, table.schema))


def _execute(connection: Connection, sql: str, documents: Collection[Document]) -> None:
    driver(connection).execute(sql, (msgspec.json.encode(list(documents)).decode(),))


@lru_cache(maxsize=256)
def _insert_sql(table: Table, schema: str) -> str:
    name = f"{schema}.{table.name}"
    return f"INSERT INTO {name} SELECT * FROM jsonb_populate_recordset(NULL::{name}, %s::jsonb)"


@lru_cache(maxsize=256)
def _update_sql(table: Table, schema: str, columns: tuple[str, ...]) -> str:
    changing = (one.name for one in table.columns if not one.primary_key and not one.info.get("fixed"))
    columns = columns or tuple(changing)
    return (
        f"UPDATE {schema}.{table.name} AS t SET ({', '.join(columns)}) = "
        f"(SELECT {', '.join(f'r.{column}' for column in columns)} FROM jsonb_populate_record(t, v.document) AS r) "
        f"FROM jsonb_array_elements(%s::jsonb) AS v(document) WHERE {_same_key(table)}"
    )


@lru_cache(maxsize=256)
def _remove_sql(table: Table, schema: str) -> str:
    return (
        f"DELETE FROM {schema}.{table.name} AS t USING jsonb_array_elements(%s::jsonb) AS v(document) "
        f"WHERE {_same_key(table)}"
    )


@lru_cache(maxsize=256)
def _count_sql(table: Table, schema: str, columns: tuple[str, ...]) -> str:
    name = f"{schema}.{table.name}"
    sums = ", ".join(f"{column} = t.{column} + coalesce(v.{column}, 0)" for column in columns)
    keys = " AND ".join(f"t.{column.name} = v.{column.name}" for column in table.primary_key)
    return f"UPDATE {name} AS t SET {sums} FROM jsonb_populate_recordset(NULL::{name}, %s::jsonb) AS v WHERE {keys}"


def _same_key(table: Table) -> str:
    return " AND ".join(
        f"t.{column.name} = (v.document->>'{column.name}')::{column.type.compile(_DIALECT)}"
        for column in table.primary_key
    )
