"""The application that granian serves: `create_app` wires the controllers, the problems and the process's services."""

import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import lru_cache
from time import perf_counter
from typing import Any, cast

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Message, Receive, Scope, Send, WebSocketScope
from prometheus_client import Histogram
from structlog.contextvars import bind_contextvars, clear_contextvars

from api.body import JsonBody
from api.call import CALL, ApiRequest, Call
from api.controllers import CONTROLLERS
from api.problems import respond
from api.services import Services, Wiring, open_services
from application import collector, logs
from application.bootstrap import open_tiffin
from application.ending import GOODBYE_SECONDS
from application.metrics import http_request_duration_seconds
from application.settings import Settings, read_settings

UNMATCHED = "unmatched"

_log = logs.logger(__name__)
_stdlib_log = logging.getLogger(__name__)


class Api(Litestar):
    """Litestar with one thin layer of ours around it: ids, answer headers and the duration of every request."""

    services: Services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        """Serve one request, or the lifespan."""
        if scope["type"] == ScopeType.WEBSOCKET:
            await self._connect(scope, receive, send)
            return
        if scope["type"] != ScopeType.HTTP:
            await super().__call__(scope, receive, send)
            return
        began = perf_counter()
        http: HTTPScope = scope
        call = Call(self.services, http)
        cast("dict[str, Any]", scope)[CALL] = call
        clear_contextvars()
        bind_contextvars(request_id=call.request_id, correlation_id=call.correlation_id)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _observe(http, message["status"], perf_counter() - began)
                headers = [*message["headers"], (b"x-request-id", call.request_id.encode())]
                if call.position is not None:
                    headers.append((b"tiffin-position", str(call.position).encode()))
                message["headers"] = headers
            await send(message)

        drain = self.services.drain
        drain.enter()
        try:
            await super().__call__(scope, receive, answer)
        finally:
            drain.leave()

    async def _connect(self, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket; it is under way until it ends, and hears of the process's end."""
        cast("dict[str, Any]", scope)[CALL] = Call(self.services, scope)
        drain = self.services.drain
        drain.enter()
        try:
            await super().__call__(scope, receive, send)
        finally:
            drain.leave()


def create_app() -> Api:
    """What granian calls in each of its processes: the application that the environment describes."""
    settings = read_settings()
    logs.configure(settings.observability.log_level, process="api")
    app = make_app(settings)
    collector.settle()
    return app


def make_app(settings: Settings, wiring: Wiring = open_tiffin) -> Api:
    """Make an application; nothing connects before its lifespan starts. Tests hand in another wiring."""
    executor = ThreadPoolExecutor(settings.api.threads, thread_name_prefix="command")

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        if not isinstance(app, Api):
            raise TypeError("the lifespan belongs to Api")
        async with open_services(settings, executor, wiring) as app.services:
            with app.services.drain.on_signals():
                try:
                    yield
                finally:
                    await app.services.drain.finish(settings.api.drain_seconds - GOODBYE_SECONDS)

    return Api(
        route_handlers=CONTROLLERS,
        request_class=ApiRequest,
        dto=JsonBody,
        return_dto=None,
        exception_handlers={Exception: respond},
        lifespan=[lifespan],
        openapi_config=None,
        logging_config=None,
    )


def _observe(scope: HTTPScope, status: int, seconds: float) -> None:
    """Count a request under its path's template (paths hold ids, and labels must stay few); tell it, if asked to."""
    route = scope.get("path_template") or UNMATCHED
    _durations(scope["method"], route, status).observe(seconds)
    if _stdlib_log.isEnabledFor(logging.DEBUG):
        ids = {name: str(value) for name, value in scope["path_params"].items() if name.endswith("_id")}
        _log.debug("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1), **ids)


@lru_cache(maxsize=1_024)
def _durations(method: str, route: str, status: int) -> Histogram:
    """Each request asks; the metric itself looks under a lock."""
    return http_request_duration_seconds.labels(method, route, str(status))
