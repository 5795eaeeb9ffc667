"""How an operation is declared: `@query` reads a projection, `@command` changes something, `@live` streams.

Each sets the gate that runs before the handler (session, role, key, position) and keeps the facts that OpenAPI needs.
A gate is a `before_request` hook rather than a guard: Litestar copies the whole handler for each call of a guard.
"""

import hmac
import re
from collections.abc import Awaitable, Callable, Collection
from inspect import iscoroutinefunction, signature
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from api.call import ApiRequest, Call
from api.problems import (
    FORBIDDEN,
    GATEWAY_CLOSED,
    KEY_INVALID,
    KEY_MISSING,
    UNAUTHENTICATED,
    FieldError,
    ProblemError,
    invalid,
)
from domain.event import Role

DESCRIPTION = "tiffin.operation"
"""Where a handler's `opt` holds its Description."""

CUSTOMER = frozenset({Role.CUSTOMER})
RESTAURANT = frozenset({Role.RESTAURANT})
DRIVER = frozenset({Role.DRIVER})
SUPPORT = frozenset({Role.SUPPORT, Role.ADMIN})
AUDITOR = frozenset({Role.AUDITOR, Role.ADMIN})
STAFF = frozenset({Role.SUPPORT, Role.AUDITOR, Role.ADMIN})
ADMIN = frozenset({Role.ADMIN})
SUBJECTS = frozenset({Role.CUSTOMER, Role.RESTAURANT, Role.DRIVER})
EVERYONE = frozenset(set(Role) - {Role.SYSTEM})
PUBLIC: frozenset[Role] = frozenset()
"""No session needed."""

_IN_PATH = re.compile(r"\{(\w+)(:\w+)?\}")
_KEY = re.compile(rb"[\x21-\x7e]{1,128}")
_POSITION = re.compile(rb"[0-9]{1,18}")

type Gate = Callable[[Any], Awaitable[None]]
type Declare = Callable[[Callable[..., Any]], HTTPRouteHandler]


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What OpenAPI says about an operation beside its signature. Examples are JSON-able values."""

    roles: Collection[Role]
    service: bool = False
    """For who holds the gateway's token, not for a session."""
    keyed: bool = False
    waits: bool = False
    body: Any = None
    answer: Any = None
    answer_type: str = "application/json"
    problems: Collection[int] = ()
    """Statuses beyond those that follow from the signature."""
    guide: str = ""
    """What a client's developer has to know beyond the handler's docstring, as Markdown."""


def query(
    path: str,
    *,
    id: str,  # noqa: A002 - OpenAPI's word
    summary: str,
    roles: Collection[Role],
    method: Callable[..., Any] = get,
    reads: Collection[str] = (),
    body: Any = None,  # noqa: ANN401 - a JSON-able example
    answer: Any,  # noqa: ANN401 - a JSON-able example
    answer_type: str = "application/json",
    problems: Collection[int] = (),
) -> Declare:
    """A look at read models, in a thread or by a coroutine. A Tiffin-Position header waits for those in `reads`."""

    def declare(function: Callable[..., Any]) -> HTTPRouteHandler:
        return _declare(
            method,
            path,
            operation_id=id,
            summary=summary,
            status_code=200,
            media_type=answer_type,
            before_request=_reading(roles, tuple(reads), _parameters(function, path)),
            opt={
                DESCRIPTION: Description(
                    roles=roles, waits=True, body=body, answer=answer, answer_type=answer_type, problems=problems
                )
            },
        )(function)

    return declare


def command(
    path: str,
    method: Callable[..., Any] = post,
    *,
    id: str,  # noqa: A002 - OpenAPI's word
    summary: str,
    roles: Collection[Role],
    answer: Any,  # noqa: ANN401 - a JSON-able example
    body: Any = None,  # noqa: ANN401 - a JSON-able example
    status: int = 200,
    problems: Collection[int] = (404, 409),
) -> Declare:
    """A change under an Idempotency-Key, in a thread unless it is a coroutine."""
    return _declare(
        method,
        path,
        operation_id=id,
        summary=summary,
        status_code=status,
        before_request=_changing(roles),
        opt={DESCRIPTION: Description(roles=roles, keyed=True, body=body, answer=answer, problems=problems)},
    )


def _declare(method: Callable[..., Any], path: str, **options: Any) -> Declare:  # noqa: ANN401 - Litestar's own
    def declare(function: Callable[..., Any]) -> HTTPRouteHandler:
        threaded = None if iscoroutinefunction(function) else True
        handler: HTTPRouteHandler = method(path, sync_to_thread=threaded, **options)(function)
        return handler

    return declare


def live(
    path: str,
    *,
    id: str,  # noqa: A002 - OpenAPI's word
    summary: str,
    roles: Collection[Role],
    answer: str,
    media_type: str,
    problems: Collection[int] = (404,),
    guide: str = "",
) -> Declare:
    """An endless GET on the event loop."""

    def declare(function: Callable[..., Any]) -> HTTPRouteHandler:
        handler: HTTPRouteHandler = get(
            path,
            operation_id=id,
            summary=summary,
            media_type=media_type,
            before_request=_reading(roles, (), _parameters(function, path)),
            opt={
                DESCRIPTION: Description(
                    roles=roles,
                    waits=False,
                    answer=answer,
                    answer_type=media_type,
                    problems=problems,
                    guide=guide,
                )
            },
        )(function)
        return handler

    return declare


