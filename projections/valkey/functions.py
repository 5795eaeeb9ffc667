"""Call the server-side functions of `functions.lua`, loading them wherever a server lacks them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import redis

LIBRARY = Path(__file__).with_name("functions.lua").read_text(encoding="utf-8")

type Argument = str | bytes | int | float
type Reply = int | bytes | str | None | list["Reply"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def load(valkey: redis.Redis) -> None:
    """Load the library or replace an older one; once at the start of a process is right."""
    valkey.function_load(LIBRARY, replace=True)


def call(valkey: redis.Redis, function: str, keys: tuple[str, ...], *args: Argument) -> Reply:
    """FCALL; a server that lacks the library (a new one: FLUSHALL keeps it) is given it first."""
    return loading_when_missing(valkey, lambda: cast("Reply", valkey.fcall(function, len(keys), *keys, *args)))


def call_all(valkey: redis.Redis, calls: list[tuple[str, tuple[str, ...], tuple[Argument, ...]]]) -> list[Reply]:
    """Several FCALLs in one round trip; they are not one transaction."""

    def send() -> list[Reply]:
        with valkey.pipeline(transaction=False) as pipeline:
            for function, keys, args in calls:
                pipeline.fcall(function, len(keys), *keys, *args)
            return cast("list[Reply]", pipeline.execute())

    return loading_when_missing(valkey, send)


def loading_when_missing[T](valkey: redis.Redis, send: Callable[[], T]) -> T:
    """Send; when the server does not know the function, load the library and send once more."""
    try:
        return send()
    except redis.ResponseError as error:
        if not is_missing(error):
            raise
    load(valkey)
    return send()


def is_missing(error: Exception) -> bool:
    """Whether the server said that it lacks the function."""
    return "Function not found" in str(error)


def stamp(at: datetime) -> str:
    """Milliseconds since 1970 as 13 digits, so that they compare as text. Valid from 2001 to 2286."""
    return f"{(at - EPOCH) // MILLISECOND:013d}"


def moment(stamp: bytes | str) -> datetime:
    """The time that `stamp` wrote."""
    return EPOCH + int(stamp) * MILLISECOND
