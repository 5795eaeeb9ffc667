"""Drivers of two regions on two nodes of a real Valkey cluster: what one region's functions touch stays together."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
import redis
from msgspec.structs import replace
from redis.cluster import RedisCluster

from application.ids import new_id
from application.positions import Ping, Positions
from domain.region import PORTO
from projections.valkey import functions
from projections.valkey.facts import DriverFacts
from tests.application.valkey_cluster import valkey_cluster
from tests.projections.history import NOON

LISBON = replace(PORTO, id="lisbon", name="Lisbon")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    with valkey_cluster(tmp_path) as opened:
        yield opened


def test_two_regions_live_on_two_nodes(cluster: RedisCluster) -> None:
    client = cast("redis.Redis", cluster)
    positions = Positions(client, prefix="t:", regions={PORTO.id: PORTO, LISBON.id: LISBON})
    nodes = {
        cast("Any", cluster).get_node_from_key(key).port for keys in positions.keys.values() for key in keys.written
    }
    assert len(nodes) == len(positions.keys), "all of a region on one node, the regions on two"
    drivers = {region: put(client, positions, region) for region in positions.keys}
    until, later = NOON + timedelta(seconds=20), NOON + timedelta(seconds=31)
    for region, driver_id in drivers.items():
        ping = Ping(driver_id, PORTO.center, NOON)
        assert positions.record(region, [ping], now=NOON, machine_now=NOON).accepted == 1
        [near] = positions.nearest(region, PORTO.center, k=5, radius_m=5_000, now=NOON, machine_now=NOON)
        assert near.driver_id == driver_id
        first, second = new_id(), new_id()
        assert positions.claim(region, driver_id, first, until=until, now=NOON)
        assert not positions.claim(region, driver_id, second, until=until, now=NOON)
        positions.release_claim(region, driver_id, first)
        assert positions.claim(region, driver_id, second, until=until, now=NOON)
    for region, driver_id in drivers.items():
        assert positions.sweep(region, now=NOON, machine_now=NOON) == []
        silent = positions.sweep(region, now=later, machine_now=later)
        assert [found.driver_id for found in silent] == [driver_id]
        assert positions.nearest(region, PORTO.center, k=5, radius_m=5_000, now=NOON, machine_now=NOON) == []


def put(client: redis.Redis, positions: Positions, region: str) -> UUID:
    """A driver on duty with one order, put there as the projection does; a node without the library is given it."""
    keys, driver_id = positions.keys[region].written, new_id()
    functions.call(client, "begin", keys, "1")
    facts = msgspec.json.encode(DriverFacts(on_shift=True, load=1, capacity=2))
    assert functions.call(client, "follow", keys, "1", 0, "1", 0, 1, str(driver_id), "D", "0102", facts) == 1
    return driver_id
