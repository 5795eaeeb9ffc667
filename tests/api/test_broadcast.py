"""A region that broadcasts, as its people see it: sockets are told at once, support sees who was asked with whom."""

from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from litestar.testing import TestClient
from litestar.testing.websocket_test_session import WebSocketTestSession
from msgspec.structs import replace

from api.app import Api
from application.cli.__main__ import tiffin
from application.commands import MatchOrder
from application.settings import Settings
from domain.region import PORTO, Offers
from tests.api.conftest import HandClock
from tests.api.people import City, Person, basket
from tests.api.test_driver_socket import opened, until
from tests.api.test_loop import ping, react
from tests.waiting import eventually


@pytest.fixture
def settings(settings: Settings) -> Settings:
    dispatch = replace(PORTO.dispatch, planning=None, offers=Offers.BROADCAST, broadcast_drivers=3)
    return replace(settings, regions=(replace(PORTO, dispatch=dispatch),))


@pytest.fixture
def drivers(city: City, clock: HandClock) -> list[Person]:
    found = [city.driver() for _ in range(3)]
    for driver in found:
        driver.do("/v1/driver/shift")
        ping(driver, clock)
    return found


@pytest.fixture
def order(client: TestClient[Api], city: City, clock: HandClock, drivers: list[Person]) -> str:
    """Offered to all three."""
    assert len(drivers) == 3
    restaurant, customer = city.restaurant(), city.customer()
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    restaurant.do(f"/v1/orders/{order}/confirmation")
    react(client, MatchOrder(order_id=UUID(order)), clock)
    return order


def offer_to(driver: Person) -> Any:
    (offer,) = eventually(lambda: driver.show("/v1/driver/offers")["items"], what="an offer")
    return offer


def until_topic(socket: WebSocketTestSession, topic: str) -> Any:
    told = until(socket, "order")
    while told["topic"] != topic:
        told = until(socket, "order")
    return told


def test_the_others_are_told_on_their_sockets_that_somebody_was_faster(
    client: TestClient[Api], drivers: list[Person], order: str
) -> None:
    winner, slow, slower = drivers
    offers = {driver.id: offer_to(driver) for driver in drivers}
    assert {offer["drivers_asked"] for offer in offers.values()} == {3}
    with opened(client, slow) as one, opened(client, slower) as other:
        for driver, socket in ((slow, one), (slower, other)):
            (standing,) = until(socket, "snapshot")["offers"]
            assert standing["offer_id"] == offers[driver.id]["offer_id"]
        winner.do(f"/v1/orders/{order}/offers/{offers[winner.id]['offer_id']}/acceptance")
        for driver, socket in ((slow, one), (slower, other)):
            told = until_topic(socket, "order.offer_withdrawn")
            assert told["order_id"] == order
            assert told["data"] == {"offer_id": offers[driver.id]["offer_id"], "reason": "another driver was faster"}
    for driver in (slow, slower):
        late = driver.post(f"/v1/orders/{order}/offers/{offers[driver.id]['offer_id']}/acceptance")
        assert (late.status_code, late.json()["type"]) == (409, "urn:tiffin:problem:offer-taken")
        eventually(lambda who=driver: not who.show("/v1/driver/offers")["items"], what="no offer is left")  # type: ignore[misc]
        assert driver.show("/v1/driver")["acceptance_rate"] == 1.0
        assert "offer_withdrawn" in {entry["kind"] for entry in driver.show("/v1/inbox")["items"]}


def test_while_others_are_asked_the_order_stays_offered(drivers: list[Person], order: str, staff: Person) -> None:
    first, second, third = drivers
    declined = first.do(f"/v1/orders/{order}/offers/{offer_to(first)['offer_id']}/refusal", {"reason": "too far"})
    assert declined["status"] == "offered"

    def seen() -> Any:
        found = staff.show(f"/v1/support/orders/{order}")
        return found if len(found["offers"]) == 2 else None

    found = eventually(seen, what="two offers are left")
    assert found["dispatch"] == "offered"
    assert {offer["driver_id"] for offer in found["offers"]} == {second.id, third.id}
    assert offer_to(second)["drivers_asked"] == 3


def test_support_sees_who_was_asked_at_once_and_what_came_of_it(
    drivers: list[Person], order: str, staff: Person, settings: Settings
) -> None:
    winner, loser, decliner = drivers
    decliner.do(f"/v1/orders/{order}/offers/{offer_to(decliner)['offer_id']}/refusal", {"reason": "too far"})
    winner.do(f"/v1/orders/{order}/offers/{offer_to(winner)['offer_id']}/acceptance")
    staff.position = winner.position

    steps = staff.show(f"/v1/support/orders/{order}/timeline")["steps"]
    after = {step["topic"]: step["dispatch_after"] for step in steps if step["topic"] != "order.driver_offered"}
    assert after["order.offer_declined"] == after["order.offer_withdrawn"] == "offered"
    assert after["order.driver_assigned"] == "assigned"

    dispute = staff.show(f"/v1/support/orders/{order}/dispute")
    answers = {offer["driver_id"]: (offer["answer"], offer["reason"]) for offer in dispute["offers"]}
    assert answers == {
        winner.id: ("accepted", ""),
        loser.id: ("withdrawn", "another driver was faster"),
        decliner.id: ("declined", "too far"),
    }
    assert {offer["drivers_asked"] for offer in dispute["offers"]} == {3}
    (round_,) = dispute["rounds"]
    assert (round_["outcome"], round_["offers"]) == ("assigned", 3)
    assert round_["told"] == "Of 3 drivers asked at once, one accepted first."
    assert all(
        offer["not_offered"]["told"] == "No other driver was near enough and free." for offer in dispute["offers"]
    )

    page = staff.get(f"/v1/support/orders/{order}/dispute.html").text
    assert page.count("as one of 3 at once") == 3
    assert "another driver was faster" in page

    told = CliRunner().invoke(tiffin, ["dispatch", "explain", order], env=settings.environment() | {"COLUMNS": "220"})
    assert told.exit_code == 0, told.output
    assert "Offer 2, one of 3 at once" in told.output
    assert "Of 3 drivers asked at once, one accepted first." in told.output
