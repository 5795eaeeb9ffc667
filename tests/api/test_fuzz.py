"""Whatever is sent to whichever operation: an answer, never a fault of ours."""

import copy
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from api import examples
from application.settings import Settings
from tests.api.conftest import appointed
from tests.api.people import City, Person, Restaurant, basket
from tests.api.test_openapi import OPERATIONS, Operation

NASTY: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**40,
    1.5,
    -1e308,
    "",
    " ",
    "x" * 5000,
    "\0",
    "\u202e\U0001f355",
    "\ufffe",
    "'; DROP TABLE events; --",
    "%s %(x)s :x {0}",
    "../../etc/passwd",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2024-02-30T00:00:00Z",
    str(uuid.uuid4()),
    [],
    [None],
    {},
    {"a": {"b": []}},
)
RAW: tuple[bytes, ...] = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"NaN",
    b"\xff\xfe",
    b'{"a":"\xff"}',
    b'{"a":"\\ud800"}',
    b"\0",
    b"[" * 50_000,
    b'{"position":1e400}',
)
ENDLESS = {"stream_restaurant", "stream_driver"}
ROLES = ("customer", "restaurant", "driver", "support", "auditor", "admin")
HEADERS: tuple[dict[str, str], ...] = (
    {"Authorization": "Bearer \xe9"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data"},
    {"Content-Type": ";;;"},
    {"Content-Length": "abc"},
    {"Last-Event-ID": "9" * 400},
    {"Tiffin-Position": "1e5"},
    {"Idempotency-Key": ""},
    {"traceparent": "x" * 9000, "X-Request-Id": "\xe9", "User-Agent": ""},
    {"Accept": "image/png", "Accept-Encoding": "gzip;q=x", "Cookie": "a=b; =", "Range": "bytes=9-1"},
)


@pytest.fixture
def people(city: City, settings: Settings) -> dict[str, Person]:
    restaurant = city.restaurant()
    customer = city.customer()
    customer.do("/v1/orders", basket(restaurant))
    people = {"customer": customer, "restaurant": restaurant, "driver": city.driver()}
    for role in ("support", "auditor", "admin"):
        people[role] = appointed(city, settings, role)
    return people


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_bad_input_is_never_a_fault_of_ours(people: dict[str, Person], method: str) -> None:
    asked = 0
    order = people["customer"].show("/v1/orders")["items"][0]["order_id"]
    for operation in (operation for operation in OPERATIONS if operation.method == method):
        for options in attempts(operation):
            person = people[next((role for role in operation.body.get("x-roles", ROLES)), "customer")]
            if operation.body["operationId"].startswith(("log_out", "revoke")):
                person = Person(person.caller, "nobody's", "")
            # An order of one's own would be streamed without end.
            named = str(uuid.uuid4()) if operation.body["operationId"] == "stream_order" else order
            path = options.pop("path").replace("ORDER", named)
            known = {"Idempotency-Key": str(uuid.uuid4()), "Authorization": f"Bearer {person.token}"}
            if "content" in options:
                options["content"] = real(options["content"], people)
            headers = {**known, **options.pop("headers", {})}
            encoded = {name: value.encode("latin-1") for name, value in headers.items()}
            answer = person.caller.request(method.upper(), path, headers=encoded, **options)
            asked += 1
            assert answer.status_code < 500, (operation, path, options, headers, answer.text)
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json", (operation, options)
                assert answer.json()["remedy"], answer.text
    assert asked > 20


def real(content: bytes, people: dict[str, Person]) -> bytes:
    """With ids that exist in place of the examples'."""
    restaurant = people["restaurant"]
    assert isinstance(restaurant, Restaurant)
    return content.replace(examples.RESTAURANT.encode(), restaurant.id.encode()).replace(
        examples.ITEM.encode(), restaurant.dish.encode()
    )


def attempts(operation: Operation) -> Iterator[dict[str, Any]]:
    """One bad thing at a time, everything else as in the example."""
    body = example(operation)
    path = operation.path
    for name in ("order_id", "restaurant_id", "item_id", "driver_id", "account_id", "offer_id"):
        path = path.replace(f"{{{name}}}", "ORDER")
    required = {p["name"]: 1 for p in operation.body["parameters"] if p["in"] == "query" and p["required"]}
    if operation.body["operationId"] not in ENDLESS:
        yield from ({"path": path, "params": required, "headers": headers} | json_of(body) for headers in HEADERS)
        for parameter in operation.body["parameters"]:
            if parameter["in"] == "query" and parameter["name"] != "follow":
                for value in NASTY:
                    yield {"path": path, "params": required | {parameter["name"]: as_text(value)}}
    for nasty in ("x", "%00", "%ff", "..", "0" * 300, str(uuid.uuid4())):
        if "ORDER" in path:
            yield {"path": path.replace("ORDER", nasty)} | json_of(body)
    if body is None:
        return
    for raw in RAW:
        yield {"path": path, "content": raw, "headers": {"Content-Type": "application/json"}}
    for changed in mutations(body):
        yield {"path": path, "content": json.dumps(changed).encode()}


def json_of(body: Any) -> dict[str, Any]:
    return {} if body is None else {"content": json.dumps(body).encode()}


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def example(operation: Operation) -> Any:
    if operation.body["operationId"] == "create_account":
        profile = {"region": "porto", "position": examples.HERE, "address": "x", "cuisines": ["x"]}
        times = {"prep_seconds": 600, "delivery_radius_m": 3000}
        return examples.CUSTOMER_ACCOUNT | {"role": "restaurant", "restaurant": profile | times}
    content = operation.body.get("requestBody", {}).get("content", {})
    return next(iter(content["application/json"]["examples"].values()))["value"] if content else None


def mutations(body: Any) -> Iterator[Any]:
    """The body with each part replaced by each nasty value, left out, and joined by an unknown one."""
    for place in places(body):
        for value in NASTY:
            yield replaced(body, place, value)
        if place and isinstance(place[-1], str):
            yield replaced(body, place, ...)
    yield body | {"surprise": 1}


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*path, key))


def replaced(body: Any, place: tuple[str | int, ...], value: Any) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(body)
    target = changed
    for key in place[:-1]:
        target = target[key]
    if value is ...:
        del target[place[-1]]
    else:
        target[place[-1]] = value
    return changed
