"""A driver's socket on which nothing happens: it says that it is there, and ends when the device is not."""

import pytest
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient
from msgspec.structs import replace

from api.app import Api
from api.driver_frames import IDLE, UNAUTHENTICATED
from application.settings import Settings
from tests.api.conftest import HandClock
from tests.api.people import City, Person
from tests.api.test_driver_socket import SECONDS, here, opened, until
from tests.api.test_loop import ping

BEATS = 3


@pytest.fixture
def driver(city: City, clock: HandClock) -> Person:
    driver = city.driver()
    driver.do("/v1/driver/shift")
    ping(driver, clock)
    return driver


class TestBeats:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, api=replace(settings.api, heartbeat_seconds=0.05))

    def test_as_long_as_nothing_else_is_to_say(self, client: TestClient[Api], driver: Person, clock: HandClock) -> None:
        with opened(client, driver) as socket:
            until(socket, "snapshot")
            beats = [socket.receive_json(timeout=SECONDS) for _ in range(BEATS)]
            assert beats == [{"type": "heart-beat", "data": {}}] * BEATS
            socket.send_json(here(clock))
            assert until(socket, "taken")["accepted"] == 1
            until(socket, "heart-beat")

    def test_the_next_one_ends_it_when_the_session_went_unheard(self, client: TestClient[Api], driver: Person) -> None:
        """The word that the session is over may be lost, as all that Valkey tells may be."""
        with opened(client, driver) as socket:
            until(socket, "heart-beat")
            tiffin = client.app.services.tiffin
            with tiffin.engine.begin() as connection:
                connection.exec_driver_sql("DELETE FROM sessions")
            tiffin.valkey.flushdb()
            assert until(socket, "closing", among=10_000) == {"reason": "session_over"}


class TestSilence:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, api=replace(settings.api, idle_seconds=0.5))

    def test_who_says_nothing_is_not_there(self, client: TestClient[Api], driver: Person) -> None:
        with opened(client, driver) as socket:
            with pytest.raises(WebSocketDisconnect) as ended:
                until(socket, "what never comes")
            assert ended.value.code == IDLE


def test_without_a_session_the_code_says_so(client: TestClient[Api]) -> None:
    with opened(client, Person(client, "nobody's", "")) as socket:
        until(socket, "closing")
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json(timeout=SECONDS)
        assert ended.value.code == UNAUTHENTICATED
