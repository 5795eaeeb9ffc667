"""Auditors read the whole log, in commit order, as newline-delimited JSON."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Controller
from litestar.params import FromQuery
from litestar.response import Stream
from msgspec import Meta

from api import examples
from api.call import ApiRequest
from api.controllers.customer import moment
from api.operations import AUDITOR, live
from api.problems import invalid
from api.services import Services
from api.types import Time
from application import audit
from domain.event import REGISTRY, Role

NDJSON = "application/x-ndjson"
FOLLOW_SECONDS = 1.0
"""How long a follower waits for news before it looks itself, and how soon it sees that its session was revoked."""

ANY = ("order_timeline",)
"""A read model that sees every event."""

type After = Annotated[int, Meta(ge=0, le=2**62)]
type Word = Annotated[str, Meta(min_length=1, max_length=100)]
type StreamKind = Literal["order", "driver", "restaurant", "access", "privacy"]
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
        stream_id: FromQuery[UUID | None] = None,
        topic: FromQuery[Word | None] = None,
        kind: FromQuery[StreamKind | None] = None,
        role: FromQuery[Role | None] = None,
        actor_id: FromQuery[UUID | None] = None,
        correlation_id: FromQuery[Word | None] = None,
        recorded_from: FromQuery[Time | None] = None,
        recorded_to: FromQuery[Time | None] = None,
        restaurant_id: FromQuery[UUID | None] = None,
        driver_id: FromQuery[UUID | None] = None,
    ) -> Stream:
        """At most `limit` events after a position; with `follow=true` without end (and `limit` does not count).

        All filters that are given must fit. `restaurant_id` and `driver_id` mean their own events and those of their
        orders. To resume, send the last line's position as `after`. A slow reader is waited for: no more is read from
        the log than the connection takes.
        """
        if topic is not None and topic not in REGISTRY:
            raise invalid("topic", "There is no such event; `tiffin events` lists them.")
        wanted = audit.Wanted(
            stream_id=stream_id,
            topic=topic,
            kind=kind,
            role=role,
            actor_id=actor_id,
            correlation_id=correlation_id,
            recorded_from=moment("recorded_from", recorded_from),
            recorded_to=moment("recorded_to", recorded_to),
            restaurant_id=restaurant_id,
            driver_id=driver_id,
        )
        await request.services.in_thread(request.note_access)
        return Stream(_events(request, wanted, after, None if follow else limit), media_type=NDJSON)


async def _events(request: ApiRequest, wanted: audit.Wanted, after: int, limit: int | None) -> AsyncIterator[bytes]:
    services, session = request.services, request.me
    left = limit
    while left is None or left > 0:
        size = audit.PAGE if left is None else min(audit.PAGE, left)
        flush = services.settings.database.durable_barrier
        read = partial(audit.read, services.tiffin.reads, after=after, limit=size, wanted=wanted, flush=flush)
        lines, after, ended = await services.in_thread(read)
        if lines:
            left = None if left is None else left - len(lines)
            yield _encode(lines)
        if ended:
            if limit is not None or services.drain.begun.is_set():
                return
            await _news(services, audit.reads(wanted) or ANY, after)
        if not await services.sessions.lives(session):
            return


async def _news(services: Services, read_models: tuple[str, ...], after: int) -> None:
    """Wait until a read model has seen something later, or a moment: needs no connection of its own."""
    await services.waiter.wait(read_models, after + 1, FOLLOW_SECONDS)
