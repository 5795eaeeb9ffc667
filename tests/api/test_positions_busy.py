"""Valkey is away: every door for positions says when to come again, and takes them once it is back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from msgspec.structs import replace

from api.app import Api
from application.engines import valkey
from application.settings import Settings, ValkeySettings
from tests.api.conftest import HandClock
from tests.api.people import City, Person
from tests.api.test_driver_socket import here, opened, until
from tests.api.test_gateway import TOKEN, relay
from tests.api.test_loop import ping
from tests.api.test_problems import problem
from tests.waiting import eventually


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Of a Valkey of the test's own, to stop and start."""
    folder = tmp_path / "valkey"
    yield folder
    valkey.stop(folder)


@pytest.fixture
def settings(settings: Settings, folder: Path) -> Settings:
    positions = replace(settings.positions, gateway_token=TOKEN)
    return replace(settings, positions=positions, valkey=ValkeySettings(url=valkey.start(folder)))


@pytest.fixture
def driver(city: City, clock: HandClock) -> Person:
    driver = city.driver()
    driver.do("/v1/driver/shift")
    ping(driver, clock)
    return driver


def test_every_door_says_when_to_come_again(
    client: TestClient[Api], driver: Person, clock: HandClock, folder: Path
) -> None:
    def sent(position: dict[str, Any]) -> list[Any]:
        return [
            driver.call("POST", "/v1/driver/positions", json=position),
            relay(client, position | {"driver_id": driver.id}),
        ]

    with opened(client, driver) as socket:
        until(socket, "snapshot")
        valkey.stop(folder)
        for answer in sent(here(clock)):
            problem(answer, 503, "busy")
            assert int(answer.headers["retry-after"]) >= 1
        socket.send_json(here(clock))
        assert until(socket, "busy")["retry_after_seconds"] >= 1

        valkey.start(folder)

        def taken() -> bool:
            socket.send_json(here(clock))
            return bool(socket.receive_json(timeout=10.0)["data"].get("accepted"))

        eventually(taken, what="the socket's positions are taken again")
    for answer in sent(here(clock)):
        assert answer.status_code == 200
    assert answer.json()["dropped"]["stale"] == 1, "the same position came by both doors"
