"""What is refused says which field, why, and what to do: RFC 9457, never a 500."""

import threading
import uuid
from typing import Any

import psycopg
import pytest
from litestar.testing import TestClient

from api.app import Api
from application.settings import Settings
from tests.api.people import City, Person, Restaurant, basket

KEY = {"Idempotency-Key": "k"}


@pytest.fixture
def customer(city: City) -> Person:
    return city.customer()


def problem(answer: Any, status: int, slug: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert (answer.status_code, found["type"], found["status"]) == (status, f"urn:tiffin:problem:{slug}", status)
    assert found["title"]
    assert found["detail"]
    assert found["remedy"]
    assert found["instance"] == f"urn:request:{answer.headers['x-request-id']}"
    return found


def fields(found: dict[str, Any]) -> list[str]:
    return [error["field"] for error in found["errors"]]


class TestRequests:
    def test_a_change_needs_a_key(self, customer: Person) -> None:
        found = problem(customer.call("POST", "/v1/orders", json={}), 400, "idempotency-key-missing")
        assert fields(found) == ["Idempotency-Key"]

    @pytest.mark.parametrize("key", ["k" * 129, "a b"])
    def test_a_key_is_short_visible_ascii(self, customer: Person, key: str) -> None:
        answer = customer.call("POST", "/v1/orders", json={}, headers={"Idempotency-Key": key})
        problem(answer, 400, "idempotency-key-invalid")

    def test_the_key_has_an_alias(self, customer: Person) -> None:
        answer = customer.call("POST", "/v1/inbox/read-marks", json={"position": 1}, headers={"X-Idempotency-Key": "k"})
        assert answer.status_code == 200

    def test_what_is_no_json(self, customer: Person) -> None:
        found = problem(customer.call("POST", "/v1/orders", content=b"{", headers=KEY), 400, "malformed-request")
        assert "JSON" in found["detail"]

    def test_nesting_without_end(self, customer: Person) -> None:
        deep = b'{"lines":' + b"[" * 100_000
        problem(customer.call("POST", "/v1/orders", content=deep, headers=KEY), 422, "invalid-input")

    def test_another_media_type(self, customer: Person) -> None:
        headers = KEY | {"Content-Type": "text/xml"}
        answer = customer.call("POST", "/v1/orders", content=b"<x/>", headers=headers)
        problem(answer, 415, "unsupported-media-type")

    def test_a_body_without_end(self, customer: Person) -> None:
        problem(customer.call("POST", "/v1/orders", content=b" " * 300_000, headers=KEY), 413, "too-large")

    def test_no_body_where_one_is_needed(self, customer: Person) -> None:
        found = problem(customer.call("POST", "/v1/orders", headers=KEY), 422, "invalid-input")
        assert fields(found) == ["body"]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"tip_minor": "5"}, "tip_minor"),
            ({"tip_minor": -1}, "tip_minor"),
            ({"surprise": 1}, "surprise"),
            ({"restaurant_id": "x"}, "restaurant_id"),
            ({"lines": []}, "lines"),
            ({"lines": [{"item_id": str(uuid.uuid4()), "quantity": 0}]}, "lines[0].quantity"),
            ({"lines": [{"quantity": 1}]}, "lines[0].item_id"),
            ({"dropoff": {"position": {"lat": 91, "lon": 0}, "address": "x"}}, "dropoff.position.lat"),
            ({"dropoff": {"position": {"lat": 1, "lon": 0}, "address": "a\0b"}}, "dropoff.address"),
        ],
    )
    def test_a_body_that_does_not_fit_names_its_field(self, customer: Person, change: Any, field: str) -> None:
        restaurant = Restaurant(customer.caller, "", str(uuid.uuid4()))
        restaurant.dish = str(uuid.uuid4())
        found = problem(customer.post("/v1/orders", basket(restaurant) | change), 422, "invalid-input")
        assert fields(found) == [field]

    def test_words_that_only_look_like_a_nul(self, customer: Person) -> None:
        body = b'{"reason": "backslash \\\\u0000 is text"}'
        answer = customer.call("POST", f"/v1/orders/{uuid.uuid4()}/cancellation", content=body, headers=KEY)
        problem(answer, 404, "not-found")

    @pytest.mark.parametrize(
        ("path", "params", "field"),
        [
            ("/v1/restaurants", {"lat": "x", "lon": 0}, "lat"),
            ("/v1/restaurants", {"lon": 0}, "lat"),
            ("/v1/restaurants", {"lat": 1, "lon": 0, "radius_m": -5}, "radius_m"),
            ("/v1/orders", {"limit": 0}, "limit"),
            ("/v1/orders", {"limit": 101}, "limit"),
            ("/v1/orders", {"status": "lost"}, "status"),
            ("/v1/orders", {"cursor": "x"}, "cursor"),
            ("/v1/orders", {"cursor": "é"}, "cursor"),
            ("/v1/orders", {"since": "2024-01-01T00:00:00"}, "since"),
            ("/v1/orders", {"since": "0001-01-01T00:00:00+14:00"}, "since"),
            ("/v1/orders/summary", {"days": 400}, "days"),
        ],
    )
    def test_a_parameter_that_does_not_fit_is_named(
        self, customer: Person, path: str, params: dict[str, Any], field: str
    ) -> None:
        found = problem(customer.get(path, **params), 422, "invalid-input")
        assert fields(found) == [field]

    def test_a_nul_in_a_query(self, customer: Person) -> None:
        problem(customer.get("/v1/restaurants", lat=1, lon=1, q="a\0"), 422, "invalid-input")

    @pytest.mark.parametrize("position", ["-1", "x", "9" * 30])
    def test_a_position_is_a_number(self, customer: Person, position: str) -> None:
        answer = customer.get("/v1/orders", headers={"Tiffin-Position": position})
        assert fields(problem(answer, 422, "invalid-input")) == ["Tiffin-Position"]

    def test_no_such_path(self, customer: Person) -> None:
        problem(customer.get("/v1/nothing"), 404, "no-such-path")
        problem(customer.get("/v1/orders/not-an-id"), 404, "no-such-path")

    def test_another_method(self, customer: Person) -> None:
        answer = customer.call("PATCH", "/v1/orders")
        problem(answer, 405, "method-not-allowed")
        assert {"GET", "POST"} <= {method.strip() for method in answer.headers["allow"].split(",")}


