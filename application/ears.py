"""Whether drivers can be heard at all: every API process says so, and who looks for silent drivers asks.

While none runs nobody is heard, and nobody is silent either: to take their orders from all of them would be our fault.
"""

import asyncio
from contextlib import suppress

import hiredis
import redis

from application.valkey_link import ValkeyLink

EVERY_SECONDS = 0.5
GOOD_MS = 2_500
"""Below what a driver may be silent at the least (`Dispatch.silent_machine_seconds`): who was not heard because
nobody listened is not yet silent when that is known."""


async def listen(link: ValkeyLink, prefix: str) -> None:
    """Say so until cancelled. Without Valkey nobody listens."""
    while True:
        with suppress(OSError, hiredis.ReplyError):
            await link.call("SET", key(prefix), 1, "PX", GOOD_MS)
        await asyncio.sleep(EVERY_SECONDS)


def listening(valkey: redis.Redis, prefix: str) -> bool:
    """Whether anybody does. Blocks. Raises redis.RedisError."""
    return bool(valkey.exists(key(prefix)))


def key(prefix: str) -> str:
    """There as long as somebody listens."""
    return f"{prefix}listening"
