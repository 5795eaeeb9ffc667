"""Every projection there is: read models in PostgreSQL, and the followers that keep theirs in Valkey."""

from collections.abc import Mapping, Sequence
from functools import partial

import redis
from msgspec.structs import replace

from domain.region import Region
from projections import (
    driver_board,
    inbox,
    order_details,
    order_lists,
    order_timeline,
    order_totals,
    region_history,
    restaurant_cache,
    restaurants,
)
from projections.dispatchable import Dispatchable
from projections.live import Live
from projections.projection import Follower, Projection

PROJECTIONS: tuple[Projection, ...] = (
    order_details.PROJECTION,
    order_timeline.PROJECTION,
    order_lists.PROJECTION,
    order_totals.PROJECTION,
    restaurants.PROJECTION,
    driver_board.PROJECTION,
    region_history.PROJECTION,
    inbox.PROJECTION,
)


def purging(valkey: redis.Redis) -> Sequence[Projection]:
    """The same, but changed restaurants are purged from the cache that placing an order reads."""
    purge = partial(restaurant_cache.purge, valkey)
    return [replace(each, before_commit=purge) if each is restaurants.PROJECTION else each for each in PROJECTIONS]


def followers(valkey: redis.Redis, *, prefix: str, regions: Mapping[str, Region]) -> Sequence[Follower]:
    """What lives in Valkey. `prefix` is the world's; `valkey` decodes no responses."""
    return [Dispatchable(valkey, prefix=prefix, regions=regions), Live(valkey, prefix=prefix)]
