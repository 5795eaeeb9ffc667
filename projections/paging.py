"""Keyset pages: a cursor says after which row to go on, so that pages neither skip nor repeat."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec

from domain.errors import InvalidInput


class Page[T](msgspec.Struct, frozen=True):
    """Some items and, when there are more, the opaque cursor to ask for the next ones with."""

    items: list[T]
    next_cursor: str | None = None


def cut[T](items: list[T], limit: int, *keys: str) -> Page[T]:
    """Make a page of `limit` out of `limit + 1` fetched items; the cursor holds the last shown item's `keys`."""
    if len(items) <= limit:
        return Page(items)
    shown = items[:limit]
    return Page(shown, write_cursor(*(getattr(shown[-1], key) for key in keys)))


def write_cursor(*values: object) -> str:
    """Pack a row's sort key into URL-safe text."""
    return urlsafe_b64encode(msgspec.json.encode(values)).rstrip(b"=").decode()


def read_cursor[T: tuple[Any, ...]](cursor: str, types: type[T]) -> T:
    """Unpack a sort key. Raises InvalidInput for anything that no page handed out."""
    try:
        key: T = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=types)
    except (ValueError, msgspec.MsgspecError) as error:
        raise InvalidInput("cursor", "Send a next_cursor as a page gave it, or none for the first page.") from error
    return key
