"""What belongs to others is not shown and cannot be changed: it does not exist."""

from uuid import UUID

import pytest
from litestar.testing import TestClient

from api.app import Api
from application.commands import MatchOrder
from tests.api.conftest import HandClock
from tests.api.people import City, Person, Restaurant, basket
from tests.api.test_loop import ping, react
from tests.waiting import eventually


@pytest.fixture
def restaurant(city: City) -> Restaurant:
    return city.restaurant()


@pytest.fixture
def order(city: City, restaurant: Restaurant) -> str:
    return str(city.customer().do("/v1/orders", basket(restaurant))["id"])


def test_another_customer(city: City, order: str) -> None:
    other = city.customer()
    assert [other.get(f"/v1/orders/{order}{part}").status_code for part in ("", "/eta", "/stream")] == [404] * 3
    assert other.post(f"/v1/orders/{order}/cancellation", {"reason": "mine now"}).status_code == 404
    assert other.show("/v1/orders")["items"] == []


def test_another_restaurant(city: City, order: str) -> None:
    other = city.restaurant()
    assert other.get(f"/v1/restaurant/orders/{order}").status_code == 404
    assert other.show("/v1/restaurant/orders")["items"] == []
    for step in ("confirmation", "preparation", "readiness"):
        assert other.post(f"/v1/orders/{order}/{step}").status_code == 404
    assert other.post(f"/v1/orders/{order}/rejection", {"reason": "no"}).status_code == 404


def test_another_restaurants_menu(city: City, restaurant: Restaurant) -> None:
    other = city.restaurant()
    change = {"name": "Mine", "price_minor": 1}
    assert other.post(f"/v1/restaurant/menu/{restaurant.dish}", change, method="PUT").status_code == 404
    assert other.post(f"/v1/restaurant/menu/{restaurant.dish}", method="DELETE").status_code in {200, 404}
    assert [dish["name"] for dish in restaurant.show("/v1/restaurant")["menu"]] == ["Francesinha"]


def test_another_driver(
    city: City, client: TestClient[Api], clock: HandClock, restaurant: Restaurant, order: str
) -> None:
    asked, other = city.driver(), city.driver()
    restaurant.do(f"/v1/orders/{order}/confirmation")
    for driver in (asked, other):
        driver.do("/v1/driver/shift")
    ping(asked, clock)
    react(client, MatchOrder(order_id=UUID(order)), clock)
    offer = eventually(lambda: asked.show("/v1/driver/offers")["items"], what="an offer")[0]["offer_id"]

    answer = other.post(f"/v1/orders/{order}/offers/{offer}/acceptance")

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:tiffin:problem:offer-not-yours"
    assert other.show("/v1/driver/offers")["items"] == []
    asked.do(f"/v1/orders/{order}/offers/{offer}/acceptance")
    for step in ("arrival", "pickup", "delivery"):
        refused = other.post(f"/v1/orders/{order}/{step}")
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:tiffin:problem:not-your-delivery")


def test_support_sees_everybodys(order: str, staff: Person) -> None:
    assert staff.show(f"/v1/support/orders/{order}")["order_id"] == order
    assert [found["order_id"] for found in staff.show("/v1/support/orders", q=order)["items"]] == [order]
    assert staff.get("/v1/audit/events").status_code == 403


def test_support_finds_the_orders_of_a_phone_number_however_it_is_written(
    city: City, restaurant: Restaurant, staff: Person
) -> None:
    customer = city.customer(phone="+351 912 000 777")
    order = customer.do("/v1/orders", basket(restaurant))["id"]
    city.customer(phone="+351 912 000 778").do("/v1/orders", basket(restaurant))
    for written in ("+351 912 000 777", "912000777", "(912) 000-777"):
        assert [found["order_id"] for found in staff.show("/v1/support/orders", phone=written)["items"]] == [order]
    assert staff.show("/v1/support/orders", phone="912 000 999")["items"] == []
    assert staff.get("/v1/support/orders", phone="Ana").status_code == 422
