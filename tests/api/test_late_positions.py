"""What a device gathered where it was not heard, at each of the three doors."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from litestar.testing import TestClient
from msgspec.structs import replace

from api.app import Api
from application.settings import Settings
from application.tracks import track
from tests.api.conftest import HandClock
from tests.api.people import HERE, City, Person
from tests.api.test_driver_socket import opened, until
from tests.api.test_gateway import TOKEN, relay
from tests.api.test_loop import ping
from tests.waiting import eventually

HOURS = timedelta(hours=2)
"""Since the driver was last heard."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, positions=replace(settings.positions, gateway_token=TOKEN))


@pytest.fixture
def driver(city: City, clock: HandClock) -> Person:
    driver = city.driver()
    driver.do("/v1/driver/shift")
    ping(driver, clock)
    clock.move(HOURS.total_seconds())
    return driver


@pytest.fixture
def gathered(clock: HandClock, driver: Person) -> list[dict[str, Any]]:  # noqa: ARG001 - has moved the clock
    """An hour ago, and now."""
    return [HERE | {"at": at.isoformat()} for at in (clock.now() - timedelta(hours=1), clock.now())]


def kept(client: TestClient[Api], driver: Person, clock: HandClock) -> int:
    tiffin = client.app.services.tiffin
    return len(track(tiffin.reads, UUID(driver.id), clock.now() - timedelta(minutes=90), clock.now()))


def test_a_device_of_its_own(
    client: TestClient[Api], driver: Person, clock: HandClock, gathered: list[dict[str, Any]]
) -> None:
    answer = driver.call("POST", "/v1/driver/positions", json={"positions": gathered})
    assert answer.json() == {"accepted": 1, "late": 1, "dropped": 0}
    eventually(lambda: kept(client, driver, clock) == 2, what="both are in the history")


def test_a_gateway(client: TestClient[Api], driver: Person, clock: HandClock, gathered: list[dict[str, Any]]) -> None:
    answer = relay(client, *({"driver_id": driver.id} | one for one in gathered))
    assert answer.json() == {"accepted": 1, "late": 1, "dropped": {"stale": 0, "unknown": 0, "impossible": 0}}
    eventually(lambda: kept(client, driver, clock) == 2, what="both are in the history")


def test_a_socket(client: TestClient[Api], driver: Person, clock: HandClock, gathered: list[dict[str, Any]]) -> None:
    with opened(client, driver) as socket:
        for one in gathered:
            socket.send_json(one)
        assert [until(socket, "taken") for _ in gathered] == [
            {"accepted": 0, "late": 1, "dropped": 0},
            {"accepted": 1, "late": 0, "dropped": 0},
        ]
        eventually(lambda: kept(client, driver, clock) == 2, what="both are in the history")