class TestWho:
    @pytest.mark.parametrize("value", ["", "Basic eDp5", "Bearer", "Bearer nonsense", "Bearer \xff"])
    def test_nobody(self, client: TestClient[Api], value: str) -> None:
        headers = {b"authorization": value.encode("latin-1")}
        answer = client.get("/v1/orders", headers=headers)
        problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")

    def test_somebody_else(self, customer: Person) -> None:
        found = problem(customer.get("/v1/driver"), 403, "forbidden")
        assert "customer" in found["detail"]
        assert "driver" in found["detail"]

    def test_a_wrong_password_and_an_unknown_address_look_alike(self, client: TestClient[Api], city: City) -> None:
        known = city.register("customer")
        answers = [
            client.post("/v1/sessions", json={"email": email, "password": "wrong"})
            for email in (known["email"], "nobody@example.com")
        ]
        details = {problem(answer, 401, "wrong-credentials")["detail"] for answer in answers}
        assert len(details) == 1

    def test_too_many_wrong_passwords(self, client: TestClient[Api], city: City) -> None:
        email = city.register("customer")["email"]
        body = {"email": email, "password": "wrong"}
        for _ in range(10):
            assert client.post("/v1/sessions", json=body).status_code == 401
        answer = client.post("/v1/sessions", json=body)
        problem(answer, 429, "too-many-attempts")
        assert 1 <= int(answer.headers["retry-after"]) <= 60

    def test_an_address_has_one_account(self, client: TestClient[Api], city: City) -> None:
        known = city.register("customer")
        again = known | {"email": known["email"].upper()}
        problem(client.post("/v1/accounts", json=again, headers=KEY), 409, "email-taken")

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"role": "driver"}, "driver"),
            ({"driver": {"region": "porto", "vehicle": "car"}}, "driver"),
            ({"role": "driver", "driver": {"region": "atlantis", "vehicle": "car"}}, "driver.region"),
            ({"role": "driver", "driver": {"region": "porto", "vehicle": "car"}, "phone": None}, "phone"),
            ({"email": "nonsense"}, "email"),
            ({"password": "short"}, "password"),
        ],
    )
    def test_a_registration_that_does_not_fit(self, client: TestClient[Api], change: Any, field: str) -> None:
        body = {
            "email": "new@example.com",
            "password": "long enough",
            "role": "customer",
            "name": "Ana",
            "phone": "+351 912 345 678",
        }
        answer = client.post("/v1/accounts", json=body | change, headers=KEY)
        assert fields(problem(answer, 422, "invalid-input")) == [field]

    def test_staff_is_appointed_by_an_admin(self, client: TestClient[Api], customer: Person) -> None:
        body = {"email": "s@example.com", "password": "long enough", "role": "support", "name": "S"}
        problem(client.post("/v1/accounts", json=body, headers=KEY), 401, "unauthenticated")
        problem(customer.post("/v1/accounts", body), 403, "forbidden")


