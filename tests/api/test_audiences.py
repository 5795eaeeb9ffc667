"""Each side sees its part of an order: no address in the kitchen, no full names, no address after the delivery."""

import json
from typing import Any
from uuid import UUID

from litestar.testing import TestClient

from api.app import Api
from application.commands import MatchOrder
from tests.api.conftest import HandClock
from tests.api.people import City, Person, basket
from tests.api.test_loop import ping, react
from tests.waiting import eventually


def test_each_side_sees_its_part(city: City, client: TestClient[Api], clock: HandClock, staff: Person) -> None:
    restaurant, customer, driver = city.restaurant(), city.customer(), city.driver()
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    restaurant.do(f"/v1/orders/{order}/confirmation")
    driver.do("/v1/driver/shift")
    ping(driver, clock)
    react(client, MatchOrder(order_id=UUID(order)), clock)
    offer = eventually(lambda: driver.show("/v1/driver/offers")["items"], what="an offer")[0]
    driver.do(f"/v1/orders/{order}/offers/{offer['offer_id']}/acceptance")

    def assigned() -> dict[str, Any]:
        found: dict[str, Any] = staff.show(f"/v1/support/orders/{order}")
        return found if found["driver_name"] else {}

    everything = eventually(assigned, what="everybody sees the driver")
    address, buyer, bearer = everything["dropoff"]["address"], everything["customer_name"], everything["driver_name"]

    kitchen = [restaurant.show(f"/v1/restaurant/orders/{order}"), restaurant.show("/v1/restaurant/orders")]
    own = [customer.show(f"/v1/orders/{order}"), customer.show("/v1/orders")]
    carried = driver.show("/v1/driver/orders")

    assert (kitchen[0]["customer_name"], own[0]["driver_name"]) == (buyer.split()[0], bearer.split()[0])
    for secret in (address, buyer, bearer, everything["payment_id"]):
        assert secret not in json.dumps(kitchen)
    for secret in (bearer, everything["payment_id"]):
        assert secret not in json.dumps(own)
    assert own[0]["dropoff"]["address"] == address
    assert buyer not in json.dumps(carried)
    assert carried["items"][0]["dropoff"]["address"] == address

    for step in ("preparation", "readiness"):
        restaurant.do(f"/v1/orders/{order}/{step}")
    for step in ("arrival", "pickup", "delivery"):
        driver.do(f"/v1/orders/{order}/{step}")
    over = driver.show("/v1/driver/orders")["items"][0]
    assert (over["open"], over["dropoff"], over["customer_name"]) == (False, None, None)
