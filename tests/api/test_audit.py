"""The whole log, line by line, in commit order; a slow reader is waited for."""

import json
from collections.abc import Iterator
from typing import Any, get_args
from uuid import UUID

import httpx
import psycopg
import pytest
from litestar.testing import TestClient

from api.app import Api
from api.controllers.auditor import StreamKind
from application import audit
from application.commands import MatchOrder
from application.kinds import KINDS
from application.settings import Settings
from tests.api.conftest import HandClock, appointed, running_projector
from tests.api.people import City, Person, basket
from tests.api.serving import WAIT_SECONDS, Served, served
from tests.api.test_loop import ping, react
from tests.waiting import eventually


@pytest.fixture
def auditor(city: City, settings: Settings) -> Person:
    return appointed(city, settings, "auditor")


LOOKED = "access.personal_data_read"
"""Reading the log is noted in the log; left out where a test is about what was read."""


def lines(auditor: Person, **params: Any) -> list[dict[str, Any]]:
    answer = auditor.get("/v1/audit/events", **params)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    told = [json.loads(line) for line in answer.text.splitlines()]
    return [line for line in told if line["topic"] != LOOKED]


def test_every_event_is_a_line(city: City, auditor: Person, settings: Settings) -> None:
    city.customer().do("/v1/orders", basket(city.restaurant()))
    told = lines(auditor)
    with psycopg.connect(settings.database.url) as connection:
        stored = connection.execute(
            "SELECT position, topic, stream_id::text, hash FROM event_log WHERE topic <> %s ORDER BY position",
            (LOOKED,),
        ).fetchall()
    assert [(line["position"], line["topic"], line["stream_id"], line["hash"]) for line in told] == stored
    placed = next(line for line in told if line["topic"] == "order.placed")
    assert placed["version"] == 1
    assert placed["schema"] >= 1
    assert placed["meta"]["actor_type"] == "customer"
    assert placed["data"]["price"]["currency"] == "EUR"


def test_it_goes_on_after_a_position(city: City, auditor: Person) -> None:
    city.restaurant()
    told = lines(auditor)
    assert lines(auditor, after=told[0]["position"], limit=1) == told[1:2]
    assert lines(auditor, after=told[-1]["position"]) == []


def test_only_auditors_read_it(client: TestClient[Api], city: City) -> None:
    assert city.customer().get("/v1/audit/events").status_code == 403
    assert client.get("/v1/audit/events").status_code == 401


@pytest.fixture
def api(settings: Settings) -> Iterator[Served]:
    with running_projector(settings), served(settings) as running:
        yield running


def following(api: Served, auditor: Person) -> Any:
    headers = {"Authorization": f"Bearer {auditor.token}"}
    params = {"follow": "true"}
    return api.client.stream("GET", "/v1/audit/events", headers=headers, params=params, timeout=WAIT_SECONDS)


def test_a_follower_is_told_what_happens_next(api: Served, settings: Settings) -> None:
    city = City(api.client)
    auditor, restaurant, customer = appointed(city, settings, "auditor"), city.restaurant(), city.customer()
    response: httpx.Response
    with following(api, auditor) as response:
        told = (json.loads(line) for line in response.iter_lines())
        assert next(told)["position"] == 1
        order = customer.do("/v1/orders", basket(restaurant))["id"]
        placed = next(line for line in told if line["topic"] == "order.placed")
        assert placed["stream_id"] == order
        auditor.do("/v1/sessions/current", method="DELETE")
        for line in told:
            assert line["position"] > placed["position"]


