"""Who is near and cannot be asked, on a real Valkey: each reason, and nobody in both answers."""

from datetime import timedelta
from uuid import UUID

import pytest

from application.ids import new_id
from application.surroundings import LeftOut, Unfit, left_out
from domain.region import PORTO
from tests.application.test_positions import CENTER, City, city, east

__all__ = ["city"]

ORDER, OTHER = new_id(), new_id()


def around(city: City, *asked: UUID, radius_m: float = 5_000.0) -> list[LeftOut]:
    return left_out(
        city.positions, PORTO.id, CENTER, radius_m=radius_m, now=city.now, machine_now=city.machine_now,
        asked=asked, order_id=ORDER,
    )  # fmt: skip


def reasons(city: City, *asked: UUID) -> dict[UUID, Unfit]:
    return {one.driver_id: one.why for one in around(city, *asked)}


def hold(city: City, driver_id: UUID, order_id: UUID) -> None:
    assert city.positions.claim(PORTO.id, driver_id, order_id, until=city.now + timedelta(seconds=30), now=city.now)


def test_who_can_be_asked_is_not_left_out(city: City) -> None:
    free, held_for_it = city.put(), city.put(load=1)
    for driver_id in (free, held_for_it):
        city.ping(driver_id)
    hold(city, held_for_it, ORDER)
    assert around(city) == []


def test_every_reason_is_told(city: City) -> None:
    full, suspended, asked, held = city.put(flag="N", load=2), city.put(flag="N"), city.put(), city.put()
    said_silent = city.put(flag="S")
    for driver_id in (full, suspended, asked, held, said_silent):
        city.ping(driver_id)
    hold(city, held, OTHER)
    assert reasons(city, asked) == {
        full: Unfit.FULL,
        suspended: Unfit.SUSPENDED,
        asked: Unfit.ASKED,
        held: Unfit.HELD,
        said_silent: Unfit.SILENT,
    }


@pytest.mark.parametrize("swept", [False, True])
def test_silence_is_told_before_and_after_a_sweep_noticed_it(city: City, *, swept: bool) -> None:
    driver_id = city.put()
    city.ping(driver_id)
    city.wait(60)
    if swept:
        city.sweep()
    assert reasons(city) == {driver_id: Unfit.SILENT}


def test_a_hold_that_ran_out_holds_nobody(city: City) -> None:
    driver_id = city.put()
    city.ping(driver_id)
    hold(city, driver_id, OTHER)
    city.wait(29)
    city.ping(driver_id)
    assert reasons(city) == {driver_id: Unfit.HELD}
    city.wait(2)
    assert reasons(city) == {}


def test_nearest_first_and_nobody_from_beyond_the_radius(city: City) -> None:
    beyond, far, near = (city.put(flag="N", load=2) for _ in range(3))
    for driver_id, metres in ((beyond, 6_000), (far, 3_000), (near, 1_000)):
        city.ping(driver_id, east(metres))
    found = around(city)
    assert [one.driver_id for one in found] == [near, far]
    assert found[0].distance_m == pytest.approx(1_000, rel=0.01)


def test_whoever_is_near_is_either_found_or_left_out_and_looking_writes_nothing(city: City) -> None:
    drivers = [
        city.put(flag=flag, load=load) for flag, load in (("D", 0), ("D", 1), ("N", 2), ("N", 0), ("S", 1), ("D", 0))
    ]
    for place, driver_id in enumerate(drivers):
        city.ping(driver_id, east(100.0 * place))
    hold(city, drivers[0], OTHER)
    before = {key: city.valkey.dump(key) for key in city.valkey.keys("*")}
    missing = {one.driver_id for one in around(city, drivers[5])}
    assert {key: city.valkey.dump(key) for key in city.valkey.keys("*")} == before
    found = {near.driver_id for near in city.near(exclude=(drivers[5],), order_id=ORDER)}
    assert found & missing == set()
    assert found | missing == set(drivers)