def plain(
    path: str,
    method: Callable[..., Any] = get,
    *,
    id: str,  # noqa: A002 - OpenAPI's word
    summary: str,
    roles: Collection[Role] = PUBLIC,
    answer: Any = None,  # noqa: ANN401 - a JSON-able example
    body: Any = None,  # noqa: ANN401 - a JSON-able example
    status: int | None = None,
    keyed: bool = False,
    threaded: bool | None = None,
    answer_type: str = "application/json",
    problems: Collection[int] = (),
) -> Declare:
    """An operation beside the event store: sessions, pings, health. `threaded` is said for plain functions only."""
    declare: Declare = method(
        path,
        operation_id=id,
        summary=summary,
        status_code=status,
        media_type=answer_type,
        sync_to_thread=threaded,
        before_request=_changing(roles) if keyed else _entering(roles),
        opt={
            DESCRIPTION: Description(
                roles=roles, keyed=keyed, body=body, answer=answer, answer_type=answer_type, problems=problems
            )
        },
    )
    return declare


def service(
    path: str,
    method: Callable[..., Any] = post,
    *,
    id: str,  # noqa: A002 - OpenAPI's word
    summary: str,
    answer: Any,  # noqa: ANN401 - a JSON-able example
    body: Any,  # noqa: ANN401 - a JSON-able example
    problems: Collection[int] = (),
) -> Declare:
    """An operation for another service of the operator's, which shows a token from the settings."""
    declare: Declare = method(
        path,
        operation_id=id,
        summary=summary,
        status_code=200,
        before_request=_serving,
        opt={DESCRIPTION: Description(roles=PUBLIC, service=True, body=body, answer=answer, problems=problems)},
    )
    return declare


async def _serving(request: ApiRequest) -> None:
    token = request.services.settings.positions.gateway_token
    if not token:
        raise ProblemError(GATEWAY_CLOSED, "No gateway is set up here.")
    scheme, _, shown = request.call.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not hmac.compare_digest(shown.strip(), token.encode()):
        raise ProblemError(UNAUTHENTICATED, "This is for the gateway: send Authorization: Bearer TOKEN with its token.")


class Caller(Protocol):
    """Whoever has a call: a request, or a WebSocket."""

    @property
    def call(self) -> Call:
        """Its circumstances."""
        ...


async def authenticate(request: Caller, roles: Collection[Role]) -> None:
    """Find the bearer's session and check its role. Raises 401 and 403 problems."""
    call = request.call
    scheme, _, token = call.headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not token:
        raise ProblemError(UNAUTHENTICATED, "This needs a session: send Authorization: Bearer TOKEN.")
    identity = await call.services.sessions.find(token.strip().decode("latin-1"))
    if identity is None:
        raise ProblemError(UNAUTHENTICATED, "The session is unknown, over or revoked.")
    if identity.role not in roles:
        wanted = ", ".join(sorted(roles))
        raise ProblemError(FORBIDDEN, f"You are logged in as {identity.role}; this is for: {wanted}.")
    call.identity = identity


def read_key(request: ApiRequest) -> str:
    """The call's Idempotency-Key. Raises 400 problems."""
    headers = request.call.headers
    key = headers.get(b"idempotency-key") or headers.get(b"x-idempotency-key")
    if not key:
        error = FieldError(field="Idempotency-Key", message="Send this header; a new UUID for each new request.")
        raise ProblemError(KEY_MISSING, "A changing call needs an Idempotency-Key header.", errors=[error])
    if not _KEY.fullmatch(key):
        error = FieldError(field="Idempotency-Key", message="Use 1 to 128 visible ASCII characters.")
        raise ProblemError(KEY_INVALID, "The Idempotency-Key cannot be used.", errors=[error])
    return key.decode("ascii")


def _entering(roles: Collection[Role]) -> Gate | None:
    if not roles:
        return None

    async def gate(request: ApiRequest) -> None:
        await authenticate(request, roles)

    return gate


def _parameters(function: Callable[..., Any], path: str) -> frozenset[str]:
    """What the function takes from the query: everything but the call, its body, and what is in the path."""
    in_path = {name for name, _ in _IN_PATH.findall(path)}
    return frozenset(signature(function).parameters) - {"self", "request", "data"} - in_path


def _check_query(query: bytes, known: frozenset[str]) -> None:
    """Raise 400 for what cannot be stored, and for a parameter that nobody knows: a misspelt filter filters nothing."""
    if b"%00" in query or b"\0" in query:
        raise invalid("query", "Leave out NUL characters.")
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in known:
            there_are = f"there are: {', '.join(sorted(known))}." if known else "this takes none."
            raise invalid(name, f"There is no such query parameter; {there_are}")


def _reading(roles: Collection[Role], reads: tuple[str, ...], known: frozenset[str]) -> Gate:
    async def gate(request: ApiRequest) -> None:
        if roles:
            await authenticate(request, roles)
        call = request.call
        if query := request.scope["query_string"]:
            _check_query(query, known)
        wanted = call.headers.get(b"tiffin-position")
        if wanted is not None and not _POSITION.fullmatch(wanted):
            raise invalid("Tiffin-Position", "Send the whole number that a command answered with.")
        if reads:
            call.position = await call.services.caught_up(reads, int(wanted or 0))

    return gate


def _changing(roles: Collection[Role]) -> Gate:
    async def gate(request: ApiRequest) -> None:
        if roles:
            await authenticate(request, roles)
        request.call.key = read_key(request)

    return gate
