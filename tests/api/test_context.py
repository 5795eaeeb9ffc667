"""Every event says who caused it, from where, and in answer to which request."""

from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from api.app import make_app
from application.settings import Settings
from tests.api.people import City, Person, Restaurant, basket

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def first_step(staff: Person, customer: Person, restaurant: Restaurant, headers: dict[str, str]) -> Any:
    known = {"Idempotency-Key": "k"} | headers
    answer = customer.call("POST", "/v1/orders", json=basket(restaurant), headers=known)
    staff.position = int(answer.headers["tiffin-position"])
    return staff.show(f"/v1/support/orders/{answer.json()['id']}/timeline")["steps"][0]


def test_a_timeline_says_who_from_where_and_in_which_request(city: City, staff: Person) -> None:
    customer = city.customer()
    headers = {"X-Request-Id": "r-1", "X-Correlation-Id": "c-1", "User-Agent": "phone/1", "traceparent": TRACE}
    step = first_step(staff, customer, city.restaurant(), headers)
    assert (step["actor_type"], step["actor_id"]) == ("customer", customer.id)
    assert (step["request_id"], step["correlation_id"]) == ("r-1", "c-1")
    assert (step["ip"], step["user_agent"]) == ("testclient", "phone/1")


def test_ids_that_are_none_are_made_anew(city: City, staff: Person) -> None:
    headers = {"X-Request-Id": "no id {at} all", "X-Correlation-Id": "x" * 101, "User-Agent": "u" * 1000}
    step = first_step(staff, city.customer(), city.restaurant(), headers)
    assert step["request_id"] == step["correlation_id"]
    assert len(step["request_id"]) == 36
    assert len(step["user_agent"]) == 200


def test_who_says_where_it_comes_from_is_not_believed(city: City, staff: Person) -> None:
    step = first_step(staff, city.customer(), city.restaurant(), {"X-Forwarded-For": "203.0.113.7"})
    assert step["ip"] == "testclient"


@pytest.mark.usefixtures("projector")
@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("<script>", "testclient"),
    ],
)
def test_a_trusted_proxy_is_believed_about_its_own_client(
    settings: Settings, forwarded: str, seen: str, city: City, staff: Person
) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    api = msgspec.structs.replace(settings.api, trusted_proxies=1)
    with TestClient(make_app(msgspec.structs.replace(settings, api=api))) as behind:
        customer.caller = behind
        step = first_step(staff, customer, restaurant, {"X-Forwarded-For": forwarded})
    assert step["ip"] == seen
