"""A driver's WebSocket over the application itself: pings up, offers and orders down, one bad frame ends nothing."""

import json
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from litestar.exceptions import WebSocketDisconnect
from litestar.testing import TestClient
from litestar.testing.websocket_test_session import WebSocketTestSession

from api.app import Api
from api.driver_frames import MOST_REFUSED, POLICY
from application.commands import MatchOrder
from application.settings import Settings
from tests.api.conftest import HandClock
from tests.api.device import device
from tests.api.people import HERE, City, Person, basket
from tests.api.serving import served
from tests.api.test_loop import ping, react
from tests.waiting import eventually

SECONDS = 10.0


def opened(client: TestClient[Api], person: Person) -> WebSocketTestSession:
    headers = {"Authorization": f"Bearer {person.token}"}
    return client.websocket_connect("/v1/driver/stream", headers=headers)


def until(socket: WebSocketTestSession, kind: str, among: int = 50) -> Any:
    """The data of the next frame of a type; heart-beats and others are passed over, a few of them."""
    for _ in range(among):
        told = socket.receive_json(timeout=SECONDS)
        if told["type"] == kind:
            return told["data"]
    raise AssertionError(f"no {kind} came")


@pytest.fixture
def driver(city: City, clock: HandClock) -> Person:
    driver = city.driver()
    driver.do("/v1/driver/shift")
    ping(driver, clock)
    return driver


def here(clock: HandClock) -> dict[str, Any]:
    clock.move(1)
    return HERE | {"at": clock.now().isoformat()}


def test_pings_go_up_and_offers_come_down(
    client: TestClient[Api], city: City, clock: HandClock, driver: Person
) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    restaurant.do(f"/v1/orders/{order}/confirmation")
    with opened(client, driver) as socket:
        assert until(socket, "snapshot") == {"offers": [], "deliveries": []}
        first = here(clock)
        socket.send_json(first)
        assert until(socket, "taken") == {"accepted": 1, "late": 0, "dropped": 0}
        socket.send_json(first)
        assert until(socket, "taken") == {"accepted": 0, "late": 0, "dropped": 1}
        react(client, MatchOrder(order_id=UUID(order)), clock)
        offered = until(socket, "order")
        while offered["topic"] != "order.driver_offered":
            offered = until(socket, "order")
        assert offered["order_id"] == order
    with opened(client, driver) as socket:
        (offer,) = until(socket, "snapshot")["offers"]
        assert offer["order_id"] == order, "who comes back misses nothing"
        driver.do(f"/v1/orders/{order}/offers/{offer['offer_id']}/acceptance")
        assert until(socket, "order")["order_id"] == order


@pytest.mark.parametrize(
    "nonsense",
    ["", "{", "[]", "null", "\0", '{"lat": 91, "lon": 0, "at": "2025-03-14T15:00:00Z"}', "[" * 5_000, "x" * 70_000],
)
def test_a_frame_that_cannot_be_read_ends_nothing(
    client: TestClient[Api], clock: HandClock, driver: Person, nonsense: str
) -> None:
    with opened(client, driver) as socket:
        socket.send_text(nonsense)
        assert until(socket, "refused")["detail"]
        socket.send_json(here(clock))
        assert until(socket, "taken")["accepted"] == 1


def test_who_sends_nothing_else_is_hung_up_on(client: TestClient[Api], clock: HandClock, driver: Person) -> None:
    with opened(client, driver) as socket:
        for _ in range(MOST_REFUSED - 1):
            socket.send_text("nonsense")
            until(socket, "refused")
        socket.send_json(here(clock))
        assert until(socket, "taken")["accepted"] == 1, "one that can be read begins the count anew"
        for _ in range(MOST_REFUSED):
            socket.send_text("nonsense")
        assert until(socket, "closing", among=MOST_REFUSED + 50) == {"reason": "unreadable"}
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json(timeout=SECONDS)
        assert ended.value.code == POLICY


def test_it_ends_with_the_session(client: TestClient[Api], driver: Person) -> None:
    with opened(client, driver) as socket:
        until(socket, "snapshot")
        driver.do("/v1/sessions/current", method="DELETE")
        assert until(socket, "closing") == {"reason": "session_over"}
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json(timeout=SECONDS)


def test_it_is_for_drivers_who_are_logged_in(client: TestClient[Api], city: City) -> None:
    for person, reason in ((city.customer(), "forbidden"), (Person(client, "nobody's", ""), "unauthenticated")):
        with opened(client, person) as socket:
            assert until(socket, "closing") == {"reason": reason}


def test_under_granian_it_answers_and_ends_with_the_process(
    settings: Settings,
    projector: None,  # noqa: ARG001 - has to run
) -> None:
    with served(settings) as api:
        driver = City(api.client).driver()
        driver.do("/v1/driver/shift")
        with device(api.client.base_url.port or 0, driver.token) as line:
            assert line.until("snapshot") == {"offers": [], "deliveries": []}
            line.send("not JSON")
            assert line.until("refused")["detail"]

            def taken() -> bool:
                line.send(json.dumps(HERE | {"at": datetime.now(UTC).isoformat()}))
                return bool(line.until("taken")["accepted"])

            eventually(taken, what="a ping is accepted")
            began = time.monotonic()
            assert api.end() == 0
            assert line.until("closing") == {"reason": "restarting"}
        assert time.monotonic() - began < 10
