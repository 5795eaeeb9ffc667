"""Whoever should have been free long ago is not waited for."""

from datetime import timedelta
from uuid import UUID

from msgspec.structs import replace

from application.planner.committing import steps
from application.planner.outlook import OnDuty, minutes, problem
from application.planner.overdue import PATIENCE, Overdue
from domain.order import Status
from planning import search
from tests.application.planner.test_outlook import KITCHEN, NOW, REGION, north, order

MINUTE = timedelta(minutes=1)
CARRIED = order(driver_id=UUID(int=7), status=Status.PICKED_UP)
STUCK = OnDuty(driver_id=UUID(int=7), position=CARRIED.dropoff_position, orders=(CARRIED,))
"""At the door since for ever: two minutes and the driver will be free, says each plan."""


def test_a_plan_waits_for_who_is_late_as_long_as_they_are_in_it() -> None:
    waiting, idle = order(status=Status.READY_FOR_PICKUP), OnDuty(driver_id=UUID(int=8), position=north(9_000.0))
    later = NOW + 60 * MINUTE
    for now in (NOW, later):
        todo = problem(REGION, now, [waiting], [STUCK, idle], {})
        (step,) = steps(todo, search.plan(todo, {}, 0), 0.75)
        assert step.driver.id == 7
        assert step.offer_min > minutes(now), "never due"
    overdue = Overdue(REGION)
    overdue.left_out([STUCK], NOW)
    todo = problem(REGION, later, [waiting], [*overdue.left_out([STUCK], later), idle], {})
    (step,) = steps(todo, search.plan(todo, {}, 0), 0.75)
    assert step.driver.id == 8
    assert step.offer_min <= minutes(later)


def test_a_driver_is_left_out_once_late_and_back_when_getting_on() -> None:
    overdue = Overdue(REGION)
    free = 2 * MINUTE
    assert overdue.left_out([STUCK], NOW) == [STUCK]
    assert overdue.left_out([STUCK], NOW + free + PATIENCE) == [STUCK]
    late = NOW + free + PATIENCE + MINUTE
    assert overdue.left_out([STUCK], late) == []
    asked = replace(STUCK, orders=(CARRIED, order(offered_to=UUID(int=7))))
    assert overdue.left_out([asked], late) == [], "to be asked for more is not getting on"
    on = replace(STUCK, orders=(order(driver_id=UUID(int=7), status=Status.PICKED_UP),))
    assert overdue.left_out([on], late) == [on]
    assert overdue.left_out([], late) == []


def test_the_kitchens_time_is_not_the_drivers() -> None:
    carried = order(driver_id=UUID(int=7), prep_seconds=3_600)
    waits = OnDuty(driver_id=UUID(int=7), position=KITCHEN, orders=(carried,))
    overdue = Overdue(REGION)
    for passed in (0, 50):
        assert overdue.left_out([waits], NOW + passed * MINUTE) == [waits]
    assert overdue.left_out([waits], NOW + 67 * MINUTE) == []


def test_who_is_only_asked_is_no_matter_how_long() -> None:
    asked = OnDuty(driver_id=UUID(int=7), position=KITCHEN, orders=(order(offered_to=UUID(int=7)),))
    overdue = Overdue(REGION)
    assert overdue.left_out([asked], NOW) == [asked]
    assert overdue.left_out([asked], NOW + 60 * MINUTE) == [asked]
