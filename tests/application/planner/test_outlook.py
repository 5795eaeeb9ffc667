"""A region in numbers: who is free where and when, what is on the way already, what is not for whom."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from application.ids import new_id
from application.planner.outlook import OnDuty, by_driver, followed, minutes, problem, ready_seconds
from domain.geo import Position
from domain.order import DispatchStatus, Status
from domain.region import PORTO, Travel
from planning import search
from planning.problem import Driver, Plan, Problem
from projections.order_lists import OrderInPlay

NOW = datetime(2026, 6, 1, 20, 0, tzinfo=UTC)
"""21 h in Porto: no rush hour."""
KITCHEN = Position(lat=41.15, lon=-8.61)
METRES_NORTH = 1 / 111_195
REGION = replace(PORTO, travel=Travel(speed_mps=10.0, detour_factor=1.0))
"""600 m are a minute."""


def north(metres: float) -> Position:
    return replace(KITCHEN, lat=KITCHEN.lat + metres * METRES_NORTH)


def order(**changes: Any) -> OrderInPlay:
    whole = OrderInPlay(
        order_id=new_id(),
        status=Status.PREPARING,
        dispatch=DispatchStatus.IDLE,
        driver_id=None,
        offered_to=None,
        restaurant_id=UUID(int=1),
        restaurant_position=KITCHEN,
        dropoff_position=north(1_200),
        prep_seconds=600,
        placed_at=NOW - timedelta(minutes=5),
        confirmed_at=NOW - timedelta(minutes=4),
    )
    return replace(whole, **changes)


def planned(
    searching: list[OrderInPlay], *drivers: OnDuty, refused: Mapping[UUID, AbstractSet[UUID]] | None = None
) -> Problem:
    return problem(REGION, NOW, searching, drivers, refused or {})


def only(found: Problem) -> Driver:
    (driver,) = found.drivers
    return driver


def test_food_is_ready_when_the_kitchen_said_and_overdue_food_now() -> None:
    assert ready_seconds(order(), NOW) == 360
    assert ready_seconds(order(prep_seconds=60), NOW) == 0
    assert ready_seconds(order(status=Status.READY_FOR_PICKUP), NOW) == 0
    found = planned([order()])
    assert found.orders[0].ready_min - found.now_min == pytest.approx(6)
    assert found.orders[0].placed_min == minutes(NOW) - 5


def test_an_idle_driver_is_free_where_they_stand() -> None:
    found = planned([order()], OnDuty(driver_id=UUID(int=7), position=north(600)))
    driver = only(found)
    assert (driver.id, driver.free_min, driver.heading) == (7, found.now_min, False)
    assert found.travel_min[driver.place][found.orders[0].restaurant] == pytest.approx(1, rel=1e-3)


def test_who_is_on_the_way_to_a_restaurant_may_be_given_more_there() -> None:
    carried, new = order(driver_id=UUID(int=7)), order()
    found = planned([new], OnDuty(driver_id=UUID(int=7), position=north(1_200), orders=(carried,)))
    driver = only(found)
    assert driver.heading
    assert driver.locked == {carried.order_id.int}
    assert driver.free_min - found.now_min == pytest.approx(2, rel=1e-3)
    assert {one.id for one in found.orders} == {carried.order_id.int, new.order_id.int}


def test_who_is_full_is_given_no_more_not_even_there() -> None:
    first, joining = order(), order()
    before = planned([first, joining], OnDuty(driver_id=UUID(int=7), position=KITCHEN))
    plan: Plan = {7: (tuple(before.orders),)}
    mine = replace(first, driver_id=UUID(int=7))
    now = planned([joining], OnDuty(driver_id=UUID(int=7), position=KITCHEN, orders=(mine,), full=True))
    assert only(now).sealed
    for found in (followed(plan, now), search.plan(now, followed(plan, now), 0)):
        assert [[one.id for one in bundle] for bundle in found[7]] == [[first.order_id.int], [joining.order_id.int]]


def test_who_has_the_food_is_free_at_the_customers() -> None:
    carried = order(driver_id=UUID(int=7), status=Status.PICKED_UP)
    found = planned([order()], OnDuty(driver_id=UUID(int=7), position=KITCHEN, orders=(carried,)))
    driver = only(found)
    assert not driver.heading
    assert driver.free_min - found.now_min == pytest.approx(2 + 2, rel=1e-3), "the drive, and the stop"
    assert found.travel_min[driver.place][found.orders[0].restaurant] == pytest.approx(2, rel=1e-3)
    assert len(found.orders) == 1, "what is picked up is planned no more"


def test_two_restaurants_are_a_way_to_finish_first() -> None:
    near = order(driver_id=UUID(int=7), status=Status.READY_FOR_PICKUP)
    other = order(
        driver_id=UUID(int=7), restaurant_id=UUID(int=2), restaurant_position=north(300), status=Status.READY_FOR_PICKUP
    )
    found = planned([order()], OnDuty(driver_id=UUID(int=7), position=KITCHEN, orders=(near, other)))
    assert not only(found).heading
    assert only(found).free_min - found.now_min == pytest.approx(2 + 4, rel=1e-3)


def test_a_refusal_holds_but_not_for_what_the_driver_has_by_now() -> None:
    carried, new = order(driver_id=UUID(int=7)), order()
    on_duty = OnDuty(driver_id=UUID(int=7), position=KITCHEN, orders=(carried,))
    found = planned([new], on_duty, refused={UUID(int=7): {carried.order_id, new.order_id}})
    assert only(found).refused == {new.order_id.int}


def test_nobody_is_foreseen_who_is_too_far_away_to_be_asked() -> None:
    within, beyond = order(restaurant_position=north(9_900)), order(restaurant_position=north(-10_100))
    idle = [OnDuty(driver_id=UUID(int=number), position=KITCHEN) for number in (7, 8)]
    plan = search.plan(planned([within, beyond], *idle), {}, 0)
    assert [one.id for route in plan.values() for bundle in route for one in bundle] == [within.order_id.int]


def test_whoever_is_asked_is_taken_to_say_yes() -> None:
    asked, carried, free = order(offered_to=UUID(int=7)), order(driver_id=UUID(int=8)), order()
    assert by_driver([asked, carried, free]) == {UUID(int=7): (asked,), UUID(int=8): (carried,)}


def test_an_earlier_plan_is_followed_in_terms_of_now() -> None:
    first, joining, later, gone = order(), order(), order(restaurant_position=north(600)), order()
    before = planned([first, joining, later, gone], OnDuty(driver_id=UUID(int=7), position=KITCHEN))
    a, b, c, d = before.orders
    plan: Plan = {7: ((a, b), (d,), (c,))}

    mine = replace(first, driver_id=UUID(int=7), status=Status.READY_FOR_PICKUP)
    now = planned([joining, later], OnDuty(driver_id=UUID(int=7), position=KITCHEN, orders=(mine,)))
    route = followed(plan, now)[7]
    assert [[one.id for one in bundle] for bundle in route] == [
        [first.order_id.int, joining.order_id.int],
        [later.order_id.int],
    ]
    assert all(one in now.orders for bundle in route for one in bundle), "what is known now, not what was"


def test_what_somebody_else_has_by_now_leaves_the_plan() -> None:
    stolen = order()
    before = planned([stolen], OnDuty(driver_id=UUID(int=7), position=KITCHEN))
    plan: Plan = {7: ((before.orders[0],),)}
    thief = OnDuty(driver_id=UUID(int=8), position=KITCHEN, orders=(replace(stolen, driver_id=UUID(int=8)),))
    now = planned([], OnDuty(driver_id=UUID(int=7), position=KITCHEN), thief)
    assert list(followed(plan, now)) == [8]
