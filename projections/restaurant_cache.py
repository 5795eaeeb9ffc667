"""Restaurants with their menus in Valkey, as placing an order reads them: cache-aside, 5 minutes, purged by event."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import redis
from sqlalchemy import Engine

from domain.restaurant.state import MenuItem, Restaurant
from projections import restaurants
from projections.log import Logged

TTL_SECONDS = 300
PURGED_SECONDS = 5
"""How long a purged key stays blocked: longer than a commit takes, so that no reader caches what it read before."""

_PURGED = b"-"
_CODEC = msgspec.msgpack.Decoder(Restaurant)


def for_placing(valkey: redis.Redis, reads: Engine, restaurant_id: UUID) -> Restaurant | None:
    """A restaurant with its menu, from the cache or, when it has none or Valkey is away, from the read model.

    Only then a connection of `reads` is taken: what is cached costs one round trip.
    """
    key = _key(restaurant_id)
    try:
        cached = valkey.get(key)
    except redis.RedisError:
        return _read(reads, restaurant_id)
    if isinstance(cached, bytes) and cached != _PURGED:
        return _CODEC.decode(cached)
    found = _read(reads, restaurant_id)
    if found is not None and cached is None:
        try:
            valkey.set(key, msgspec.msgpack.encode(found), ex=TTL_SECONDS, nx=True)
        except redis.RedisError:
            return found
    return found


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
