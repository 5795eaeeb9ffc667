"""One order through the API, place to delivery, as its four parties see it."""

from uuid import UUID

import msgspec
from litestar.testing import TestClient

from api.app import Api
from application.commands import CapturePayment, CompleteOrder, MatchOrder
from application.context import Context
from domain.event import Meta, Role
from tests.api.conftest import HandClock
from tests.api.people import HERE, City, Person, basket
from tests.waiting import eventually


def test_an_order_is_placed_cooked_brought_and_explained(client: TestClient[Api], city: City, clock: HandClock) -> None:
    restaurant, customer, driver = city.restaurant(), city.customer(), city.driver()
    found = customer.show("/v1/restaurants", lat=41.15, lon=-8.61)
    assert [item["id"] for item in found["items"]] == [restaurant.id]
    quoted = customer.call("POST", "/v1/quotes", json=basket(restaurant)).json()

    placed = customer.post("/v1/orders", basket(restaurant))

    assert placed.status_code == 201
    order = placed.json()["id"]
    assert placed.headers["location"] == f"/v1/orders/{order}"
    shown = customer.show(f"/v1/orders/{order}")
    assert shown["status"] == "placed"
    assert shown["price"] == quoted["price"]

    assert restaurant.do(f"/v1/orders/{order}/confirmation", {"prep_seconds": 300})["status"] == "confirmed"
    assert restaurant.do(f"/v1/orders/{order}/preparation")["status"] == "preparing"
    driver.do("/v1/driver/shift")
    ping(driver, clock)
    react(client, MatchOrder(order_id=UUID(order)), clock)
    offer = eventually(lambda: driver.show("/v1/driver/offers")["items"], what="an offer")[0]
    accepted = driver.do(f"/v1/orders/{order}/offers/{offer['offer_id']}/acceptance")
    assert accepted["status"] == "assigned"
    driver.do(f"/v1/orders/{order}/arrival")
    assert restaurant.do(f"/v1/orders/{order}/readiness")["status"] == "ready_for_pickup"
    assert driver.do(f"/v1/orders/{order}/pickup")["status"] == "picked_up"
    assert driver.do(f"/v1/orders/{order}/delivery")["status"] == "delivered"
    react(client, CapturePayment(order_id=UUID(order)), clock)
    react(client, CompleteOrder(order_id=UUID(order)), clock)

    done = eventually(
        lambda: (now := customer.show(f"/v1/orders/{order}"))["status"] == "completed" and now, what="completed"
    )
    assert done["payment_status"] == "captured"
    assert [o["order_id"] for o in customer.show("/v1/orders")["items"]] == [order]
    restaurant.position = customer.position = driver.position
    assert restaurant.show("/v1/restaurant/orders", open="true")["items"] == []
    earned = driver.show("/v1/driver/earnings")
    assert (earned["deliveries"], earned["tip_minor"]) == (1, 200)
    assert {entry["kind"] for entry in customer.show("/v1/inbox")["items"]} >= {"order_confirmed"}


def ping(driver: Person, clock: HandClock, place: dict[str, float] = HERE) -> None:
    """Until the driver's shift has reached the map."""
    body = place | {"at": clock.now().isoformat()}

    def accepted() -> bool:
        clock.move(1)
        answer = driver.call("POST", "/v1/driver/positions", json=body | {"at": clock.now().isoformat()})
        assert answer.status_code == 200
        return bool(answer.json()["accepted"])

    eventually(accepted, what="a ping is accepted")


def react(client: TestClient[Api], command: msgspec.Struct, clock: HandClock) -> None:
    """What a worker would do."""
    context = Context(meta=Meta(actor_type=Role.SYSTEM), now=clock.now())
    client.app.services.execute(context, command)
