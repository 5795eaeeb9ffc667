"""A gateway hands on many drivers' positions, with a credential of its own."""

import uuid
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient
from msgspec.structs import replace

from api.app import Api, make_app
from application.settings import Settings
from tests.api.conftest import HandClock
from tests.api.people import HERE, City
from tests.api.test_loop import ping

TOKEN = "a gateway's token of enough length"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, positions=replace(settings.positions, gateway_token=TOKEN))


def relay(client: TestClient[Api], *positions: dict[str, Any], region: str = "porto", token: str = TOKEN) -> Any:
    body = {"region": region, "positions": list(positions)}
    return client.post("/v1/gateway/positions", json=body, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def drivers(city: City, clock: HandClock) -> list[str]:
    people = [city.driver() for _ in range(2)]
    for person in people:
        person.do("/v1/driver/shift")
        ping(person, clock)
    return [person.id for person in people]


def test_many_drivers_positions_are_taken_at_once(
    client: TestClient[Api], drivers: list[str], clock: HandClock
) -> None:
    clock.move(10)
    now = clock.now().isoformat()
    sent = [HERE | {"driver_id": driver, "at": now} for driver in drivers]
    far = {"driver_id": drivers[0], "lat": 48.1, "lon": 11.5, "at": now}

    answer = relay(client, sent[0], sent[0], sent[1], HERE | {"driver_id": str(uuid.uuid4()), "at": now})

    assert answer.status_code == 200
    assert answer.json() == {"accepted": 2, "late": 0, "dropped": {"stale": 1, "unknown": 1, "impossible": 0}}
    clock.move(1)
    answer = relay(client, far | {"at": clock.now().isoformat()})
    assert answer.json() == {"accepted": 0, "late": 0, "dropped": {"stale": 0, "unknown": 0, "impossible": 1}}


def test_what_cannot_be_taken_is_refused_by_name(client: TestClient[Api], city: City, clock: HandClock) -> None:
    one = HERE | {"driver_id": str(uuid.uuid4()), "at": clock.now().isoformat()}

    def refused(answer: httpx.Response, status: int) -> str:
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        return str(answer.json()["errors"][0]["field"] if answer.json().get("errors") else answer.json()["type"])

    assert refused(relay(client, one, token="another"), 401).endswith("unauthenticated")
    assert refused(relay(client, one, token=city.driver().token), 401).endswith("unauthenticated")
    assert refused(relay(client, one, region="atlantis"), 404).endswith("not-found")
    assert "positions" in refused(relay(client), 422)
    assert "positions" in refused(relay(client, *[one] * 1_001), 422)
    assert "positions" in refused(relay(client, one, one | {"lat": 91}), 422)
    assert refused(relay(client, *[one | {"driver_id": "x" * 1_000}] * 300), 413).endswith("too-large")


def test_without_a_token_in_the_settings_the_door_is_closed(settings: Settings, wiring: Any, clock: HandClock) -> None:
    closed = replace(settings, positions=replace(settings.positions, gateway_token=""))
    with TestClient(make_app(closed, wiring), raise_server_exceptions=False) as client:
        one = HERE | {"driver_id": str(uuid.uuid4()), "at": clock.now().isoformat()}
        assert relay(client, one).status_code == 403
        assert relay(client, one, token="").status_code == 403
