"""The document says what is so: every example fits its schema, every operation its problems; no page needs the web."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from litestar.testing import TestClient

from api.app import Api, make_app
from api.driver_frames import CLOSES, DOWN
from api.openapi import document
from application.settings import Settings
from application.supervise import ROOT

DOCUMENT = document(make_app(Settings()))


class Operation(NamedTuple):
    path: str
    method: str
    body: dict[str, Any]

    def __repr__(self) -> str:
        return str(self.body["operationId"])


OPERATIONS = [
    Operation(path, method, body) for path, methods in DOCUMENT["paths"].items() for method, body in methods.items()
]
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=repr)


def contents(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    for where in (operation.body.get("requestBody", {}), *operation.body["responses"].values()):
        yield from where.get("content", {}).items()


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]}, format_checker=FormatChecker())


@each_operation
def test_every_example_is_accepted_by_its_own_schema(operation: Operation) -> None:
    for media_type, content in contents(operation):
        for example in content["examples"].values():
            value = example["value"]
            assert value is not None, media_type
            validator(content["schema"]).validate(value)


@each_operation
def test_every_operation_is_described(operation: Operation) -> None:
    body = operation.body
    assert re.fullmatch(r"[a-z][a-z_]+", body["operationId"])
    assert body["summary"]
    assert body["description"]
    assert set(body["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    assert all(response["description"] for response in body["responses"].values())
    assert "503" in body["responses"]
    for status, response in body["responses"].items():
        if status >= "400":
            assert list(response["content"]) == ["application/problem+json"]


@each_operation
def test_every_changing_operation_asks_for_a_key(operation: Operation) -> None:
    named = {parameter["name"] for parameter in operation.body["parameters"] if parameter["required"]}
    changes = operation.method != "get" and operation.body["operationId"] not in {
        "log_in",
        "report_positions",
        "relay_positions",
        "quote_basket",
    }
    assert ("Idempotency-Key" in named) == changes


@each_operation
def test_who_may_not_is_told_so(operation: Operation) -> None:
    assert ("security" in operation.body) <= ({"401", "403"} <= set(operation.body["responses"]))


def test_operation_ids_are_unique() -> None:
    ids = [operation.body["operationId"] for operation in OPERATIONS]
    assert len(ids) == len(set(ids))


def test_every_path_parameter_is_described() -> None:
    for operation in OPERATIONS:
        described = {p["name"] for p in operation.body["parameters"] if p["in"] == "path"}
        assert described == set(re.findall(r"{(\w+)}", operation.path))


def test_every_reference_leads_somewhere() -> None:
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', msgspec.json.encode(DOCUMENT).decode()))
    assert references <= set(DOCUMENT["components"]["schemas"])


def test_every_schema_is_one() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_the_document_is_the_same_each_time() -> None:
    assert msgspec.json.encode(document(make_app(Settings()))) == msgspec.json.encode(DOCUMENT)


def test_every_frame_of_the_drivers_socket_is_described() -> None:
    described = DOCUMENT["paths"]["/v1/driver/stream"]["get"]["description"]
    source = "".join((ROOT / "api" / file).read_text() for file in ("streams.py", "controllers/driver_socket.py"))
    sent = set(re.findall(r'(?:frame|tell|_tell)\("([a-z-]+)"', source)) - {"position"}
    assert sent == set(DOWN)
    assert all(f"| `{kind}` |" in described for kind in sent)
    assert all(f"| {code} |" in described for code in CLOSES)


def test_the_page_needs_no_other_server(client: TestClient[Api]) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(assets) == 4
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
    for asset in assets:
        answer = client.get(asset)
        assert (answer.status_code, answer.headers["x-request-id"] != "") == (200, True)
        assert answer.content
    assert client.get("/docs/nothing.js").status_code == 404
    assert client.get("/schema").json()["openapi"] == "3.1.0"


def test_metrics_and_health_need_no_session(client: TestClient[Api]) -> None:
    client.get("/v1/orders/00000000-0000-7000-8000-000000000000")
    metrics = client.get("/metrics")
    assert metrics.status_code == 200
    assert 'route="/v1/orders/{order_id}",status_code="401"' in metrics.text
    assert client.get("/health/live").json() == {"status": "ok"}
    assert set(client.get("/health").json()["checks"]) == {"postgresql", "valkey", "projections"}
