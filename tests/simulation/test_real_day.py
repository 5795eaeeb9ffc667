"""Windows of a real day, and the scenario that one becomes."""

from pathlib import Path

import pytest

from simulation.geometry import Point
from simulation.mdrp import Instance, read
from simulation.real_day import BadWindow, Window, scenario, window

PORTO = (41.1496, -8.6110)


@pytest.fixture(scope="module")
def instance() -> Instance:
    return read(Path(__file__).parent / "instance")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 20 orders lie 4 minutes apart from minute 100; from 180 on there are two a minute, for twelve minutes.
        ("busiest:60", Window(132, 192)),
        ("100-190", Window(100, 190)),
        (" 100-190 ", Window(100, 190)),
        ("all", Window(0, 192)),
    ],
)
def test_understands_windows(instance: Instance, text: str, expected: Window) -> None:
    assert window(instance, text) == expected


def test_the_busiest_window_is_busier_than_any_other(instance: Instance) -> None:
    def count(start: float) -> int:
        return sum(start <= order.placement_min < start + 60 for order in instance.orders)

    assert count(window(instance, "busiest:60").start_min) == max(count(start) for start in range(200))


@pytest.mark.parametrize("text", ["", "soon", "busiest", "busiest:0", "busiest:-5", "190-100", "100-", "busiest:nan"])
def test_refuses_what_is_no_window(instance: Instance, text: str) -> None:
    with pytest.raises(BadWindow, match="is not a window; say"):
        window(instance, text)


@pytest.mark.parametrize("text", ["100-110", "busiest:5", "1000-2000"])
def test_refuses_a_window_with_too_few_orders(instance: Instance, text: str) -> None:
    with pytest.raises(BadWindow, match=r"fewer than 20; its orders are placed between minutes 100 and 191"):
        window(instance, text)


def test_a_window_excludes_its_end(instance: Instance) -> None:
    ends = scenario(instance, Window(100, 180), anchor=PORTO, region="porto", timezone="Europe/Lisbon")
    assert len(ends.orders) == 20


def test_times_count_in_seconds_from_the_windows_start(instance: Instance) -> None:
    day = scenario(instance, Window(132, 192), anchor=PORTO, region="porto", timezone="Europe/Lisbon")
    assert day.orders[0].at_seconds == 0
    order = next(order for order in instance.orders if order.placement_min == 132)
    assert day.orders[0].ready_after_seconds == (order.ready_min - order.placement_min) * 60
    assert day.ends_at_seconds == 3_600
    assert day.movement.metres_per_second == pytest.approx(320 / 60)


def test_couriers_work_their_hours(instance: Instance) -> None:
    day = scenario(instance, Window(160, 190), anchor=PORTO, region="porto", timezone="Europe/Lisbon")
    hours = {driver.name: (driver.on_seconds, driver.off_seconds) for driver in day.drivers}
    regulars = {f"Courier c{number}": (0, (290 + number - 160) * 60) for number in range(7, 15)}
    assert hours == regulars | {
        "Courier c1": (0, 240 * 60),
        "Courier c3": (600, 240 * 60),
        "Courier c4": (1_200, 3_600),
        "Courier c6": (0, 170 * 60),
    }


def test_distances_survive_the_move_to_the_anchor(instance: Instance) -> None:
    day = scenario(instance, window(instance, "all"), anchor=PORTO, region="porto", timezone="Europe/Lisbon")
    names = sorted(instance.restaurants)
    for order, plan in zip(instance.orders, day.orders, strict=True):
        assert plan.restaurant is not None
        assert names[plan.restaurant] == order.restaurant
        there = day.plane.to_degrees(day.restaurants[plan.restaurant].point)
        here = day.plane.to_degrees(plan.dropoff)
        metres = day.plane.to_metres(there).distance_m(day.plane.to_metres(here))
        assert metres == pytest.approx(instance.restaurants[order.restaurant].distance_m(order.point))


def test_the_centre_of_the_restaurants_lies_on_the_anchor(instance: Instance) -> None:
    day = scenario(instance, window(instance, "all"), anchor=PORTO, region="porto", timezone="Europe/Lisbon")
    points = [restaurant.point for restaurant in day.restaurants]
    center = Point(sum(p.x_m for p in points) / len(points), sum(p.y_m for p in points) / len(points))
    assert day.plane.to_degrees(center) == pytest.approx(PORTO)
