"""Pings in, nearest drivers out, claims and silence, on a real Valkey."""

import math
import random
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import pytest
import redis

from application.ids import new_id
from application.positions import Near, Ping, PingCounts, Positions
from domain.geo import Position, distance_m
from domain.region import PORTO
from projections.valkey import functions
from projections.valkey.facts import DriverFacts
from tests.projections.history import NOON
from tests.waiting import BOUND_SECONDS

PREFIX = "t:"
CENTER = PORTO.center


class City:
    """Drivers on duty, put there as the projection does, and a clock that runs as told."""

    def __init__(self, valkey: redis.Redis) -> None:
        self.valkey = valkey
        self.positions = Positions(valkey, prefix=PREFIX, regions={PORTO.id: PORTO})
        self.now = self.machine_now = NOON
        self.keys = self.positions.keys[PORTO.id].written
        functions.call(valkey, "begin", self.keys, "1")

    def put(self, driver_id: UUID | None = None, *, flag: str = "D", load: int = 0, capacity: int = 2) -> UUID:
        driver_id = driver_id or new_id()
        facts = msgspec.json.encode(DriverFacts(on_shift=flag != "-", load=load, capacity=capacity, deliveries=7))
        args = ("1", 0, "1", 0, 1, str(driver_id), flag, f"{load:02d}{capacity:02d}", facts)
        assert functions.call(self.valkey, "follow", self.keys, *args) == 1
        return driver_id

    def ping(self, driver_id: UUID, position: Position = CENTER, *, at: datetime | None = None) -> PingCounts:
        return self.record(Ping(driver_id, position, at or self.now))

    def record(self, *pings: Ping) -> PingCounts:
        return self.positions.record(PORTO.id, pings, now=self.now, machine_now=self.machine_now)

    def near(
        self, *, k: int = 20, radius_m: float = 5_000.0, exclude: tuple[UUID, ...] = (), order_id: UUID | None = None
    ) -> list[Near]:
        return self.positions.nearest(
            PORTO.id, CENTER, k=k, radius_m=radius_m, now=self.now, machine_now=self.machine_now,
            exclude=exclude, order_id=order_id,
        )  # fmt: skip

    def near_ids(self) -> list[UUID]:
        return [near.driver_id for near in self.near()]

    def sweep(self) -> list[UUID]:
        found = self.positions.sweep(PORTO.id, now=self.now, machine_now=self.machine_now)
        return [silent.driver_id for silent in found]

    def wait(self, seconds: float, *, machine_seconds: float | None = None) -> None:
        self.now += timedelta(seconds=seconds)
        self.machine_now += timedelta(seconds=seconds if machine_seconds is None else machine_seconds)


@pytest.fixture
def city(valkey_url: str) -> Iterator[City]:
    with redis.Redis.from_url(valkey_url, socket_timeout=5, socket_connect_timeout=2) as client:
        functions.load(client)
        yield City(client)


def east(metres: float) -> Position:
    """With as many digits as are kept of a ping."""
    lon = CENTER.lon + metres / (111_195 * math.cos(math.radians(CENTER.lat)))
    return Position(lat=CENTER.lat, lon=round(lon, 6))


def test_a_ping_is_taken_and_tells_the_last_position(city: City) -> None:
    driver_id = city.put()
    assert city.positions.last_position(PORTO.id, driver_id) is None
    assert city.ping(driver_id) == PingCounts(accepted=1)
    last = city.positions.last_position(PORTO.id, driver_id)
    assert last is not None
    assert (last.position, last.at) == (CENTER, NOON)


def test_old_unknown_and_impossible_pings_are_dropped_and_counted(city: City) -> None:
    driver_id = city.put()
    city.ping(driver_id)
    assert city.ping(driver_id) == PingCounts(dropped_stale=1)
    assert city.ping(driver_id, at=NOON - timedelta(seconds=1)) == PingCounts(dropped_stale=1)
    assert city.ping(new_id()) == PingCounts(dropped_unknown=1)
    city.wait(10)
    assert city.ping(driver_id, at=city.now + timedelta(minutes=6)) == PingCounts(dropped_impossible=1)
    # 10 s at 70 m/s, and 250 m for a bad fix.
    assert city.ping(driver_id, east(1_000)) == PingCounts(dropped_impossible=1)
    assert city.ping(driver_id, Position(lat=89.0, lon=0.0)) == PingCounts(dropped_impossible=1)
    assert city.ping(driver_id, east(900)) == PingCounts(accepted=1)


def test_a_ping_from_a_fast_clock_counts_as_now_and_blocks_nothing(city: City) -> None:
    driver_id = city.put()
    assert city.ping(driver_id, at=NOON + timedelta(minutes=4)).accepted == 1
    city.wait(1)
    assert city.ping(driver_id).accepted == 1


def test_after_a_minute_a_driver_may_be_anywhere(city: City) -> None:
    driver_id = city.put()
    city.ping(driver_id, Position(lat=0.0, lon=0.0))
    city.wait(59)
    assert city.ping(driver_id).dropped_impossible == 1
    city.wait(1)
    assert city.ping(driver_id).accepted == 1


