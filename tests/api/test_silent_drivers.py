"""A driver falls silent with the food on the way, as the customer and support see it."""

import re
from uuid import UUID

from litestar.testing import TestClient

from api.app import Api
from application.commands import MatchOrder, ReleaseAbsentDriver, ReportBack, ReportSilent
from tests.api.conftest import HandClock
from tests.api.people import City, Person, basket
from tests.api.test_loop import ping, react
from tests.waiting import eventually


def test_customer_and_support_are_told(client: TestClient[Api], city: City, staff: Person, clock: HandClock) -> None:
    restaurant, customer, driver = city.restaurant(), city.customer(), city.driver()
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    restaurant.do(f"/v1/orders/{order}/confirmation")
    driver.do("/v1/driver/shift")
    ping(driver, clock)
    react(client, MatchOrder(order_id=UUID(order)), clock)
    offer = eventually(lambda: driver.show("/v1/driver/offers")["items"], what="an offer")[0]
    driver.do(f"/v1/orders/{order}/offers/{offer['offer_id']}/acceptance")
    restaurant.do(f"/v1/orders/{order}/preparation")
    restaurant.do(f"/v1/orders/{order}/readiness")
    driver.do(f"/v1/orders/{order}/pickup")
    driver_id, last_seen_at = UUID(driver.id), clock.now()
    clock.move(60)
    assert unreached(staff) == []

    react(client, ReportSilent(driver_id=driver_id, last_seen_at=last_seen_at), clock)
    for _ in range(2):
        react(client, ReleaseAbsentDriver(driver_id=driver_id), clock)

    told = eventually(lambda: messages(customer), what="the customer is told")
    assert [(one["order_id"], one["link"]) for one in told] == [(order, f"/v1/orders/{order}/stream")]
    assert customer.show(f"/v1/orders/{order}")["status"] == "picked_up"
    assert eventually(lambda: unreached(staff), what="support finds the order") == [order]
    assert shown(client, staff) == (1, 1)
    step = staff.show(f"/v1/support/orders/{order}/timeline")["steps"][-1]
    assert (step["topic"], step["data"]["driver_id"]) == ("order.driver_lost_contact", driver.id)
    explained = staff.show(f"/v1/support/orders/{order}/dispute")["steps"][-1]
    assert explained["told"] == "Nothing was heard any more of Driver Silva, who has the food"

    react(client, ReportBack(driver_id=driver_id), clock)
    eventually(lambda: unreached(staff) == [], what="the driver is back")
    assert shown(client, staff) == (0, 0)
    driver.do(f"/v1/orders/{order}/delivery")
    assert len(messages(customer)) == 1


def messages(customer: Person) -> list[dict[str, str]]:
    return [one for one in customer.show("/v1/inbox")["items"] if one["kind"] == "driver_unreachable"]


def unreached(staff: Person) -> list[str]:
    return [one["order_id"] for one in staff.show("/v1/support/orders", driver_silent="true")["items"]]


def shown(client: TestClient[Api], staff: Person) -> tuple[int, int]:
    """Where operators look without asking for it: the progress page, and the gauge for an alarm."""
    (gauge,) = re.findall(r"^orders_driver_silent (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return staff.show("/v1/ops/progress")["orders_driver_silent"], round(float(gauge))
