"""The invented evening."""

from itertools import pairwise

from simulation.city import dinner_rush
from simulation.scenario import Moment, Scenario

PORTO = (41.1496, -8.6110)


def evening(seed: int = 7) -> Scenario:
    return dinner_rush(center=PORTO, region="porto", timezone="Europe/Lisbon", metres_per_second=4.6, seed=seed)


def test_the_same_seed_gives_the_same_evening() -> None:
    assert evening() == evening()
    assert evening().orders != evening(seed=8).orders


def test_it_is_as_big_as_announced() -> None:
    city = evening()
    assert (len(city.restaurants), len(city.drivers), len(city.orders)) == (40, 80, 420)
    assert all(0 <= order.at_seconds <= city.ends_at_seconds for order in city.orders)
    assert all(before.at_seconds <= after.at_seconds for before, after in pairwise(city.orders))


def test_people_misbehave_as_announced() -> None:
    city = evening()
    silent = [driver.silence for driver in city.drivers if driver.silence]
    assert {silence.moment for silence in silent} == set(Moment)
    assert len(silent) == 5
    assert all(driver.decline_rate >= 0.12 for driver in city.drivers)
    assert sum(order.late_seconds > 240 for order in city.orders) >= 20
    assert sum(order.cancel_after_seconds is not None for order in city.orders) >= 10
    assert any(order.rejected for order in city.orders)


def test_small_cities_have_fewer_silent_drivers() -> None:
    small = dinner_rush(
        center=PORTO, region="porto", timezone="Europe/Lisbon", metres_per_second=4.6, drivers=3, orders=5
    )
    assert not any(driver.silence for driver in small.drivers)
