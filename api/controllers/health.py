"""Whether the process lives, whether it can serve, and how each thing is that it needs."""

from typing import Literal

import msgspec
from litestar import Controller, Response

from api import examples
from api.call import ApiRequest
from api.checks import Check, checked
from api.operations import plain


class Liveness(msgspec.Struct, frozen=True):
    """Always "ok": a process that cannot say so does not answer."""

    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, frozen=True):
    """Each thing that requests need, and whether it answered in time."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, Check]


class Health(Controller):
    """Health checks; no session needed."""

    path = "/health"
    tags = ("ops",)

    @plain("/live", id="get_liveness", summary="Alive?", answer={"status": "ok"})
    async def get_liveness(self) -> Liveness:
        """The process runs and its event loop turns."""
        return Liveness()

    @plain("/ready", id="get_readiness", summary="Ready for requests?", answer=examples.HEALTH)
    async def get_readiness(self, request: ApiRequest) -> Response[Readiness]:
        """PostgreSQL at the needed revision and Valkey answer; 503 when not, or when the process is about to end."""
        return _answer(await checked(request.services, detailed=False))

    @plain("/", id="get_health", summary="How is everything?", answer=examples.HEALTH)
    async def get_health(self, request: ApiRequest) -> Response[Readiness]:
        """The same, and how far read models and reactions are."""
        return _answer(await checked(request.services, detailed=True))


def _answer(checks: dict[str, Check]) -> Response[Readiness]:
    if all(check.ok for check in checks.values()):
        return Response(Readiness("ok", checks))
    return Response(Readiness("unavailable", checks), status_code=503, headers={"Retry-After": "1"})