def test_the_pings_of_one_driver_in_one_write_count_one_after_the_other(city: City) -> None:
    driver_id = city.put()
    first, second = NOON - timedelta(seconds=5), NOON
    counts = city.record(
        Ping(driver_id, east(0), first),
        Ping(driver_id, east(0), first),
        Ping(driver_id, east(5_000), second),
        Ping(driver_id, east(50), second),
    )
    assert counts == PingCounts(accepted=2, dropped_stale=1, dropped_impossible=1)
    [near] = city.near()
    assert near.position == east(50)


def test_more_pings_than_one_call_takes(city: City) -> None:
    drivers = [city.put() for _ in range(1_100)]
    assert city.record(*(Ping(driver_id, CENTER, NOON) for driver_id in drivers)).accepted == len(drivers)


def test_nearest_answers_as_a_sort_by_distance_would(city: City) -> None:
    chance = random.Random(41)  # noqa: S311 - no secret
    places = {
        city.put(): Position(lat=CENTER.lat + chance.gauss(0, 0.03), lon=CENTER.lon + chance.gauss(0, 0.03))
        for _ in range(400)
    }
    city.record(*(Ping(driver_id, place, NOON) for driver_id, place in places.items()))
    for k, radius_m in ((1, 5_000.0), (20, 5_000.0), (20, 700.0), (300, 4_000.0)):
        expected = sorted(d for place in places.values() if (d := distance_m(CENTER, place)) <= radius_m)[:k]
        found = [near.distance_m for near in city.near(k=k, radius_m=radius_m)]
        # The geo set rounds to less than a metre, on a globe 0.03 % larger than ours.
        assert found == pytest.approx(expected, rel=0.001, abs=2)


def test_nearest_tells_load_capacity_and_facts(city: City) -> None:
    driver_id = city.put(load=1, capacity=3)
    city.ping(driver_id, east(100))
    [near] = city.near()
    assert (near.driver_id, near.load, near.capacity, near.board.deliveries) == (driver_id, 1, 3, 7)
    assert near.distance_m == pytest.approx(100, abs=2)


def test_who_cannot_be_dispatched_is_not_near(city: City) -> None:
    for flag, load in (("D", 2), ("N", 0), ("S", 1)):
        city.ping(city.put(flag=flag, load=load))
    city.put()
    assert city.near() == []


def test_near_drivers_asked_already_do_not_hide_the_one_behind_them(city: City) -> None:
    asked = [city.put() for _ in range(60)]
    behind = city.put()
    city.record(*(Ping(driver_id, east(10), NOON) for driver_id in asked), Ping(behind, east(200), NOON))
    assert [near.driver_id for near in city.near(k=1, exclude=tuple(asked))] == [behind]


def test_silent_drivers_near_by_do_not_hide_the_one_behind_them(city: City) -> None:
    gone = [city.put() for _ in range(60)]
    city.record(*(Ping(driver_id, east(10), NOON) for driver_id in gone))
    city.wait(31)
    behind = city.put()
    city.ping(behind, east(3_000))
    assert [near.driver_id for near in city.near(k=1)] == [behind]


def test_a_change_of_membership_keeps_the_place(city: City) -> None:
    driver_id = city.put()
    city.ping(driver_id, east(120))
    city.put(driver_id, flag="N", load=2)
    assert city.near() == []
    city.put(driver_id, load=1)
    [near] = city.near()
    assert (near.position, near.load) == (east(120), 1)


def test_the_end_of_a_shift_forgets_the_place(city: City) -> None:
    driver_id = city.put()
    city.ping(driver_id)
    city.put(driver_id, flag="-")
    assert city.near() == []
    assert city.ping(driver_id, at=NOON + timedelta(seconds=1)).dropped_unknown == 1
    city.put(driver_id)
    assert city.near() == []


def test_a_claim_is_exclusive_until_it_runs_out_or_is_released(city: City) -> None:
    driver_id, first, second = city.put(), new_id(), new_id()
    city.ping(driver_id)

    def claim(order_id: UUID) -> bool:
        until = city.now + timedelta(seconds=30)
        return city.positions.claim(PORTO.id, driver_id, order_id, until=until, now=city.now)

    assert claim(first)
    assert claim(first), "the same order may claim again"
    assert not claim(second)
    assert city.near() == []
    assert [near.driver_id for near in city.near(order_id=first)] == [driver_id]
    city.positions.release_claim(PORTO.id, driver_id, second)
    assert not claim(second), "only the order that holds the driver lets go"
    city.positions.release_claim(PORTO.id, driver_id, first)
    assert claim(second)
    city.wait(30)
    assert claim(first)


def test_nobody_is_claimed_who_cannot_be_dispatched(city: City) -> None:
    until = NOON + timedelta(seconds=30)
    for driver_id in (city.put(load=2), city.put(flag="S"), city.put(flag="-"), new_id()):
        assert not city.positions.claim(PORTO.id, driver_id, new_id(), until=until, now=NOON)


