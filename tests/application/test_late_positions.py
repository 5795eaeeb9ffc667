"""Positions that come long after they were taken: kept as where a driver was, believed by nobody to be now."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis

from application import metrics
from application.ids import new_id
from application.positions import Ping, PingCounts
from domain.region import PORTO
from projections.valkey import functions
from tests.application.test_positions import CENTER, City, east
from tests.projections.history import NOON

LATE = timedelta(minutes=6)
MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def city(valkey_url: str) -> Iterator[City]:
    with redis.Redis.from_url(valkey_url, socket_timeout=5, socket_connect_timeout=2) as client:
        functions.load(client)
        yield City(client)


def test_a_first_position_hours_old_puts_nobody_on_the_map(city: City) -> None:
    driver_id = city.put()
    assert city.ping(driver_id, at=NOON - timedelta(hours=3)) == PingCounts(late=1)
    assert city.sweep() == []
    assert city.near() == [], "nor as one whom the first sweep counts as heard of"
    assert city.positions.last_position(PORTO.id, driver_id) is None
    assert city.ping(driver_id).accepted == 1
    assert city.near_ids() == [driver_id]


def test_a_clock_five_minutes_slow_is_not_late(city: City) -> None:
    on_the_bound, beyond = city.put(), city.put()
    assert city.ping(on_the_bound, at=NOON - LATE) == PingCounts(accepted=1)
    assert city.ping(beyond, at=NOON - LATE - MOMENT) == PingCounts(late=1)
    assert city.near_ids() == [on_the_bound]


def test_out_of_a_tunnel_the_newest_tells_where_the_driver_is(city: City) -> None:
    driver_id = city.put()
    city.ping(driver_id, east(0))
    city.wait(40 * 60)
    assert city.near() == []
    gathered = [Ping(driver_id, east(second), NOON + timedelta(seconds=second)) for second in range(5, 2_401, 5)]
    counts = city.record(*gathered)
    assert (counts.late, counts.accepted, counts.dropped) == (407, 73, 0)
    [near] = city.near()
    assert near.position == east(2_400)
    assert city.record(*gathered).accepted == 0, "sent again, nothing is new"


def test_old_positions_alone_make_nobody_fresh(city: City) -> None:
    swept, silent, carrying = city.put(), city.put(flag="S", load=1), city.put(load=1)
    for driver_id in (swept, silent, carrying):
        city.ping(driver_id)
    city.wait(20 * 60)
    assert city.sweep() == [carrying]
    later = NOON + timedelta(minutes=10)
    counts = city.record(*(Ping(driver_id, CENTER, later) for driver_id in (swept, silent, carrying)))
    assert counts == PingCounts(late=3), "and nobody came back"
    assert city.near() == []
    assert city.sweep() == [carrying]


def test_late_ones_are_looked_at_like_others(city: City) -> None:
    driver_id, then = city.put(), NOON - timedelta(hours=1)
    counts = city.record(
        Ping(driver_id, east(0), then),
        Ping(driver_id, east(0), then),
        Ping(driver_id, east(5_000), then + timedelta(seconds=10)),
        Ping(driver_id, east(50), then + timedelta(seconds=10)),
        Ping(new_id(), CENTER, then),
    )
    assert counts == PingCounts(late=2, dropped_stale=1, dropped_impossible=1, dropped_unknown=1)
    city.ping(driver_id)
    assert city.ping(driver_id, at=then + timedelta(seconds=20)) == PingCounts(dropped_stale=1)


def test_of_another_day_is_impossible(city: City) -> None:
    driver_id, day = city.put(), timedelta(days=1)
    assert city.ping(driver_id, at=NOON - day - MOMENT) == PingCounts(dropped_impossible=1)
    assert city.ping(driver_id, at=NOON - day) == PingCounts(late=1)


def test_watchers_are_told_of_none(city: City) -> None:
    driver_id = city.put(load=1)
    with city.valkey.pubsub() as pubsub:  # type: ignore[no-untyped-call]
        pubsub.subscribe(city.positions.keys[PORTO.id].positions_channel)
        assert pubsub.get_message(timeout=2) is not None
        city.record(Ping(driver_id, east(0), NOON - timedelta(hours=1)), Ping(driver_id, east(9), NOON))
        message = pubsub.get_message(timeout=2)
    assert message is not None
    assert len(message["data"].splitlines()) == 1
    assert message["data"].decode().endswith(functions.stamp(NOON))


def test_they_are_counted_by_themselves(city: City) -> None:
    def counted() -> tuple[float, float]:
        accepted, late = metrics.driver_location_updates_total, metrics.driver_location_late_total
        return accepted._value.get(), late._value.get()

    accepted, late = counted()
    driver_id = city.put()
    city.record(Ping(driver_id, CENTER, NOON - timedelta(hours=1)), Ping(driver_id, CENTER, NOON))
    assert counted() == (accepted + 1, late + 1)
