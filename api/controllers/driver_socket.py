"""A driver's WebSocket: positions up; offers, orders and what became of the positions down. Frames are JSON texts.

`api.driver_frames` says which, and when it is closed. Who comes back is given a new snapshot, and may send again what
was not answered: what arrived is only stale the second time.
"""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Any, Self

import msgspec
from litestar import Controller, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from api.bodies.driver import Pings
from api.call import Call, call_of
from api.driver_frames import (
    FAULT,
    FRAME_BYTES,
    GOING_AWAY,
    IDLE,
    MOST_REFUSED,
    POLICY,
    TRY_AGAIN,
    UNAUTHENTICATED,
)
from api.operations import DRIVER, authenticate
from api.problems import ProblemError, kind_of
from api.streams import DriverStream, frame, frames
from api.views import PingsTaken
from application import logs
from application.commands import ReportBack
from application.context import Context
from application.metrics import driver_frames_refused_total
from application.pings import Busy
from application.sessions import Identity
from domain.errors import NotFound, Refusal

log = logs.logger(__name__)

_decode = msgspec.json.Decoder(Pings).decode


class DriverSocket(Controller):
    """The live connection of a driver's device."""

    path = "/v1"

    @websocket("/driver/stream")
    async def connect(self, socket: WebSocket[Any, Any, Any]) -> None:
        """Until the device leaves or falls silent, the session is over, or the process ends."""
        await socket.accept()
        line = _Line(socket)
        try:
            await authenticate(line, DRIVER)
        except ProblemError as problem:
            await line.say(frame("closing", {"reason": problem.kind.slug}))
            await line.close(UNAUTHENTICATED)
            return
        tasks = {asyncio.ensure_future(part(line)) for part in (_up, _down, _silence)}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await line.close(_code(next(iter(done))))


def _code(done: asyncio.Future[int]) -> int:
    error = done.exception()
    if error is None:
        return done.result()
    if isinstance(error, Exception) and kind_of(error).status in {409, 503}:
        return TRY_AGAIN
    if not isinstance(error, (WebSocketDisconnect, OSError)):
        log.error("driver's socket failed", exc_info=error)
    return FAULT


class _Line:
    """One connection, and who is at the other end."""

    def __init__(self, socket: WebSocket[Any, Any, Any]) -> None:
        self.call: Call = call_of(socket.scope)
        self.services = self.call.services
        self.socket = socket
        self.heard_at = monotonic()

    @property
    def me(self) -> Identity:
        """Set by `authenticate`."""
        assert self.call.identity is not None, "asked before the session was found"  # noqa: S101 - narrows the type
        return self.call.identity

    async def say(self, chunk: bytes) -> None:
        """Each line is a frame."""
        for line in chunk.splitlines():
            await self.socket.send_data(line.decode(), mode="text")

    async def close(self, code: int) -> None:
        # Who has left needs no farewell.
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            await self.socket.close(code)


async def _down(line: _Line) -> int:
    """What concerns this driver, until the server has said why it ends."""
    async for chunk in frames(DriverStream(line, frame)):
        await line.say(chunk)
    return GOING_AWAY


async def _silence(line: _Line) -> int:
    """Until nothing was heard for too long. One alarm now and then, where a time-out would cost every frame."""
    idle_seconds = line.services.settings.api.idle_seconds
    while (left := line.heard_at + idle_seconds - monotonic()) > 0:  # noqa: ASYNC110 - nothing tells of silence
        await asyncio.sleep(left)
    return IDLE


async def _up(line: _Line) -> int:
    """Frame by frame: the next is read when the last is answered, so that nobody's wait here."""
    refused = 0
    while refused < MOST_REFUSED:
        message = await line.socket.receive()
        if message["type"] != "websocket.receive":
            return GOING_AWAY
        line.heard_at = monotonic()
        answer = await _answer(line, message.get("text") or message.get("bytes") or b"")
        refused = refused + 1 if isinstance(answer, _Refused) else 0
        await line.say(answer)
    await line.say(frame("closing", {"reason": "unreadable"}))
    return POLICY


class _Refused(bytes):
    """The frame that refuses a frame."""

    @classmethod
    def because(cls, detail: str) -> Self:
        """Counted."""
        driver_frames_refused_total.inc()
        return cls(frame("refused", {"detail": detail}))


async def _answer(line: _Line, sent: str | bytes) -> bytes:
    """Refuse what cannot be read, by name; one bad frame ends nothing."""
    if len(sent) > FRAME_BYTES:
        return _Refused.because(f"A frame may have {FRAME_BYTES} bytes.")
    services, me = line.services, line.me
    try:
        region = me.region or ""
        if region not in services.tiffin.regions:
            raise NotFound("region", region)
        pings = _decode(sent).pings(me.subject_id)
        counts = await services.pings.submit(region, pings)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, Refusal) as error:
        return _Refused.because(str(error))
    except Busy as busy:
        return frame("busy", {"retry_after_seconds": busy.retry_after_seconds})
    if counts.came_back:
        context = Context(meta=line.call.meta(), now=services.clock.now())
        try:
            await services.in_thread(services.execute, context, ReportBack(driver_id=me.subject_id))
        except Exception as error:
            # The positions count; the next ones say again that the driver is back.
            if kind_of(error).status == 500:  # noqa: PLR2004 - a fault of ours
                raise
    return frame("taken", PingsTaken(accepted=counts.accepted, late=counts.late, dropped=counts.dropped))
