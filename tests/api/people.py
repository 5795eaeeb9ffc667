"""People who use the API as anyone would: they register, log in, and call."""

import uuid
from collections.abc import Callable
from typing import Any, Protocol

import httpx

HERE = {"lat": 41.1579, "lon": -8.6291}
THERE = {"lat": 41.1496, "lon": -8.6110}

type Json = dict[str, Any]


class Caller(Protocol):
    """Litestar's test client, or httpx against a real server."""

    @property
    def request(self) -> Callable[..., Any]: ...


class Person:
    """One logged-in account."""

    def __init__(self, caller: Caller, token: str, subject_id: str) -> None:
        self.caller = caller
        self.token = token
        self.id = subject_id
        self.position = 0

    def get(self, path: str, *, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
        wait = {"Tiffin-Position": str(self.position)} if self.position else {}
        return self.call("GET", path, headers=wait | (headers or {}), params=params)

    def show(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.json()
        return answer.json()

    def post(
        self, path: str, body: Json | None = None, *, key: str | None = None, method: str = "POST"
    ) -> httpx.Response:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        answer = self.call(method, path, headers=headers, **({} if body is None else {"json": body}))
        self.position = max(self.position, int(answer.headers.get("tiffin-position", 0)))
        return answer

    def do(self, path: str, body: Json | None = None, *, key: str | None = None, method: str = "POST") -> Any:
        answer = self.post(path, body, key=key, method=method)
        assert answer.status_code in {200, 201, 204}, answer.json()
        return answer.json() if answer.status_code != 204 else None

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        known = {"Authorization": f"Bearer {self.token}"} | (headers or {})
        answer: httpx.Response = self.caller.request(method, path, headers=known, **options)
        return answer


class City:
    """Registers people."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def register(self, role: str, **more: Any) -> Json:
        body = {
            "email": f"{role}-{uuid.uuid4().hex[:12]}@example.com",
            "password": "long enough",
            "role": role,
            "name": f"{role.title()} Silva",
            "phone": "+351 912 345 678",
        } | more
        answer = self.caller.request("POST", "/v1/accounts", json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
        assert answer.status_code == 201, answer.json()
        return body

    def log_in(self, account: Json) -> Person:
        body = {"email": account["email"], "password": account["password"]}
        answer = self.caller.request("POST", "/v1/sessions", json=body)
        assert answer.status_code == 201, answer.json()
        return Person(self.caller, answer.json()["token"], answer.json()["subject_id"])

    def customer(self, **more: Any) -> Person:
        return self.log_in(self.register("customer", **more))

    def driver(self, *, capacity: int = 2) -> Person:
        profile = {"region": "porto", "vehicle": "bicycle", "capacity": capacity}
        return self.log_in(self.register("driver", driver=profile))

    def restaurant(self, *, open_now: bool = True) -> "Restaurant":
        profile = {
            "region": "porto",
            "position": HERE,
            "address": "Avenida dos Aliados 12",
            "cuisines": ["portuguese"],
            "prep_seconds": 600,
            "delivery_radius_m": 5000,
        }
        person = self.log_in(self.register("restaurant", restaurant=profile))
        restaurant = Restaurant(self.caller, person.token, person.id)
        if open_now:
            restaurant.do("/v1/restaurant/opening")
            dish = {"name": "Francesinha", "description": "", "category": "Mains", "price_minor": 1250}
            restaurant.dish = restaurant.do("/v1/restaurant/menu", dish)["id"]
            restaurant.show("/v1/restaurant")
        return restaurant


class Restaurant(Person):
    """With one dish."""

    dish: str = ""


def basket(restaurant: Restaurant, **more: Any) -> Json:
    return {
        "restaurant_id": restaurant.id,
        "lines": [{"item_id": restaurant.dish, "quantity": 2, "notes": "No egg"}],
        "dropoff": {"position": THERE, "address": "Rua de Santa Catarina 100", "instructions": "Second floor"},
        "tip_minor": 200,
    } | more
