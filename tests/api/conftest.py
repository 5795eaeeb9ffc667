"""The real application over real PostgreSQL and Valkey, with a projector in a thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal

import pytest
from litestar.testing import TestClient

from api.app import Api, make_app
from application.bootstrap import Tiffin, connect_valkey, open_tiffin
from application.privacy.keys import log_reader, open_keys
from application.settings import Settings
from application.staff import appoint
from projections import runner
from projections.dispatchable import Dispatchable
from projections.live import Live
from projections.registry import PROJECTIONS
from tests.api.people import City, Person
from tests.waiting import eventually

NOON = datetime(2025, 3, 14, 15, 0, tzinfo=UTC)
"""Off the rush hours."""


class HandClock:
    """Business time goes on when a test says so; machine time is real."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def machine_now(self) -> datetime:
        return datetime.now(UTC)

    def machine_seconds_until(self, business: datetime) -> float:
        return max(0.0, (business - self._now).total_seconds())

    def move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def wiring(clock: HandClock) -> Callable[[Settings], AbstractContextManager[Tiffin]]:
    return partial(open_tiffin, clock=clock)


@pytest.fixture
def projector(settings: Settings) -> Iterator[None]:
    with running_projector(settings):
        yield


@contextmanager
def running_projector(settings: Settings) -> Iterator[None]:
    stopping, leads = threading.Event(), threading.Event()
    regions = {region.id: region for region in settings.regions}
    prefix = settings.world.prefix
    with connect_valkey(settings.valkey) as valkey, open_keys(settings) as keys:
        followers = [Dispatchable(valkey, prefix=prefix, regions=regions), Live(valkey, prefix=prefix)]
        thread = threading.Thread(
            target=runner.run,
            args=(settings.database.url, log_reader(settings, keys), PROJECTIONS, followers),
            kwargs={"stopping": stopping, "on_lead": leads.set},
        )
        thread.start()
        try:
            assert leads.wait(10)
            yield
        finally:
            stopping.set()
            thread.join(10)


@pytest.fixture
def app(settings: Settings, wiring: Callable[[Settings], AbstractContextManager[Tiffin]]) -> Api:
    return make_app(settings, wiring)


@pytest.fixture
def client(app: Api, projector: None) -> Iterator[TestClient[Api]]:  # noqa: ARG001 - has to run
    with TestClient(app, raise_server_exceptions=False) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200, what="ready")
        yield client


@pytest.fixture
def city(client: TestClient[Api]) -> City:
    return City(client)


@pytest.fixture
def staff(city: City, settings: Settings) -> Person:
    """Somebody of support."""
    return appointed(city, settings, "support")


def appointed(city: City, settings: Settings, role: Literal["support", "auditor", "admin"]) -> Person:
    """A member of staff, appointed as from the command line and logged in."""
    email = f"{role}@example.com"
    appoint(settings.database.url, role=role, email=email, name=role.title(), password="long enough")
    return city.log_in({"email": email, "password": "long enough"})
