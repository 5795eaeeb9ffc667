"""The OpenAPI 3.1 document, made from the handlers themselves: their signatures, Structs and descriptions.

Schemas are msgspec's own (JSON Schema 2020-12, what 3.1 speaks), so that they say exactly what the decoder accepts.
"""

import inspect
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from litestar.routes import HTTPRoute

from api.operations import DESCRIPTION, Description
from api.problems import MEDIA_TYPE, TYPE_PREFIX, Problem

API_VERSION = "1.0.0"

TAGS = {
    "accounts": "Registration, log-in and sessions.",
    "customer": "Browse, quote, order, follow.",
    "restaurant": "Menu, opening hours, the kitchen's work list.",
    "driver": "Shift, positions, offers, deliveries, earnings.",
    "support": "Find an order, see all that happened to it, put it right.",
    "auditor": "The whole log, as it was written.",
    "ops": "Progress, health and metrics.",
}

INTRODUCTION = """
Every call that changes something needs an `Idempotency-Key` header: a new UUID for each new request, the same one
when a request is repeated. It answers `{id, status, version}` and the header `Tiffin-Position`; send that header with a
later GET, and the GET waits (at most 1 s) until it shows the change. Errors are `application/problem+json` and name the
field and the remedy. Times are RFC 3339, amounts minor units of the region's currency, positions WGS84 degrees.
A driver's device keeps one WebSocket instead of many requests: see `GET /v1/driver/stream`.
"""

_PROBLEMS: dict[int, tuple[str, str, str]] = {
    400: ("idempotency-key-missing", "Idempotency-Key missing", "Send a new UUID with each new request."),
    401: ("unauthenticated", "Log in first", "POST /v1/sessions, then send its token as a bearer."),
    403: ("forbidden", "Not for this role", "Use an account of a role that may."),
    404: ("not-found", "Not found", "Check the id; what belongs to others is not shown."),
    409: ("illegal-transition", "Illegal transition", "Fetch it again and decide anew."),
    413: ("too-large", "Request too large", "Send less at once."),
    415: ("unsupported-media-type", "Send JSON", "Send Content-Type: application/json."),
    422: ("invalid-input", "Invalid input", "Correct the fields named in errors."),
    429: ("too-many-attempts", "Too many wrong passwords", "Wait as long as Retry-After says."),
    503: ("unavailable", "Unavailable for a moment", "Repeat with the same Idempotency-Key."),
}

_HEADERS: dict[str, tuple[bool, str, dict[str, Any]]] = {
    "Idempotency-Key": (
        True,
        "A new UUID for each new request; the same one to repeat it.",
        {"minLength": 1, "maxLength": 128},
    ),
    "Tiffin-Position": (False, "Wait until the answer shows this log position.", {"pattern": "^[0-9]{1,18}$"}),
}


class _Operation(NamedTuple):
    path: str
    method: str
    handler: HTTPRouteHandler
    description: Description
    hints: dict[str, Any]
    """Every parameter's annotation, and `return`."""


def document(app: Litestar) -> dict[str, Any]:
    """Describe every operation of an application that was declared through `api.operations`."""
    operations = sorted(_operations(app), key=lambda operation: (operation.path, operation.method))
    types: dict[int, Any] = {id(Problem): Problem}
    for operation in operations:
        types.update({id(hint): hint for hint in operation.hints.values()})
    schemas, components = msgspec.json.schema_components(types.values(), ref_template="#/components/schemas/{name}")
    found = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation, found)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tiffin", "version": API_VERSION, "description": INTRODUCTION.strip()},
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {"type": "http", "scheme": "bearer", "description": "A session's token."},
                "gateway": {"type": "http", "scheme": "bearer", "description": "The gateway's token."},
            },
        },
    }


def _operations(app: Litestar) -> Iterator[_Operation]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            description = handler.opt.get(DESCRIPTION)
            if description is None:
                continue
            for method in sorted(handler.http_methods):
                yield _Operation(route.path_format, method.lower(), handler, description, _hints(handler))


def _hints(handler: HTTPRouteHandler) -> dict[str, Any]:
    """Annotations by parameter, without what is not the client's; `return` holds the body's type, if it has one."""
    fn = inspect.unwrap(getattr(handler.fn, "func", handler.fn))
    while not inspect.isroutine(fn) and hasattr(fn, "func"):
        fn = fn.func
    hints = {
        name: hint for name, hint in get_type_hints(fn, include_extras=True).items() if name not in {"request", "self"}
    }
    answer = hints.pop("return", None)
    if get_origin(answer) is Response:
        answer = get_args(answer)[0]
    if answer is not None and answer is not type(None) and not (inspect.isclass(answer) and issubclass(answer, Stream)):
        hints["return"] = answer
    return hints


