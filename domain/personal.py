"""Which fields tell about a person."""

from functools import cache
from typing import Literal, NamedTuple

import msgspec
from msgspec import inspect


class Each(NamedTuple):
    """The same places in every item of a sequence."""

    each: "Places"


type Places = Literal[True] | dict[str, "Places"] | Each
"""Where a value is personal: all of it, in some of its fields, or in each of its items. Empty: nowhere."""


@cache
def personal_places(cls: type[msgspec.Struct]) -> Places:
    """Find a Struct's personal values, through the Structs and tuples in it."""
    return _places(inspect.type_info(cls))


@cache
def personal_fields(cls: type[msgspec.Struct]) -> frozenset[str]:
    """Give the paths of a Struct's personal fields, as in "customer_name", "dropoff.address", "lines[].notes"."""
    return frozenset(_paths(personal_places(cls), ""))


def _places(info: inspect.Type) -> Places:
    match info:
        case inspect.Metadata(extra=extra) if (extra or {}).get("personal"):
            return True
        case inspect.Metadata(type=inner):
            return _places(inner)
        case inspect.StructType(fields=fields):
            found = {field.name: _places(field.type) for field in fields}
            return {name: places for name, places in found.items() if places}
        case inspect.UnionType(types=types):
            return next(filter(None, map(_places, types)), {})
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            inner_places = _places(item)
            return Each(inner_places) if inner_places else {}
    return {}


def _paths(places: Places, path: str) -> list[str]:
    match places:
        case True:
            return [path]
        case dict():
            prefix = f"{path}." if path else ""
            return [found for name, inner in places.items() for found in _paths(inner, prefix + name)]
        case _:
            return _paths(places.each, f"{path}[]")
