"""Every refusal as RFC 9457 problem+json: which error is which status, type and remedy is said here, once."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec
import psycopg
import psycopg_pool
import redis
import sqlalchemy.exc
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException

from application.accounts import EmailTaken, TooManyAttempts, WrongCredentials
from application.gateways.payments.port import PaymentDeclined, PaymentUnavailable
from application.logs import logger
from application.passwords import PasswordsBusy
from application.pings import Busy
from application.sessions import SessionsUnavailable
from application.store import KeyReused, StoreBusy, VersionConflict
from domain.driver import AtCapacity, CarryingOrders, DriverSuspended, NotOnShift
from domain.errors import Conflict, InvalidInput, NotFound, Refusal
from domain.order import (
    IllegalTransition,
    NotYourDelivery,
    OfferExpiredAlready,
    OfferGone,
    OfferNotYours,
    OfferOutdated,
    OfferTaken,
)
from domain.restaurant import ItemUnavailable, OutOfDeliveryArea, RestaurantClosed

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:tiffin:problem:"

_MISSING = re.compile(r"Missing required \w+ parameter '([^']+)'")

_log = logger(__name__)


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one field, and what to send instead. `field` is a JSON path, a parameter or a header."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457 problem details, with the fields at fault, the current status on 409 and the way out."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    """The request's id, as in the logs."""
    remedy: str = ""
    errors: tuple[FieldError, ...] = ()
    current_status: str = ""


class Kind(NamedTuple):
    """How one sort of error is told."""

    status: int
    slug: str
    title: str
    remedy: str = ""


