"""One HTTP call: what its headers say, who makes it, and which answer headers it gets.

Built once per request, before routing, from one pass over the headers; controllers reach it as `request.call`.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.types import HTTPScope, Scope, WebSocketScope

from api.problems import TOO_LARGE, ClientGone, ProblemError
from application.commands import NoteAccess
from application.context import Context
from application.ids import new_id
from application.sessions import Identity
from application.store import Answer, Idempotency, Receipt
from domain.event import Meta, Role

if TYPE_CHECKING:
    from api.services import Services

CALL = "tiffin.call"
"""Where the scope holds the call."""

USER_AGENT_LENGTH = 200
ASKED_LENGTH = 1_000
"""How much of a query is kept when staff's look at personal data is noted."""
BODY_BYTES = 262_144
"""The largest body: a menu of some hundred dishes."""

_PERSONAL_PARAMETERS = re.compile(r"(\b(?:phone|q)=)[^&]*")
_ID = re.compile(rb"[A-Za-z0-9._:\-]{1,100}")
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}")
_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class Call:
    """The circumstances of one request. `identity` and `key` are set by the operation's gate."""

    __slots__ = (
        "correlation_id",
        "headers",
        "identity",
        "ip",
        "key",
        "position",
        "request_id",
        "services",
        "traceparent",
    )

    def __init__(self, services: "Services", scope: HTTPScope | WebSocketScope) -> None:
        """Ids that a client sends are kept when they are well-formed; else new ones are made."""
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.services = services
        self.headers = headers
        self.request_id = _well_formed(_ID, headers.get(b"x-request-id")) or str(new_id())
        self.correlation_id = _well_formed(_ID, headers.get(b"x-correlation-id")) or self.request_id
        self.traceparent = _well_formed(_TRACEPARENT, headers.get(b"traceparent"))
        self.ip = _peer(scope, headers, services.settings.api.trusted_proxies)
        self.identity: Identity | None = None
        self.key: str | None = None
        self.position: int | None = None
        """What the answer's Tiffin-Position header says."""

    @property
    def user_agent(self) -> str | None:
        """The client's own words, shortened."""
        value = self.headers.get(b"user-agent")
        return None if value is None else value[:USER_AGENT_LENGTH].decode("latin-1")

    def meta(self) -> Meta:
        """What every event of this call says about its cause."""
        identity = self.identity
        return Meta(
            actor_type=identity.role if identity else Role.SYSTEM,
            actor_id=identity.subject_id if identity else None,
            request_id=self.request_id,
            correlation_id=self.correlation_id,
            ip=self.ip,
            user_agent=self.user_agent,
            traceparent=self.traceparent,
        )


def call_of(scope: Scope) -> Call:
    """The call that a scope belongs to."""
    call: Call = cast("dict[str, Any]", scope)[CALL]
    return call


class ApiRequest(Request[Identity, None, State]):
    """Litestar's request with the call in reach and a body that is read once, within its bound."""

    __slots__ = ()

    @property
    def call(self) -> Call:
        """This request's circumstances."""
        return call_of(self.scope)

    @property
    def services(self) -> "Services":
        """The process's services."""
        return self.call.services

    @property
    def me(self) -> Identity:
        """Who asks. Only behind a gate that demands a session."""
        identity = self.call.identity
        if identity is None:
            raise LookupError("this operation has no gate that demands a session")
        return identity

    async def body(self) -> bytes:
        """Read the body, once. Raises ProblemError 413, or ClientGone when nobody waits for the answer any more."""
        if not isinstance(self._body, bytes):
            self._body = await self._read_body()
        return self._body

    async def _read_body(self) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise ClientGone
            chunks.append(message["body"])
            size += len(message["body"])
            if size > BODY_BYTES:
                raise ProblemError(TOO_LARGE, f"The body may have {BODY_BYTES} bytes.")
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def context(self, *asked: msgspec.Struct | None) -> Context:
        """A command's circumstances. `asked` is the body: with the path it tells one payload from another."""
        call = self.call
        if call.key is None:
            raise LookupError("this operation has no gate that demands a key")
        return Context(
            meta=call.meta(),
            now=self.services.clock.now(),
            idempotency=Idempotency(
                actor=str(self.me.account_id),
                operation=str(self.route_handler.operation_id),
                key=call.key,
                payload_hash=payload_hash(self.scope["path"], *asked),
            ),
        )

    def run(self, command: msgspec.Struct, *asked: msgspec.Struct | None) -> Answer:
        """Execute a command and answer what it answers; the header says which position to wait for."""
        receipt = self.services.execute(self.context(*asked), command)
        return self.answered(receipt)

    async def run_async(self, command: msgspec.Struct, *asked: msgspec.Struct | None) -> Answer:
        """Execute a command that runs on the event loop."""
        receipt = await self.services.execute_async(self.context(*asked), command)
        return self.answered(receipt)

    def note_access(self, subject_id: UUID | None = None) -> None:
        """Note that staff is about to be shown personal data; without the note nothing is shown. Blocks."""
        operation, asked = str(self.route_handler.operation_id), self.scope["query_string"].decode("latin-1")
        shown = _PERSONAL_PARAMETERS.sub(r"\1…", asked)[:ASKED_LENGTH]
        command = NoteAccess(operation=operation, subject_id=subject_id, asked=shown)
        context = Context(meta=self.call.meta(), now=self.services.clock.now())
        self.services.execute(context, command)

    def answered(self, receipt: Receipt) -> Answer:
        """Put the receipt's position into the answer's headers."""
        self.call.position = receipt.position
        return receipt.answer


def payload_hash(path: str, *asked: msgspec.Struct | None) -> bytes:
    """What tells one request from another under the same key: the path and the body as understood."""
    digest = hashlib.sha256(path.encode())
    for part in asked:
        digest.update(b"\0")
        digest.update(msgspec.json.encode(part))
    return digest.digest()


def _well_formed(pattern: re.Pattern[bytes], value: bytes | None) -> str | None:
    return value.decode("ascii") if value is not None and pattern.fullmatch(value) else None


def _peer(scope: HTTPScope | WebSocketScope, headers: Mapping[bytes, bytes], trusted_proxies: int) -> str | None:
    """The client's address: the peer's, or what the outermost trusted proxy saw."""
    client = scope["client"]
    peer = client[0] if client else None
    if not trusted_proxies or (forwarded := headers.get(b"x-forwarded-for")) is None:
        return peer
    hops = [hop.strip().decode("latin-1") for hop in forwarded.split(b",")]
    seen = hops[max(0, len(hops) - trusted_proxies)]
    return seen if _ADDRESS.fullmatch(seen) else peer
