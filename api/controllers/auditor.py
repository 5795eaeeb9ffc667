"""Auditors read the whole log, in commit order, as newline-delimited JSON."""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from litestar import Controller
from litestar.params import FromQuery
from litestar.response import Stream
from msgspec import Meta

from api import examples
from api.call import ApiRequest
from api.operations import AUDITOR, live
from api.services import Services
from application import audit

NDJSON = "application/x-ndjson"
FOLLOW_SECONDS = 1.0
"""How long a follower waits for news before it looks itself, and how soon it sees that its session was revoked."""

type After = Annotated[int, Meta(ge=0, le=2**62)]
type Lines = Annotated[int, Meta(ge=1, le=10_000_000)]

_encode = msgspec.json.Encoder().encode_lines


class Auditor(Controller):
    """What auditors do."""

    path = "/v1/audit"
    tags = ("auditor",)

    @live(
        "/events",
        id="read_events",
        summary="The log",
        roles=AUDITOR,
        answer=examples.AUDIT_LINE,
        media_type=NDJSON,
        problems=(422,),
    )
    async def read_events(
        self,
        request: ApiRequest,
        after: FromQuery[After] = 0,
        limit: FromQuery[Lines] = 1000,
        follow: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
    ) -> Stream:
        """At most `limit` events after a position; with `follow=true` without end (and `limit` does not count).

        A slow reader is waited for: no more is read from the log than the connection takes.
        """
        return Stream(_events(request, after, None if follow else limit), media_type=NDJSON)


async def _events(request: ApiRequest, after: int, limit: int | None) -> AsyncIterator[bytes]:
    services, session = request.services, request.me
    left = limit
    while left is None or left > 0:
        size = audit.PAGE if left is None else min(audit.PAGE, left)
        flush = services.settings.database.durable_barrier
        lines = await services.in_thread(audit.lines, services.tiffin.reads, after=after, limit=size, flush=flush)
        if lines:
            after = lines[-1].position
            left = None if left is None else left - len(lines)
            yield _encode(lines)
        if len(lines) < size:
            if limit is not None or services.drain.begun.is_set():
                return
            await _news(services, after)
        if not await services.sessions.lives(session):
            return


async def _news(services: Services, after: int) -> None:
    """Wait until the timeline has seen something later, or a moment: needs no connection of its own."""
    await services.waiter.wait(("order_timeline",), after + 1, FOLLOW_SECONDS)
