"""A repeated call is answered, not repeated."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
from litestar.testing import TestClient

from api.app import Api
from application.settings import Settings
from tests.api.people import City, basket


def at_once(times: int, call: Callable[[], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(times) as threads:
        return [future.result() for future in [threads.submit(call) for _ in range(times)]]


def test_fifty_identical_orders_at_once_are_one(city: City, settings: Settings) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    key, body = str(uuid.uuid4()), basket(restaurant)

    answers = at_once(50, lambda: customer.post("/v1/orders", body, key=key))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len({answer.headers["tiffin-position"] for answer in answers}) == 1
    with psycopg.connect(settings.database.url) as connection:
        placed = connection.execute("SELECT count(*) FROM events WHERE topic = 'order.placed'").fetchone()
        authorised = connection.execute("SELECT count(*) FROM sandbox_payments").fetchone()
    assert (placed, authorised) == ((1,), (1,))


def test_another_payload_under_the_same_key_is_refused(city: City) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    first = customer.post("/v1/orders", basket(restaurant), key="k")
    second = customer.post("/v1/orders", basket(restaurant, tip_minor=300), key="k")
    assert first.status_code == 201
    assert (second.status_code, second.json()["type"]) == (422, "urn:tiffin:problem:idempotency-key-reused")
    assert len(customer.show("/v1/orders")["items"]) == 1


def test_spelling_makes_no_other_payload(city: City) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    first = customer.post("/v1/orders", basket(restaurant), key="k")
    reordered = dict(reversed(basket(restaurant).items())) | {"payment_method": "card_ok"}
    assert customer.post("/v1/orders", reordered, key="k").content == first.content


def test_a_key_is_one_persons_and_one_operations(city: City) -> None:
    restaurant, one, other = city.restaurant(), city.customer(), city.customer()
    orders = [person.do("/v1/orders", basket(restaurant), key="k")["id"] for person in (one, other)]
    assert orders[0] != orders[1]
    assert one.do(f"/v1/orders/{orders[0]}/cancellation", {"reason": "x"}, key="k")["status"] == "cancelled"


def test_an_answer_outlives_the_state_it_was_given_in(city: City) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    order = customer.do("/v1/orders", basket(restaurant))["id"]
    confirmed = restaurant.do(f"/v1/orders/{order}/confirmation", key="k")
    restaurant.do(f"/v1/orders/{order}/preparation")
    assert restaurant.do(f"/v1/orders/{order}/confirmation", key="k") == confirmed


def test_a_refused_request_does_not_use_up_its_key(city: City) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    refused = customer.post("/v1/orders", basket(restaurant, payment_method="card_declined"), key="k")
    assert refused.status_code == 422
    assert customer.post("/v1/orders", basket(restaurant), key="k").status_code == 201


def test_a_batch_of_dishes_keeps_its_ids(city: City) -> None:
    restaurant = city.restaurant()
    dishes = {"items": [{"name": f"Dish {i}", "price_minor": 100} for i in range(5)]}
    first = restaurant.do("/v1/restaurant/menu/batch", dishes, key="k")
    assert restaurant.do("/v1/restaurant/menu/batch", dishes, key="k") == first
    shown = restaurant.show("/v1/restaurant")["menu"]
    assert [dish["item_id"] for dish in shown if dish["name"].startswith("Dish")] == first["items"]


def test_a_repeated_registration_is_one_account(client: TestClient[Api]) -> None:
    body = {
        "email": "rui@example.com",
        "password": "long enough",
        "role": "driver",
        "name": "Rui",
        "phone": "+351 912 345 678",
        "driver": {"region": "porto", "vehicle": "bicycle"},
    }
    answers = at_once(8, lambda: client.post("/v1/accounts", json=body, headers={"Idempotency-Key": "k"}))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    for change in ({"name": "Other"}, {"password": "something else"}):
        reused = client.post("/v1/accounts", json=body | change, headers={"Idempotency-Key": "k"})
        assert (reused.status_code, reused.json()["type"]) == (422, "urn:tiffin:problem:idempotency-key-reused")


def test_read_marks_never_go_back(city: City) -> None:
    customer = city.customer()
    assert customer.do("/v1/inbox/read-marks", {"position": 9}) == {"position": 9}
    assert customer.do("/v1/inbox/read-marks", {"position": 4}) == {"position": 9}