def test_filters_must_all_fit(city: City, auditor: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "WINDOW", 3)
    restaurant, other = city.restaurant(), city.restaurant()
    customer = city.customer()
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    key = {"Idempotency-Key": "k", "X-Correlation-ID": "dinner-7"}
    assert restaurant.call("POST", f"/v1/orders/{order}/confirmation", headers=key).status_code == 200
    city.customer().do("/v1/orders", basket(other))
    whole = lines(auditor)

    def topics(**wanted: Any) -> list[str]:
        found = lines(auditor, **wanted)
        assert [line["position"] for line in found] == sorted(line["position"] for line in found)
        assert all(line in whole for line in found)
        return [line["topic"] for line in found]

    assert topics(topic="order.placed") == ["order.placed"] * 2
    assert set(topics(kind="order")) == {"order.placed", "order.payment_authorized", "order.confirmed"}
    assert topics(stream_id=order) == ["order.placed", "order.payment_authorized", "order.confirmed"]
    assert topics(stream_id=order, role="restaurant") == ["order.confirmed"]
    assert topics(kind="driver") == []
    assert topics(role="customer", actor_id=customer.id) == ["order.placed", "order.payment_authorized"]
    assert topics(correlation_id="dinner-7") == ["order.confirmed"]
    assert topics(topic="order.confirmed", role="customer") == []

    def about() -> list[dict[str, Any]]:
        return [line for line in lines(auditor, restaurant_id=restaurant.id) if line["stream_id"] == order]

    told = eventually(about, what="the list of orders knows it")
    assert [line["topic"] for line in told] == ["order.placed", "order.payment_authorized", "order.confirmed"]
    middle = whole[len(whole) // 2]["recorded_at"]
    assert len(topics(recorded_to=middle)) + len(topics(recorded_from=middle)) == len(whole)
    assert len(lines(auditor, kind="order", limit=2)) == 2


def test_every_order_that_a_driver_ever_had_is_theirs(
    city: City, auditor: Person, staff: Person, client: TestClient[Api], clock: HandClock
) -> None:
    restaurant, driver, other = city.restaurant(), city.driver(), city.driver()
    order = str(city.customer().do("/v1/orders", basket(restaurant))["id"])
    restaurant.do(f"/v1/orders/{order}/confirmation")
    driver.do("/v1/driver/shift")
    ping(driver, clock)
    react(client, MatchOrder(order_id=UUID(order)), clock)
    offer = eventually(lambda: driver.show("/v1/driver/offers")["items"], what="an offer")[0]
    driver.do(f"/v1/orders/{order}/offers/{offer['offer_id']}/acceptance")
    eventually(lambda: staff.get(f"/v1/support/orders/{order}").status_code == 200, what="the order")
    staff.do(f"/v1/support/orders/{order}/unassignment", {"reason": "Bicycle broke down"})
    told = [line["topic"] for line in lines(auditor, driver_id=driver.id) if line["stream_id"] == order]
    assert told[0] == "order.placed"
    assert told[-1] == "order.driver_unassigned"
    assert [line for line in lines(auditor, driver_id=other.id) if line["stream_id"] == order] == []


def test_a_restaurants_events_wait_until_it_is_known_whose_they_are(
    city: City, auditor: Person, settings: Settings
) -> None:
    restaurant = city.restaurant()
    with psycopg.connect(settings.database.url, autocommit=True) as connection, connection.transaction():
        # No projector gets past this lock.
        connection.execute("SELECT 1 FROM projection_positions WHERE name = 'order_lists' FOR UPDATE")
        order = str(city.customer().do("/v1/orders", basket(restaurant))["id"])
        restaurant.do("/v1/restaurant/closure")
        told = lines(auditor, restaurant_id=restaurant.id)
        assert order not in {line["stream_id"] for line in told}
        reached = told[-1]["position"]

    def later() -> set[str]:
        return {line["stream_id"] for line in lines(auditor, restaurant_id=restaurant.id, after=reached)}

    eventually(lambda: later() == {order, restaurant.id}, what="the rest")


def test_each_kind_of_stream_can_be_asked_for() -> None:
    assert set(get_args(StreamKind.__value__)) == {kind.name for kind in KINDS}


def test_filters_that_cannot_be_meant_are_refused(auditor: Person) -> None:
    for field, value in {
        "topic": "order.eaten",
        "kind": "meal",
        "role": "cook",
        "actor_id": "me",
        "recorded_from": "2026-03-14T12:00:00",
    }.items():
        wanted: dict[str, Any] = {field: value}
        refused = auditor.get("/v1/audit/events", **wanted)
        assert refused.status_code == 422, field
        assert refused.json()["errors"][0]["field"] == field


def test_whoever_of_staff_looks_at_personal_data_is_noted(city: City, auditor: Person, staff: Person) -> None:
    customer = city.customer()
    order = str(customer.do("/v1/orders", basket(city.restaurant()))["id"])
    customer.show(f"/v1/orders/{order}")
    eventually(lambda: staff.get(f"/v1/support/orders/{order}/timeline").status_code == 200, what="the timeline")
    staff.show(f"/v1/support/orders/{order}")
    staff.show("/v1/support/orders", q="Customer")
    auditor.show(f"/v1/audit/streams/{order}/state")
    told = [json.loads(line) for line in auditor.get("/v1/audit/events", topic=LOOKED).text.splitlines()]
    noted = [(line["meta"]["actor_type"], line["data"]["operation"], line["data"]["subject_id"]) for line in told]
    assert noted[-4:] == [
        ("support", "inspect_order", order),
        ("support", "search_orders", None),
        ("auditor", "get_stream_state", order),
        ("auditor", "read_events", None),
    ]
    assert set(noted[:-4]) == {("support", "get_timeline", order)}
    assert told[-3]["data"]["asked"] == "q=…"
    assert told[-1]["meta"]["actor_id"] == auditor.id
