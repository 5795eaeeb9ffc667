"""Live streams over real HTTP: a snapshot, then every version once, until session or process end."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
import redis

from application.bootstrap import open_tiffin
from application.commands import MatchOrder
from application.context import Context
from application.execute import execute
from application.settings import Settings
from domain.event import Meta, Role
from tests.api.conftest import running_projector
from tests.api.people import HERE, City, Person, Restaurant, basket
from tests.api.serving import Served, Told, following, served
from tests.waiting import eventually


@pytest.fixture
def api(settings: Settings) -> Iterator[Served]:
    with running_projector(settings), served(settings) as running:
        yield running


@pytest.fixture
def city(api: Served) -> City:  # type: ignore[override,unused-ignore]
    return City(api.client)


def test_an_orders_stream_tells_every_version_once(api: Served, city: City) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    order = customer.do("/v1/orders", basket(restaurant))["id"]
    with following(api.client, customer.token, f"/v1/orders/{order}/stream") as stream:
        snapshot = stream.next()
        assert snapshot is not None
        assert (snapshot.name, snapshot.data["order_id"], snapshot.data["status"]) == ("snapshot", order, "placed")
        assert snapshot.id == snapshot.data["version"]
        restaurant.do(f"/v1/orders/{order}/confirmation")
        restaurant.do(f"/v1/orders/{order}/preparation")
        restaurant.do(f"/v1/orders/{order}/readiness")
        told: list[Told] = []
        while not told or told[-1].data["status"] != "ready_for_pickup":
            event = stream.next()
            assert event is not None
            if event.name != "resync":
                told.append(event)
    assert [event.id for event in told if event.name == "order"] == list(range(snapshot.id + 1, told[-1].id + 1))  # type: ignore[operator]
    assert {event.data["order_id"] for event in told} == {order}


def test_a_stream_goes_on_where_it_broke(api: Served, city: City) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    order = customer.do("/v1/orders", basket(restaurant))["id"]
    version = customer.show(f"/v1/orders/{order}")["version"]
    restaurant.do(f"/v1/orders/{order}/confirmation")
    restaurant.do(f"/v1/orders/{order}/preparation")
    path = f"/v1/orders/{order}/stream"
    with following(api.client, customer.token, path, **{"Last-Event-ID": str(version)}) as stream:
        first, second = stream.next(), stream.next()
    assert first is not None
    assert second is not None
    assert (first.name, first.id, first.data["status"]) == ("order", version + 1, "confirmed")
    assert first.data["data"] == {"prep_seconds": 600}
    assert (second.name, second.id, second.data["status"]) == ("order", version + 2, "preparing")


@pytest.mark.parametrize("last_id", ["999", "x", "-1"])
def test_an_id_that_nobody_gave_starts_anew(api: Served, city: City, last_id: str) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    order = customer.do("/v1/orders", basket(restaurant))["id"]
    path = f"/v1/orders/{order}/stream"
    with following(api.client, customer.token, path, **{"Last-Event-ID": last_id}) as stream:
        first = stream.next()
    assert first is not None
    assert first.name == "snapshot"


def test_a_restaurant_and_a_driver_follow_what_concerns_them(api: Served, city: City) -> None:
    restaurant, customer, driver = city.restaurant(), city.customer(), city.driver()
    with (
        following(api.client, restaurant.token, "/v1/restaurant/stream") as kitchen,
        following(api.client, driver.token, "/v1/driver/stream") as road,
    ):
        for stream, shown in ((kitchen, ["orders"]), (road, ["offers", "deliveries"])):
            first = stream.next()
            assert first is not None
            assert (first.name, first.data) == ("snapshot", {name: [] for name in shown})
        order = customer.do("/v1/orders", basket(restaurant))["id"]
        placed = kitchen.until("order", order_id=order, topic="order.placed")
        assert placed.id == placed.data["position"]
        driver.do("/v1/driver/shift")
        _ping(driver)
        restaurant.do(f"/v1/orders/{order}/confirmation")
        kitchen.until("order", order_id=order, status="confirmed")


def test_a_customer_sees_the_driver_come(api: Served, city: City, settings: Settings) -> None:
    restaurant, customer, driver = city.restaurant(), city.customer(), city.driver()
    order = customer.do("/v1/orders", basket(restaurant))["id"]
    restaurant.do(f"/v1/orders/{order}/confirmation")
    driver.do("/v1/driver/shift")
    _ping(driver)
    with following(api.client, customer.token, f"/v1/orders/{order}/stream") as stream:
        with open_tiffin(settings) as worker:
            context = Context(meta=Meta(actor_type=Role.SYSTEM), now=worker.clock.now())
            execute(worker, context, MatchOrder(order_id=UUID(order)))
        offered = stream.until("order", topic="order.driver_offered")
        driver.do(f"/v1/orders/{order}/offers/{offered.data['data']['offer_id']}/acceptance")
        assigned = stream.until("order", topic="order.driver_assigned")
        assert assigned.data["driver_name"] == "Driver"
        with _pinging(driver):
            assert abs(stream.until("position").data["lat"] - HERE["lat"]) < 1e-3


def test_log_out_ends_the_streams_of_a_session_at_once(api: Served, city: City) -> None:
    restaurant = city.restaurant()
    with following(api.client, restaurant.token, "/v1/restaurant/stream") as stream:
        assert stream.next() is not None
        restaurant.do("/v1/sessions/current", method="DELETE")
        began = time.monotonic()
        stream.until("closing", reason="session_over")
        assert stream.next() is None
    assert time.monotonic() - began < 5


def test_a_client_that_goes_away_leaves_nothing_behind(api: Served, city: City, settings: Settings) -> None:
    restaurant = city.restaurant()
    channel = f"{settings.world.prefix}live:restaurant:{restaurant.id}"
    with redis.Redis.from_url(settings.valkey.url) as valkey:

        def listeners() -> int:
            ((_, count),) = valkey.pubsub_numsub(channel)
            return int(count)

        with following(api.client, restaurant.token, "/v1/restaurant/stream") as stream:
            assert stream.next() is not None
            assert listeners() == 1
        eventually(lambda: listeners() == 0, what="the subscription ends")


def test_sigterm_ends_streams_and_the_process_in_time(api: Served, city: City) -> None:
    restaurant: Restaurant = city.restaurant()
    with following(api.client, restaurant.token, "/v1/restaurant/stream") as stream:
        assert stream.next() is not None
        began = time.monotonic()
        assert api.end() == 0
        stream.until("closing", reason="restarting")
        assert stream.next() is None
    assert time.monotonic() - began < 10


@contextmanager
def _pinging(driver: Person) -> Iterator[None]:
    """The driver tells again and again: Valkey may learn a moment later than the stream whom to tell."""
    stopping = threading.Event()

    def ping() -> None:
        while not stopping.wait(0.1):
            _ping(driver)

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _ping(driver: Person) -> None:
    def accepted() -> bool:
        body = HERE | {"at": datetime.now(UTC).isoformat()}
        answer = driver.call("POST", "/v1/driver/positions", json=body)
        return bool(answer.json()["accepted"])

    eventually(accepted, what="a ping is accepted")
