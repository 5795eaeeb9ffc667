"""Support looks where a driver was."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from litestar.testing import TestClient

from api.app import Api
from application.ids import new_id
from application.tracks import track
from tests.api.conftest import HandClock
from tests.api.people import HERE, THERE, City, Person
from tests.api.test_loop import ping
from tests.api.test_problems import fields, problem
from tests.waiting import eventually


@pytest.fixture
def driver(client: TestClient[Api], city: City, clock: HandClock) -> Person:
    """Here three hours ago, there a minute ago; never with an order."""
    driver = city.driver()
    driver.do("/v1/driver/shift")
    ping(driver, clock, HERE)
    clock.move(3 * 3_600)
    ping(driver, clock, THERE)
    clock.move(60)
    since, tiffin = clock.now() - timedelta(hours=4), client.app.services.tiffin
    eventually(lambda: len(track(tiffin.reads, UUID(driver.id), since, clock.now())) == 2, what="it is written")
    return driver


def path(driver: Person) -> str:
    return f"/v1/support/drivers/{driver.id}/track"


def places(told: Any) -> list[dict[str, float]]:
    return [fix["position"] for fix in told["fixes"]]


def test_the_last_hour_unless_told_otherwise(staff: Person, driver: Person, clock: HandClock) -> None:
    told = staff.show(path(driver))
    assert (told["driver_id"], told["driver_name"], told["complete"]) == (driver.id, "Driver Silva", True)
    assert places(told) == [THERE]
    since, until = clock.now() - timedelta(hours=4), clock.now() - timedelta(hours=2)
    assert places(staff.show(path(driver), since=since.isoformat())) == [HERE, THERE]
    assert places(staff.show(path(driver), since=since.isoformat(), until=until.isoformat())) == [HERE]


def test_a_day_at_most(staff: Person, driver: Person, clock: HandClock) -> None:
    for since in (clock.now() - timedelta(days=1, seconds=1), clock.now() + timedelta(seconds=1)):
        found = problem(staff.get(path(driver), since=since.isoformat()), 422, "invalid-input")
        assert fields(found) == ["since"]


def test_who_is_unknown_has_none(staff: Person) -> None:
    problem(staff.get(f"/v1/support/drivers/{new_id()}/track"), 404, "not-found")


def test_nobody_else_may_look(driver: Person, city: City) -> None:
    for person in (driver, city.customer(), city.restaurant()):
        problem(person.get(path(driver)), 403, "forbidden")