class ProblemError(Exception):
    """A problem of HTTP's own: credentials, headers, media types, syntax."""

    def __init__(
        self, kind: Kind, detail: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        """`detail` is told to the client as it is."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


class ClientGone(Exception):  # noqa: N818 - names the outcome
    """The client closed the connection before its request was complete; nobody reads the answer."""


UNAUTHENTICATED = Kind(401, "unauthenticated", "Log in first", "POST /v1/sessions, then send its token as a bearer.")
FORBIDDEN = Kind(403, "forbidden", "Not for this role", "Use an account of a role that may.")
GATEWAY_CLOSED = Kind(403, "gateway-closed", "No gateway", "Set TIFFIN_GATEWAY_TOKEN, here and in the gateway.")
KEY_MISSING = Kind(400, "idempotency-key-missing", "Idempotency-Key missing", "Send a new UUID with each new request.")
KEY_INVALID = Kind(
    400, "idempotency-key-invalid", "Idempotency-Key unusable", "Send 1 to 128 visible ASCII characters."
)
MALFORMED = Kind(400, "malformed-request", "Malformed request", "Correct the request; the detail says where.")
NO_ROUTE = Kind(404, "no-such-path", "No such path", "See /docs for the paths there are.")
NOT_ALLOWED = Kind(405, "method-not-allowed", "Method not allowed", "Use a method that the Allow header names.")
TOO_LARGE = Kind(413, "too-large", "Request too large", "Send less at once.")
MEDIA_TYPE_UNSUPPORTED = Kind(415, "unsupported-media-type", "Send JSON", "Send Content-Type: application/json.")
INVALID = Kind(422, "invalid-input", "Invalid input", "Correct the fields named in errors.")
UNAVAILABLE = Kind(503, "unavailable", "Unavailable for a moment", "Repeat with the same Idempotency-Key.")
FAULT = Kind(500, "fault", "A fault of ours", "Repeat with the same Idempotency-Key; tell support the instance.")

KINDS: dict[type[Exception], Kind] = {
    # Who asks
    WrongCredentials: Kind(401, "wrong-credentials", "Wrong e-mail address or password", "Check both and try again."),
    TooManyAttempts: Kind(429, "too-many-attempts", "Too many wrong passwords", "Wait as long as Retry-After says."),
    EmailTaken: Kind(409, "email-taken", "Address has an account", "Log in, or register another address."),
    # What is asked
    NotFound: Kind(404, "not-found", "Not found", "Check the id; what belongs to others is not shown."),
    KeyReused: Kind(422, "idempotency-key-reused", "Key used for another request", "Use a new key for a new request."),
    InvalidInput: INVALID,
    ItemUnavailable: Kind(422, "item-unavailable", "Item unavailable", "Leave the item out, or fetch the menu again."),
    OutOfDeliveryArea: Kind(422, "out-of-delivery-area", "Too far away", "Choose a restaurant that delivers there."),
    PaymentDeclined: Kind(422, "payment-declined", "Card declined", "Pay with another payment_method."),
    Refusal: Kind(422, "refused", "Refused", "The detail says why."),
    # What is so: the current status is told
    IllegalTransition: Kind(409, "illegal-transition", "Not in this status", "Fetch the order and decide anew."),
    OfferTaken: Kind(409, "offer-taken", "Another driver has it", "Wait for the next offer."),
    OfferExpiredAlready: Kind(409, "offer-expired", "Too late", "Answer the next offer before it expires."),
    OfferGone: Kind(409, "offer-gone", "Offer does not stand", "Fetch the standing offers."),
    OfferOutdated: Kind(409, "offer-outdated", "The orders part ways", "Go on with yours; wait for the next offer."),
    OfferNotYours: Kind(409, "offer-not-yours", "Another driver's offer", "Fetch your standing offers."),
    NotYourDelivery: Kind(409, "not-your-delivery", "Not assigned to you", "Fetch your orders."),
    AtCapacity: Kind(409, "at-capacity", "No more orders", "Deliver one first."),
    NotOnShift: Kind(409, "not-on-shift", "Off shift", "POST /v1/driver/shift first."),
    DriverSuspended: Kind(409, "driver-suspended", "Suspended", "Ask support."),
    CarryingOrders: Kind(
        409, "carrying-orders", "Orders left to deliver", "Deliver them, or ask support to reassign them."
    ),
    RestaurantClosed: Kind(409, "restaurant-closed", "Closed", "Choose another restaurant, or wait until it opens."),
    Conflict: Kind(409, "conflict", "Does not fit the current status", "Fetch it again and decide anew."),
    VersionConflict: Kind(409, "version-conflict", "Somebody else was first", "Fetch it again and decide anew."),
    # What is busy or away: nothing happened, and the same key may be sent again
    StoreBusy: Kind(503, "busy", "Busy", UNAVAILABLE.remedy),
    PasswordsBusy: Kind(503, "busy", "Busy", UNAVAILABLE.remedy),
    Busy: Kind(503, "busy", "Busy", "Send the newest position after Retry-After."),
    PaymentUnavailable: Kind(503, "payment-unavailable", "No word from the card's bank", UNAVAILABLE.remedy),
    SessionsUnavailable: UNAVAILABLE,
    sqlalchemy.exc.TimeoutError: UNAVAILABLE,
    sqlalchemy.exc.OperationalError: UNAVAILABLE,
    sqlalchemy.exc.InterfaceError: UNAVAILABLE,
    psycopg_pool.PoolTimeout: UNAVAILABLE,
    psycopg.OperationalError: UNAVAILABLE,
    redis.ConnectionError: UNAVAILABLE,
    redis.TimeoutError: UNAVAILABLE,
    # The last net for a value that no check at the edge stopped
    sqlalchemy.exc.DataError: INVALID,
    psycopg.DataError: INVALID,
    # Nobody is there any more
    ClientGone: Kind(499, "client-gone", "Nobody waits"),
}

_HTTP = {
    400: MALFORMED,
    401: UNAUTHENTICATED,
    403: FORBIDDEN,
    404: NO_ROUTE,
    405: NOT_ALLOWED,
    413: TOO_LARGE,
    415: MEDIA_TYPE_UNSUPPORTED,
    422: INVALID,
}


def respond(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Litestar's one exception handler."""
    kind = kind_of(error)
    instance = cast("dict[str, Any]", request.scope)["tiffin.call"].request_id
    route = request.scope.get("path_template", "")
    if kind.status == FAULT.status:
        _log.error("request failed", exc_info=error, route=route)
    else:
        # Thousands of positions a second may be refused while Valkey is away: they are counted, not told one by one.
        tell = _log.debug if isinstance(error, Busy) else _log.info
        tell("request refused", route=route, status=kind.status, problem=kind.slug)
        # Its frames hold what was sent, up to a thousand positions, and themselves until the collector comes by.
        error.__traceback__ = None
    problem = Problem(
        type=TYPE_PREFIX + kind.slug,
        title=kind.title,
        status=kind.status,
        detail=_detail(error, kind),
        instance=f"urn:request:{instance}",
        remedy=kind.remedy,
        errors=_errors(error),
        current_status=error.status if isinstance(error, Conflict) else "",
    )
    return Response(problem, status_code=kind.status, media_type=MEDIA_TYPE, headers=_headers(error, kind))


def kind_of(error: Exception) -> Kind:
    """The nearest class of the error's that is mapped; what is not mapped is a fault of ours."""
    if isinstance(error, ProblemError):
        return error.kind
    if isinstance(error, ValidationException):
        return INVALID
    if isinstance(error, HTTPException) and not isinstance(error, InternalServerException):
        return _HTTP.get(error.status_code, MALFORMED if error.status_code < FAULT.status else FAULT)
    if isinstance(error, sqlalchemy.exc.ProgrammingError) and isinstance(error.orig, psycopg.errors.UndefinedTable):
        return UNAVAILABLE  # The projector has not made its read models yet.
    return next((KINDS[cls] for cls in type(error).__mro__ if cls in KINDS), FAULT)


def invalid(field: str, message: str) -> ProblemError:
    """Name one field and what to send instead."""
    return ProblemError(INVALID, f"{field}: {message}", errors=[FieldError(field=field, message=message)])


def _detail(error: Exception, kind: Kind) -> str:
    if kind is FAULT:
        return "Something went wrong here, not with your request."
    if kind is NO_ROUTE:
        return "There is nothing at this path."
    if kind is INVALID and not isinstance(error, (ProblemError, Refusal)):
        return "; ".join(f"{e.field}: {e.message}" for e in _errors(error)) or "A value cannot be stored."
    if kind is UNAVAILABLE:
        return "A part of the service did not answer in time."
    if isinstance(error, KeyReused) and not str(error):
        return "This Idempotency-Key was used for another request within the last 24 hours."
    return error.detail if isinstance(error, HTTPException) else str(error) or kind.title


def _errors(error: Exception) -> tuple[FieldError, ...]:
    if isinstance(error, ProblemError):
        return error.errors
    if isinstance(error, InvalidInput):
        return (FieldError(field=error.field, message=str(error)),)
    if isinstance(error, KeyReused):
        return (FieldError(field="Idempotency-Key", message="Use a new key for a new request."),)
    if isinstance(error, ValidationException):
        if missing := _MISSING.match(error.detail):
            return (FieldError(field=missing[1], message="Required."),)
        return tuple(_field(entry) for entry in error.extra or ())
    return ()


def _field(entry: Any) -> FieldError:  # noqa: ANN401 - Litestar's own dicts
    key = str(entry.get("key", "query"))
    if key == "data":
        return FieldError(field="body", message="Send a JSON object as the body.")
    return FieldError(field=key, message=str(entry.get("message", "Invalid value.")))


def _headers(error: Exception, kind: Kind) -> dict[str, str]:
    headers = dict(getattr(error, "headers", None) or {})
    if kind.status in {429, 503}:
        headers["Retry-After"] = str(getattr(error, "retry_after_seconds", 1))
    if kind.status == UNAUTHENTICATED.status:
        headers["WWW-Authenticate"] = 'Bearer realm="tiffin"'
    return headers
