"""From a row to what a query answers."""

import msgspec
from sqlalchemy import RowMapping


def shown[T: msgspec.Struct](cls: type[T], row: RowMapping, **more: object) -> T:
    """Make a result Struct out of a row's columns of the same names, `more` taking precedence."""
    columns: dict[str, object] = {str(name): value for name, value in row.items()}
    return msgspec.convert(columns | more, cls)