def test_of_many_that_claim_at_once_one_wins(city: City, valkey_url: str) -> None:
    driver_id = city.put()
    city.ping(driver_id)
    won: list[UUID] = []
    start = threading.Barrier(16)

    def search() -> None:
        order_id = new_id()
        with redis.Redis.from_url(valkey_url, socket_timeout=5) as client:
            positions = Positions(client, prefix=PREFIX, regions={PORTO.id: PORTO})
            start.wait(5)
            if positions.claim(PORTO.id, driver_id, order_id, until=NOON + timedelta(seconds=30), now=NOON):
                won.append(order_id)

    threads = [threading.Thread(target=search) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(won) == 1


def test_silence_needs_both_clocks(city: City) -> None:
    driver_id = city.put(load=1)
    city.ping(driver_id)
    city.wait(60, machine_seconds=1)
    assert city.near_ids() == [driver_id]
    assert city.sweep() == []
    city.wait(0, machine_seconds=2.5)
    assert city.near() == []
    assert city.sweep() == [driver_id]


def test_a_sweep_reports_who_carries_or_is_offered_until_the_log_knows(city: City) -> None:
    idle, carrying, full, offered = city.put(), city.put(load=1), city.put(flag="N", load=2), city.put()
    for driver_id in (idle, carrying, full, offered):
        city.ping(driver_id)
    city.wait(31)
    until = city.now + timedelta(seconds=20)
    assert city.positions.claim(PORTO.id, offered, new_id(), until=until, now=city.now)
    assert set(city.sweep()) == {carrying, full, offered}
    assert set(city.sweep()) == {carrying, full, offered}
    assert city.near() == []
    for driver_id, load in ((carrying, 1), (full, 2), (offered, 0)):
        city.put(driver_id, flag="S", load=load)
    assert city.sweep() == []


def test_a_silent_driver_tells_when_last_seen(city: City) -> None:
    driver_id = city.put(load=1)
    city.ping(driver_id)
    city.wait(40)
    [silent] = city.positions.sweep(PORTO.id, now=city.now, machine_now=city.machine_now)
    assert (silent.driver_id, silent.last_seen_at, silent.load) == (driver_id, NOON, 1)


def test_an_idle_driver_swept_out_is_near_again_with_the_next_ping(city: City) -> None:
    driver_id = city.put()
    city.ping(driver_id)
    city.wait(31)
    assert city.sweep() == []
    assert city.near() == []
    assert city.ping(driver_id) == PingCounts(accepted=1)
    assert city.near_ids() == [driver_id]
    keys = city.positions.keys[PORTO.id]
    assert city.valkey.zcard(keys.full) == 0, "nobody stands in two sets"


def test_whoever_the_log_holds_for_silent_comes_back_with_a_ping(city: City) -> None:
    driver_id = city.put(flag="S", load=1)
    assert city.ping(driver_id) == PingCounts(accepted=1, came_back=(driver_id,))
    assert city.near() == [], "until the log knows"
    city.put(driver_id, load=1)
    assert city.near_ids() == [driver_id]


def test_drivers_never_heard_of_count_from_the_first_sweep(city: City) -> None:
    driver_id = city.put(load=1)
    assert city.sweep() == []
    city.wait(29)
    assert city.sweep() == []
    city.wait(2)
    assert city.sweep() == [driver_id]


def test_a_sweep_looks_at_everybody(city: City) -> None:
    drivers = [city.put(load=index % 2) for index in range(1_200)]
    city.record(*(Ping(driver_id, CENTER, NOON) for driver_id in drivers))
    city.wait(31)
    assert len(city.sweep()) == 600
    assert city.near() == []
    keys = city.positions.keys[PORTO.id]
    assert (city.valkey.zcard(keys.free), city.valkey.zcard(keys.full)) == (0, 1_200)


def test_claims_that_ran_out_are_cleared_away(city: City) -> None:
    driver_id = city.put()
    city.positions.claim(PORTO.id, driver_id, new_id(), until=NOON + timedelta(seconds=30), now=NOON)
    city.wait(31)
    city.sweep()
    assert city.valkey.hlen(city.positions.keys[PORTO.id].claims) == 0


def test_positions_of_drivers_under_way_are_published(city: City) -> None:
    carrying, idle = city.put(load=1), city.put()
    keys = city.positions.keys[PORTO.id]
    with city.valkey.pubsub() as pubsub:  # type: ignore[no-untyped-call]
        pubsub.subscribe(keys.positions_channel)
        assert pubsub.get_message(timeout=BOUND_SECONDS) is not None
        city.record(Ping(idle, CENTER, NOON), Ping(carrying, CENTER, NOON))
        message = pubsub.get_message(timeout=BOUND_SECONDS)
    assert message is not None
    assert message["data"].decode() == f"{carrying} {CENTER.lat:.6f} {CENTER.lon:.6f} {functions.stamp(NOON)}"


def test_a_server_without_the_functions_gets_them(city: City) -> None:
    driver_id = city.put()
    city.valkey.function_delete(functions.NAME)
    assert city.ping(driver_id).accepted == 1
    assert city.near_ids() == [driver_id]
