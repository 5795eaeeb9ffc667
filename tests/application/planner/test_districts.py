"""Where a region is cut, and who belongs where."""

from random import Random
from uuid import UUID

from msgspec.structs import replace

from application.planner.districts import districts
from application.planner.outlook import OnDuty
from domain.geo import Position
from domain.order import Status
from tests.application.planner.test_outlook import KITCHEN, north, order


def at(metres: float) -> OnDuty:
    return OnDuty(driver_id=UUID(int=int(metres) + 1), position=north(metres))


def test_few_orders_are_one_district() -> None:
    orders, drivers = [order() for _ in range(5)], [at(10), at(9_000)]
    (only,) = districts(orders, drivers, most_orders=5)
    assert only.searching == tuple(orders)
    assert only.on_duty == tuple(drivers)


def test_a_long_city_is_cut_across_and_drivers_stay_with_their_end() -> None:
    orders = [order(restaurant_position=north(100.0 * number)) for number in range(100)]
    found = districts(orders, [at(0), at(9_900)], most_orders=50)
    assert [len(one.searching) for one in found] == [50, 50]
    assert [[driver.driver_id.int for driver in one.on_duty] for one in found] == [[1], [9_901]]


def test_nobody_is_lost_and_no_district_is_too_big() -> None:
    random = Random(3)  # noqa: S311 - no secret

    def somewhere() -> Position:
        return Position(lat=KITCHEN.lat + random.uniform(-0.1, 0.1), lon=KITCHEN.lon + random.uniform(-0.1, 0.1))

    orders = [order(restaurant_position=somewhere()) for _ in range(700)]
    drivers = [OnDuty(driver_id=UUID(int=number), position=somewhere()) for number in range(300)]
    found = districts(orders, drivers, most_orders=60)
    assert max(len(one.searching) for one in found) <= 60
    assert sorted(one.order_id for part in found for one in part.searching) == sorted(one.order_id for one in orders)
    assert sorted(one.driver_id for part in found for one in part.on_duty) == [UUID(int=n) for n in range(300)]


def test_a_restaurants_orders_stay_together_as_long_as_there_are_others() -> None:
    mine, theirs = [order() for _ in range(30)], [order(restaurant_position=north(2_000)) for _ in range(50)]
    found = districts([*mine, *theirs], [at(0)], most_orders=60)
    assert [len({one.restaurant_position for one in part.searching}) for part in found] == [1, 1]
    assert len(districts(mine, [at(0)], most_orders=10)) >= 3, "one restaurant alone is cut all the same"


def test_a_busy_driver_belongs_where_they_will_be_free() -> None:
    orders = [order(restaurant_position=north(100.0 * number)) for number in range(100)]
    carried = order(status=Status.PICKED_UP, dropoff_position=north(9_900))
    busy = replace(at(0), orders=(carried,))
    south, northern = districts(orders, [busy], most_orders=50)
    assert (south.on_duty, northern.on_duty) == ((), (busy,))