def _describe(operation: _Operation, schemas: dict[int, Any]) -> dict[str, Any]:
    handler, description = operation.handler, operation.description
    described: dict[str, Any] = {
        "operationId": handler.operation_id,
        "summary": handler.summary,
        "tags": sorted(handler.resolve_tags()),
        "parameters": list(_parameters(operation, schemas)),
        "responses": _responses(operation, schemas),
    }
    text = "\n\n".join(filter(None, (inspect.getdoc(handler.fn), description.guide)))
    if text:
        described["description"] = text
    if description.service:
        described["security"] = [{"gateway": []}]
    if description.roles:
        described["security"] = [{"session": []}]
        described["x-roles"] = sorted(description.roles)
    if "data" in operation.hints:
        parameter = _signature(handler).parameters["data"]
        described["requestBody"] = {
            "required": parameter.default is inspect.Parameter.empty,
            "content": {
                "application/json": {
                    "schema": schemas[id(operation.hints["data"])],
                    "examples": {"example": {"value": description.body}},
                }
            },
        }
    return described


def _parameters(operation: _Operation, schemas: dict[int, Any]) -> Iterator[dict[str, Any]]:
    in_path = {name for part in operation.path.split("/") if part.startswith("{") for name in [part[1:-1]]}
    for name, parameter in _signature(operation.handler).parameters.items():
        if name in {"self", "request", "data"}:
            continue
        schema = _without_null(schemas[id(operation.hints[name])])
        if parameter.default not in (inspect.Parameter.empty, None):
            schema["default"] = msgspec.to_builtins(parameter.default)
        yield {
            "name": name,
            "in": "path" if name in in_path else "query",
            "required": name in in_path or parameter.default is inspect.Parameter.empty,
            "schema": schema,
        }
    description = operation.description
    names = (["Idempotency-Key"] if description.keyed else []) + (["Tiffin-Position"] if description.waits else [])
    for name in names:
        required, text, limits = _HEADERS[name]
        yield {
            "name": name,
            "in": "header",
            "required": required,
            "description": text,
            "schema": {"type": "string", **limits},
        }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, never null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    return dict(choices[0]) if len(choices) == 1 else dict(schema)


def _responses(operation: _Operation, schemas: dict[int, Any]) -> dict[str, Any]:
    handler, description = operation.handler, operation.description
    status = handler.status_code
    good: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if description.answer is not None:
        schema = schemas[id(operation.hints["return"])] if "return" in operation.hints else {"type": "string"}
        example = {"example": {"value": description.answer}}
        good["content"] = {description.answer_type: {"schema": schema, "examples": example}}
    if description.keyed or description.waits:
        text = "The log position that the answer shows." if description.waits else "The log position to wait for."
        good["headers"] = {"Tiffin-Position": {"description": text, "schema": {"type": "integer"}}}
    return {str(status): good} | {str(code): _problem(code, schemas) for code in sorted(_statuses(operation))}


def _statuses(operation: _Operation) -> set[int]:
    description, hints = operation.description, operation.hints
    statuses = set(description.problems) | {503}
    if description.roles or description.service:
        statuses |= {401, 403}
    if description.keyed:
        statuses |= {400, 422}
    if "data" in hints:
        statuses |= {400, 413, 415, 422}
    if description.waits or set(hints) - {"return"}:
        statuses.add(422)
    return statuses


def _problem(status: int, schemas: dict[int, Any]) -> dict[str, Any]:
    slug, title, remedy = _PROBLEMS[status]
    example: dict[str, Any] = {
        "type": TYPE_PREFIX + slug,
        "title": title,
        "status": status,
        "detail": title + ".",
        "instance": "urn:request:018f9c1e-6f0a-7c3e-8a55-0d1f6b1f7a10",
        "remedy": remedy,
    }
    if status in {400, 422}:
        field = "Idempotency-Key" if status == HTTPStatus.BAD_REQUEST else "lines[0].quantity"
        example["errors"] = [{"field": field, "message": remedy}]
    if status == HTTPStatus.CONFLICT:
        example["current_status"] = "picked_up"
    content = {MEDIA_TYPE: {"schema": schemas[id(Problem)], "examples": {slug: {"value": example}}}}
    response: dict[str, Any] = {"description": title, "content": content}
    if status in {429, 503}:
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return response


def _signature(handler: HTTPRouteHandler) -> inspect.Signature:
    fn = handler.fn
    while hasattr(fn, "func"):
        fn = fn.func
    return inspect.signature(fn)
