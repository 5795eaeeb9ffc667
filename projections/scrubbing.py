"""Erasing a person from rows: what they show afterwards is what a fold without the person's key would show."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, Table

from domain.encryption import ERASED, ERASED_POSITION
from domain.personal import Places, personal_places
from projections import rows

_ERASED_POSITION = msgspec.to_builtins(ERASED_POSITION)


def scrub(
    connection: Connection, table: Table, owner: str, subject_id: UUID, columns: Sequence[str], of: type[msgspec.Struct]
) -> None:
    """Erase a person's values from those `columns` of the rows whose column `owner` names them.

    `of` is the class that the columns come from, which says what in them is personal.
    """
    keys = [column.name for column in table.primary_key]
    names = [*keys, *columns]
    found = rows.fetch(connection, table, owner, [subject_id], names)
    documents = [dict(zip(names, row, strict=True)) for row in found]
    rows.update(connection, table, [erased(document, personal_places(of)) for document in documents], tuple(columns))


def erased(value: Any, places: Places) -> Any:  # noqa: ANN401 - JSON is anything
    """The JSON value with what is personal in it erased; what is empty or not there stays so."""
    match places:
        case True if isinstance(value, dict):
            return _ERASED_POSITION
        case True:
            return ERASED if value else value
        case dict() if isinstance(value, dict):
            return value | {name: erased(value[name], inner) for name, inner in places.items() if name in value}
        case dict():
            return value
        case _:
            return [erased(item, places.each) for item in value or ()]
