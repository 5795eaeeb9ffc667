"""One order, one driver, in time."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from litestar.testing import TestClient

from api.app import Api
from application.commands import MatchOrder
from application.kinds import ORDER
from application.store import Answer, Change
from domain import order as orders
from domain.event import Meta
from domain.order.events import Score
from tests.api.conftest import HandClock
from tests.api.people import City, Person, basket
from tests.api.test_loop import ping, react
from tests.waiting import eventually


def offered(client: TestClient[Api], city: City, clock: HandClock, driver: Person) -> tuple[str, str]:
    """A fresh order and the offer of it to this driver."""
    restaurant, customer = city.restaurant(), city.customer()
    order = customer.do("/v1/orders", basket(restaurant))["id"]
    restaurant.do(f"/v1/orders/{order}/confirmation")
    ping(driver, clock)
    react(client, MatchOrder(order_id=UUID(order)), clock)

    def mine() -> Sequence[str]:
        return [o["offer_id"] for o in driver.show("/v1/driver/offers")["items"] if o["order_id"] == order]

    return order, eventually(mine, what="an offer")[0]


def test_two_drivers_accepting_one_order_have_one_winner(client: TestClient[Api], city: City, clock: HandClock) -> None:
    first, second = city.driver(), city.driver()
    for driver in (first, second):
        driver.do("/v1/driver/shift")
    order, offer = offered(client, city, clock, first)
    # What the aggregate never does by itself: withdraw the offer and make another, while the first driver answers.
    withdrawn = _offer_to(client, clock, order, second)

    with ThreadPoolExecutor(2) as threads:
        calls = [
            threads.submit(person.post, f"/v1/orders/{order}/offers/{made}/acceptance")
            for person, made in ((first, offer), (second, withdrawn))
        ]
        answers = [call.result() for call in calls]

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    loser = next(answer.json() for answer in answers if answer.status_code == 409)
    assert loser["type"].removeprefix("urn:tiffin:problem:") in {"offer-taken", "offer-not-yours", "offer-gone"}
    again = first.post(f"/v1/orders/{order}/offers/{offer}/acceptance").json()
    assert (again["type"], again["current_status"]) == ("urn:tiffin:problem:offer-taken", "assigned")


def _offer_to(client: TestClient[Api], clock: HandClock, order: str, driver: Person) -> str:
    store = client.app.services.tiffin.store
    state = store.load(ORDER, UUID(order))
    events = orders.withdraw_offer(state, reason="test")
    _append(client, clock, state, events)
    state = store.load(ORDER, UUID(order))
    offer_id = uuid4()
    standing = state.offer
    assert standing is None
    made = orders.offer(
        state,
        offer_id=offer_id,
        driver_id=UUID(driver.id),
        expires_at=clock.now().replace(year=2030),
        distance_m=1.0,
        travel_seconds=1.0,
        radius_m=5000.0,
        candidates=1,
        score=Score(profile="test", total=0.0, factors={}),
        now=clock.now(),
        max_offers=5,
    )
    _append(client, clock, state, made)
    return str(offer_id)


def _append(client: TestClient[Api], clock: HandClock, state: orders.Order, events: Sequence[object]) -> None:
    client.app.services.tiffin.store.append(
        [Change(stream_id=state.id, expected_version=state.version, events=events)],  # type: ignore[arg-type]
        answer=Answer(id=state.id, status="", version=state.version + len(events)),
        meta=Meta(),
        occurred_at=clock.now(),
    )


def test_the_same_acceptance_twice_is_one(client: TestClient[Api], city: City, clock: HandClock) -> None:
    driver = city.driver()
    driver.do("/v1/driver/shift")
    order, offer = offered(client, city, clock, driver)
    path = f"/v1/orders/{order}/offers/{offer}/acceptance"
    assert driver.do(path)["status"] == "assigned"
    assert driver.do(path)["status"] == "assigned"


def test_a_driver_with_full_hands_is_refused(client: TestClient[Api], city: City, clock: HandClock) -> None:
    driver = city.driver(capacity=1)
    driver.do("/v1/driver/shift")
    first, offer = offered(client, city, clock, driver)
    second = city.customer().do("/v1/orders", basket(restaurant := city.restaurant()))["id"]
    restaurant.do(f"/v1/orders/{second}/confirmation")
    other = city.driver()
    other.do("/v1/driver/shift")
    ping(other, clock)
    react(client, MatchOrder(order_id=UUID(second)), clock)
    overload = _offer_to(client, clock, second, driver)
    driver.do(f"/v1/orders/{first}/offers/{offer}/acceptance")

    refused = driver.post(f"/v1/orders/{second}/offers/{overload}/acceptance")

    assert (refused.status_code, refused.json()["type"]) == (409, "urn:tiffin:problem:at-capacity")


def test_an_answer_after_expiry_is_refused(client: TestClient[Api], city: City, clock: HandClock) -> None:
    driver = city.driver()
    driver.do("/v1/driver/shift")
    order, offer = offered(client, city, clock, driver)
    clock.move(31)
    refused = driver.post(f"/v1/orders/{order}/offers/{offer}/acceptance")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:tiffin:problem:offer-expired")
    assert driver.show("/v1/driver/offers")["items"] == []


def test_a_declined_offer_searches_on(client: TestClient[Api], city: City, clock: HandClock) -> None:
    driver = city.driver()
    driver.do("/v1/driver/shift")
    order, offer = offered(client, city, clock, driver)
    declined = driver.do(f"/v1/orders/{order}/offers/{offer}/refusal", {"reason": "too far"})
    assert declined["status"] == "searching"
    assert driver.do(f"/v1/orders/{order}/offers/{offer}/refusal", {"reason": "too far"})["status"] == "searching"


def test_a_shift_with_orders_does_not_end(client: TestClient[Api], city: City, clock: HandClock) -> None:
    driver = city.driver()
    driver.do("/v1/driver/shift")
    order, offer = offered(client, city, clock, driver)
    driver.do(f"/v1/orders/{order}/offers/{offer}/acceptance")
    refused = driver.post("/v1/driver/shift", method="DELETE")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:tiffin:problem:carrying-orders")
