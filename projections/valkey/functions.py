"""Call the server-side functions of `functions.lua`, loading them wherever a server lacks them."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import cast

import redis

SOURCE = Path(__file__).with_name("functions.lua").read_text(encoding="utf-8")
NAME = f"tiffin_{sha256(SOURCE.encode()).hexdigest()[:8]}"
"""Of the library, and before each function's name: processes of an older release keep calling theirs."""
LIBRARY = SOURCE.replace("tiffin", NAME)

type Argument = str | bytes | int | float
type Reply = int | bytes | str | list["Reply"] | None

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def load(valkey: redis.Redis) -> None:
    """Give the server the library; `call` does so by itself where it is missing."""
    valkey.function_load(LIBRARY, replace=True)


def name(function: str) -> str:
    """Under which name the server knows a function of the library."""
    return f"{NAME}_{function}"


def call(valkey: redis.Redis, function: str, keys: tuple[str, ...], *args: Argument) -> Reply:
    """FCALL; a server that lacks the library (a new one: FLUSHALL keeps it) is given it first."""
    try:
        return cast("Reply", valkey.fcall(name(function), len(keys), *keys, *args))
    except redis.ResponseError as error:
        if not is_missing(error):
            raise
    load(valkey)
    return cast("Reply", valkey.fcall(name(function), len(keys), *keys, *args))


def is_missing(error: Exception) -> bool:
    """Whether the server said that it lacks the function."""
    return "Function not found" in str(error)


def stamp(at: datetime) -> str:
    """Milliseconds since 1970 as 13 digits, so that they compare as text. Valid from 2001 to 2286."""
    return f"{(at - EPOCH) // MILLISECOND:013d}"


def moment(stamp: bytes | str) -> datetime:
    """The time that `stamp` wrote."""
    return EPOCH + int(stamp) * MILLISECOND
