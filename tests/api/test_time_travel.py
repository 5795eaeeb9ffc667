"""Auditors look at any moment of any stream, over HTTP."""

import uuid

import pytest

from application.settings import Settings
from tests.api.conftest import HandClock, appointed
from tests.api.people import City, Person, basket


@pytest.fixture
def auditor(city: City, settings: Settings) -> Person:
    return appointed(city, settings, "auditor")


@pytest.fixture
def order(city: City, clock: HandClock) -> str:
    restaurant = city.restaurant()
    order = str(city.customer().do("/v1/orders", basket(restaurant))["id"])
    clock.move(60)
    restaurant.do(f"/v1/orders/{order}/confirmation")
    return order


def test_two_moments_and_what_lies_between(auditor: Person, order: str, clock: HandClock) -> None:
    path = f"/v1/audit/streams/{order}"
    assert auditor.show(f"{path}/state", version=1)["state"]["status"] == "placed"
    assert auditor.show(f"{path}/state")["state"]["status"] == "confirmed"
    earlier = clock.now().replace(microsecond=0).isoformat()
    assert auditor.show(f"{path}/state", at=earlier)["version"] >= 3
    told = auditor.show(f"{path}/diff", to_version=3)
    assert (told["from_version"], told["to_version"]) == (1, 3)
    assert {"path": "status", "before": "placed", "after": "confirmed"} in told["changes"]


def test_what_does_not_exist_is_said(auditor: Person, order: str, city: City) -> None:
    path = f"/v1/audit/streams/{order}"
    for query, field in (
        ({"version": 99}, "version"),
        ({"at": "2020-01-01T00:00:00"}, "at"),
        ({"version": 0}, "version"),
    ):
        refused = auditor.get(f"{path}/state", **query)
        assert refused.status_code == 422, query
        assert refused.json()["errors"][0]["field"] == field
    assert auditor.get(f"/v1/audit/streams/{uuid.uuid4()}/state").status_code == 404
    assert auditor.get("/v1/audit/streams/x/state").status_code == 404
    assert city.customer().get(f"{path}/state").status_code == 403
