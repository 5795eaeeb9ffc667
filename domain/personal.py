"""Which fields tell about a person."""

from functools import cache

import msgspec
from msgspec import inspect


@cache
def personal_fields(cls: type[msgspec.Struct]) -> frozenset[str]:
    """Give the paths of a Struct's personal fields, as in "customer_name", "dropoff.address", "lines[].notes"."""
    return frozenset(_paths(inspect.type_info(cls), ""))


def _paths(info: inspect.Type, path: str) -> list[str]:
    match info:
        case inspect.Metadata(extra=extra) if (extra or {}).get("personal"):
            return [path]
        case inspect.Metadata(type=inner):
            return _paths(inner, path)
        case inspect.StructType(fields=fields):
            prefix = f"{path}." if path else ""
            return [found for field in fields for found in _paths(field.type, prefix + field.encode_name)]
        case inspect.UnionType(types=types):
            return [found for member in types for found in _paths(member, path)]
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item) | inspect.SetType(item_type=item):
            return _paths(item, f"{path}[]")
        case inspect.DictType(value_type=value):
            return _paths(value, f"{path}[]")
    return []
