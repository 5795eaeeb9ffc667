"""What readiness asks, each within its time."""

import asyncio
from collections.abc import Callable
from time import perf_counter

import msgspec
from sqlalchemy import text

from api.services import Services
from application import revision
from projections import positions

CHECK_SECONDS = 1.0


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is needed; `detail` says what is wrong with it."""

    ok: bool
    milliseconds: float
    detail: str = ""


async def checked(services: Services, *, detailed: bool) -> dict[str, Check]:
    """Ask everything at once; an answer that takes longer than a second counts as none."""
    questions: dict[str, Callable[[Services], str]] = {"postgresql": _postgresql, "valkey": _valkey}
    if detailed:
        questions["projections"] = _projections
    answers = await asyncio.gather(*(_ask(services, question) for question in questions.values()))
    checks = dict(zip(questions, answers, strict=True))
    if services.drain.begun.is_set():
        checks["process"] = Check(ok=False, milliseconds=0.0, detail="about to end")
    return checks


async def _ask(services: Services, question: Callable[[Services], str]) -> Check:
    began = perf_counter()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            detail = await services.in_thread(question, services)
    except TimeoutError:
        detail = f"no answer within {CHECK_SECONDS:.0f} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, this thing does not work, and the answer says so
        detail = type(error).__name__
    return Check(ok=not detail, milliseconds=round((perf_counter() - began) * 1000, 1), detail=detail)


def _postgresql(services: Services) -> str:
    with services.read() as connection:
        found = connection.execute(text("SELECT version_num FROM public.alembic_version")).scalar_one_or_none()
    needed = revision.needed()
    return "" if found == needed else f"at revision {found}, needed is {needed}"


def _valkey(services: Services) -> str:
    return "" if services.tiffin.valkey.ping() else "no answer"


def _projections(services: Services) -> str:
    with services.read() as connection:
        rows = positions.progress(connection)
    stopped = sorted(row.name for row in rows if row.state == "stopped")
    return f"stopped: {', '.join(stopped)}" if stopped else ""
