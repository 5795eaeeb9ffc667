"""What searches cost, in commands that the server executed, and what they may not: no slot twice."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
import redis

from application.engines import valkey
from application.ids import new_id
from application.positions import Ping, Positions
from domain.region import PORTO
from projections.valkey import functions
from tests.application.test_positions import PREFIX, City, east
from tests.projections.history import NOON

CROWD = 1_000
MOST_CANDIDATES = 1_000
"""Of one search, as `functions.lua` says."""
MOST_SEARCHES = 10
"""Rings of 152 m to 5 km are at most seven, and COUNT grows from k + 6 to MOST_CANDIDATES in three steps."""
CLAIMANTS = 32
SLOTS = 40


@pytest.fixture
def own_url(tmp_path: Path) -> Iterator[str]:
    """A server of the test's own: it counts the commands of whoever asks."""
    yield valkey.start(tmp_path / "valkey")
    valkey.stop(tmp_path / "valkey")


@pytest.fixture
def city(own_url: str) -> Iterator[City]:
    with redis.Redis.from_url(own_url, socket_timeout=5, socket_connect_timeout=2) as client:
        functions.load(client)
        yield City(client)


def calls(city: City) -> Counter[str]:
    """Commands since `config_resetstat`, by name."""
    stats = cast("dict[str, dict[str, int]]", city.valkey.info("commandstats"))
    return Counter({name.removeprefix("cmdstat_"): stat["calls"] for name, stat in stats.items()})


@pytest.mark.parametrize("near_m", [10, 1_000, 4_500])
def test_a_search_among_silent_drivers_only_takes_a_bounded_number_of_looks(city: City, near_m: int) -> None:
    crowd = [city.put() for _ in range(CROWD)]
    city.record(*(Ping(driver_id, east(near_m + index / 10), NOON) for index, driver_id in enumerate(crowd)))
    city.wait(31)
    city.valkey.config_resetstat()
    assert city.near(k=20) == []
    counted = calls(city)
    assert counted["geosearch"] <= MOST_SEARCHES
    assert counted["hmget"] <= 2 * MOST_SEARCHES
    assert counted["hget"] == 0, "rows are read together"


@pytest.mark.parametrize("near_m", [10, 1_500, 4_500])
@pytest.mark.parametrize("fresh_among_them", [0, 5])
def test_a_search_goes_on_behind_silent_drivers_until_enough_are_found(
    city: City, near_m: int, fresh_among_them: int
) -> None:
    silent = [city.put() for _ in range(MOST_CANDIDATES - 30)]
    city.record(*(Ping(driver_id, east(near_m + index / 20), NOON) for index, driver_id in enumerate(silent)))
    city.wait(31)
    fresh = [city.put() for _ in range(20)]
    places = [near_m + 10 * index for index in range(fresh_among_them)]
    places += [near_m + 110 + index for index in range(20 - fresh_among_them)]
    city.record(*(Ping(driver_id, east(place), city.now) for driver_id, place in zip(fresh, places, strict=True)))
    assert city.near_ids() == fresh, "all, nearest first, each once"


def test_a_search_that_met_too_many_silent_drivers_gives_up_until_they_are_swept_out(city: City) -> None:
    silent = [city.put() for _ in range(MOST_CANDIDATES)]
    city.record(*(Ping(driver_id, east(10), NOON) for driver_id in silent))
    city.wait(31)
    fresh = city.put()
    city.ping(fresh, east(500))
    assert city.near() == []
    city.sweep()
    assert city.near_ids() == [fresh]


def test_a_ring_without_anybody_is_not_doubled_step_by_step(city: City) -> None:
    far = city.put()
    city.ping(far, east(4_000))
    city.valkey.config_resetstat()
    assert city.near_ids() == [far]
    assert calls(city)["geosearch"] == 3, "152 m, 1.2 km and all 5 km"


def test_more_candidates_are_taken_where_the_nearest_are_silent_not_a_wider_ring(city: City) -> None:
    silent = [city.put() for _ in range(60)]
    city.record(*(Ping(driver_id, east(10), NOON) for driver_id in silent))
    city.wait(31)
    fresh = [city.put() for _ in range(20)]
    city.record(*(Ping(driver_id, east(100), city.now) for driver_id in fresh))
    city.valkey.config_resetstat()
    assert {near.driver_id for near in city.near(k=20)} == set(fresh)
    assert calls(city)["geosearch"] == 2


def test_of_many_searches_at_once_none_takes_a_slot_twice(city: City, own_url: str) -> None:
    """Everybody looks for a driver and claims the first who lets them, as matching does, until nobody is left."""
    drivers = [city.put(load=1, capacity=2) for _ in range(SLOTS)]
    city.record(*(Ping(driver_id, east(index * 5), NOON) for index, driver_id in enumerate(drivers)))
    won: list[tuple[UUID, UUID]] = []
    start = threading.Barrier(CLAIMANTS)
    until = NOON + timedelta(seconds=30)

    def search(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - no secret
        with redis.Redis.from_url(own_url, socket_timeout=5) as client:
            positions = Positions(client, prefix=PREFIX, regions={PORTO.id: PORTO})
            start.wait(10)
            while near := positions.nearest(PORTO.id, PORTO.center, k=10, radius_m=5_000, now=NOON, machine_now=NOON):
                order_id, driver = new_id(), chance.choice(near)
                if positions.claim(PORTO.id, driver.driver_id, order_id, until=until, now=NOON):
                    won.append((driver.driver_id, order_id))

    threads = [threading.Thread(target=search, args=(seed,)) for seed in range(CLAIMANTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(driver_id for driver_id, _ in won) == sorted(drivers)


def test_a_sweep_reads_the_silent_only_until_the_others_could_be_silent(city: City) -> None:
    drivers = [city.put(load=1) for _ in range(CROWD)]
    city.record(*(Ping(driver_id, PORTO.center, NOON) for driver_id in drivers))
    assert city.sweep() == []
    city.wait(10)
    city.record(*(Ping(driver_id, PORTO.center, city.now) for driver_id in drivers[1:]))
    city.wait(10)
    city.valkey.config_resetstat()
    assert city.sweep() == []
    assert calls(city)["hmget"] == 0, "nobody was due"
    city.wait(11)
    assert city.sweep() == [drivers[0]]
    city.valkey.config_resetstat()
    assert city.sweep() == [drivers[0]], "until the log knows"
    assert calls(city)["hmget"] == 2, "one window: its rows and claims"
    city.wait(10)
    assert set(city.sweep()) == set(drivers), "put off until then, but not for longer"


def test_pings_leave_the_order_of_sweeping_alone(city: City) -> None:
    drivers = [city.put() for _ in range(CROWD)]
    city.sweep()
    city.valkey.config_resetstat()
    city.record(*(Ping(driver_id, PORTO.center, NOON) for driver_id in drivers))
    assert calls(city)["zadd"] == 0
