"""Restaurants with their menus in Valkey, as placing an order reads them: cache-aside, 5 minutes, purged by event."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from uuid import UUID

import hiredis
import msgspec
import redis
from sqlalchemy import Engine

from domain.restaurant.state import MenuItem, Restaurant
from projections import restaurants
from projections.log import Logged

TTL_SECONDS = 300
PURGED_SECONDS = 5
"""How long a purged key stays blocked: longer than a commit takes, so that no reader caches what it read before."""

KEPT = 1_024
"""Restaurants that a process keeps decoded."""

_PURGED = b"-"
_decode = msgspec.msgpack.Decoder(Restaurant).decode

type Call = Callable[..., Awaitable[bytes | None]]
"""A command on the event loop's connection to Valkey. Raises hiredis.ReplyError and OSError."""


class RestaurantCache:
    """What placing an order reads. For coroutines."""

    def __init__(self, call: Call, reads: Engine) -> None:
        """Only what is not cached takes a connection of `reads`, and a thread."""
        self._call = call
        self._reads = reads
        self._decoded: dict[UUID, tuple[bytes, Restaurant]] = {}

    async def get(self, restaurant_id: UUID) -> Restaurant | None:
        """A restaurant with its menu, from the cache or, when it has none or Valkey is away, from the read model."""
        try:
            cached = await self._call("GET", _key(restaurant_id))
        except (hiredis.ReplyError, OSError):
            return await asyncio.to_thread(_read, self._reads, restaurant_id)
        if cached is not None and cached != _PURGED:
            return self._decode(restaurant_id, cached)
        found = await asyncio.to_thread(_read, self._reads, restaurant_id)
        if found is not None and cached is None:
            with suppress(hiredis.ReplyError, OSError):
                # NX: what was purged since it was read must not be cached.
                await self._call("SET", _key(restaurant_id), msgspec.msgpack.encode(found), "EX", TTL_SECONDS, "NX")
        return found

    def _decode(self, restaurant_id: UUID, cached: bytes) -> Restaurant:
        """A menu is long, and the same bytes say the same: they are decoded once."""
        known = self._decoded.get(restaurant_id)
        if known is not None and known[0] == cached:
            return known[1]
        if known is None and len(self._decoded) >= KEPT:
            self._decoded.pop(next(iter(self._decoded)))
        restaurant = _decode(cached)
        self._decoded[restaurant_id] = cached, restaurant
        return restaurant


def purge(valkey: redis.Redis, batch: Sequence[Logged]) -> None:
    """Forget restaurants that are about to change: called before the read model commits. Raises redis.RedisError."""
    changed = {logged.stream_id for logged in batch if logged.topic.startswith("restaurant.")}
    if not changed:
        return
    with valkey.pipeline(transaction=False) as pipeline:
        for restaurant_id in changed:
            pipeline.set(_key(restaurant_id), _PURGED, ex=PURGED_SECONDS)
        pipeline.execute()


def _key(restaurant_id: UUID) -> str:
    return f"restaurant:{restaurant_id}"


def _read(reads: Engine, restaurant_id: UUID) -> Restaurant | None:
    with reads.connect() as c:
        found = restaurants.get(c, restaurant_id)
        if found is None:
            return None
        menu = restaurants.menu(c, restaurant_id)
    items = (msgspec.convert(item, MenuItem, from_attributes=True) for item in menu)
    fields = {name: getattr(found, name) for name in found.__struct_fields__ if name != "restaurant_id"}
    return Restaurant(id=restaurant_id, menu={item.item_id: item for item in items}, **fields)