class TestWhatIsSo:
    def test_a_step_out_of_turn_tells_the_current_status(self, city: City) -> None:
        restaurant, customer = city.restaurant(), city.customer()
        order = customer.do("/v1/orders", basket(restaurant))["id"]
        found = problem(restaurant.post(f"/v1/orders/{order}/readiness"), 409, "illegal-transition")
        assert found["current_status"] == "placed"

    def test_a_closed_restaurant(self, city: City) -> None:
        restaurant, customer = city.restaurant(), city.customer()
        restaurant.do("/v1/restaurant/closure")
        restaurant.show("/v1/restaurant")
        found = problem(customer.post("/v1/orders", basket(restaurant)), 409, "restaurant-closed")
        assert found["current_status"] == "closed"

    def test_an_unknown_dish_is_named(self, city: City) -> None:
        restaurant, customer = city.restaurant(), city.customer()
        restaurant.dish = str(uuid.uuid4())
        found = problem(customer.post("/v1/orders", basket(restaurant)), 422, "item-unavailable")
        assert fields(found) == ["lines[0].item_id"]
        assert restaurant.dish in found["detail"]

    def test_too_far_away(self, city: City) -> None:
        restaurant, customer = city.restaurant(), city.customer()
        far = {"dropoff": {"position": {"lat": 41.5, "lon": -8.4}, "address": "Braga"}}
        found = problem(customer.post("/v1/orders", basket(restaurant, **far)), 422, "out-of-delivery-area")
        assert fields(found) == ["dropoff.position"]

    def test_a_declined_card_places_nothing(self, city: City) -> None:
        restaurant, customer = city.restaurant(), city.customer()
        problem(
            customer.post("/v1/orders", basket(restaurant, payment_method="card_declined")), 422, "payment-declined"
        )
        assert customer.show("/v1/orders")["items"] == []


def test_a_busy_store_says_when_to_come_again(city: City, settings: Settings) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    key = str(uuid.uuid4())
    with psycopg.connect(settings.database.url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(7214002)")
        answer = customer.post("/v1/orders", basket(restaurant), key=key)
        problem(answer, 503, "busy")
        assert int(answer.headers["retry-after"]) >= 1
    assert customer.post("/v1/orders", basket(restaurant), key=key).status_code == 201
    assert len(customer.show("/v1/orders")["items"]) == 1


def test_requests_beyond_the_connections_wait_or_are_told_to(city: City, settings: Settings) -> None:
    """More callers than connections and threads: everybody gets an answer."""
    customer = city.customer()
    statuses: list[int] = []

    def look() -> None:
        statuses.append(customer.get("/v1/orders").status_code)

    threads = [threading.Thread(target=look) for _ in range(4 * settings.api.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [200] * len(threads)


def test_a_misspelt_query_parameter_is_named(city: City) -> None:
    customer = city.customer()
    answer = customer.get("/v1/restaurants", lat=41.15, long=-8.61)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "long"
    assert "there are: " in error["message"]
    assert "lon" in error["message"]
    assert customer.get("/v1/restaurants", lat=41.15, lon=-8.61).status_code == 200
