"""A second order as its driver and support see it: what it adds and saves, and why others were left out."""

from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from litestar.testing import TestClient

from api.app import Api
from application.cli.__main__ import tiffin
from application.commands import MatchOrder
from application.settings import Settings
from domain.geo import Position
from tests.api.conftest import HandClock, appointed
from tests.api.people import HERE, THERE, City, Person, Restaurant, basket
from tests.api.test_broadcast import offer_to, until_topic
from tests.api.test_driver_socket import opened, until
from tests.api.test_loop import ping, react
from tests.waiting import BOUND_SECONDS, eventually

CONDITIONS = ["carries_one", "restaurants_apart_m", "efficiency", "delay_seconds", "orders", "saved_seconds"]


class Kitchen:
    """One restaurant and one customer, between whom everything goes."""

    def __init__(self, client: TestClient[Api], city: City, clock: HandClock) -> None:
        self.client = client
        self.city = city
        self.clock = clock
        self.restaurant: Restaurant = city.restaurant()
        self.customer = city.customer()

    def confirmed(self) -> str:
        order = str(self.customer.do("/v1/orders", basket(self.restaurant))["id"])
        self.restaurant.do(f"/v1/orders/{order}/confirmation")
        return order

    def match(self, order: str) -> None:
        react(self.client, MatchOrder(order_id=UUID(order)), self.clock)

    def cooked(self, order: str) -> None:
        self.restaurant.do(f"/v1/orders/{order}/preparation")
        self.restaurant.do(f"/v1/orders/{order}/readiness")

    def until_loaded(self, driver: Person) -> None:
        """Wait until searches know that the driver carries an order, and hold the driver for none."""
        services = self.client.app.services

        def known() -> bool:
            now, machine_now = self.clock.now(), services.clock.machine_now()
            near = services.tiffin.positions.nearest(
                "porto", Position(**HERE), k=20, radius_m=5_000.0, now=now, machine_now=machine_now
            )
            return [(str(one.driver_id), one.load) for one in near] == [(driver.id, 1)]

        eventually(known, what="the driver's load is known")

    def driver(self, **place: Any) -> Person:
        driver = self.city.driver()
        driver.do("/v1/driver/shift")
        ping(driver, self.clock, **place)
        return driver


@pytest.fixture
def kitchen(client: TestClient[Api], city: City, clock: HandClock) -> Kitchen:
    return Kitchen(client, city, clock)


@pytest.fixture
def first(kitchen: Kitchen) -> tuple[Person, str]:
    """A driver, and the order that waits for its pick-up; searches know of it."""
    driver, order = kitchen.driver(), kitchen.confirmed()
    kitchen.match(order)
    driver.do(f"/v1/orders/{order}/offers/{offer_to(driver)['offer_id']}/acceptance")
    kitchen.until_loaded(driver)
    return driver, order


def test_the_driver_is_told_that_it_is_a_second_order_and_what_it_adds(
    client: TestClient[Api], kitchen: Kitchen, first: tuple[Person, str]
) -> None:
    driver, carried = first
    second = kitchen.confirmed()
    with opened(client, driver) as socket:
        until(socket, "snapshot")
        kitchen.match(second)
        told = until_topic(socket, "order.driver_offered")["data"]
    offer = offer_to(driver)
    assert (told["offer_id"], told["drivers_asked"], told["batch"]) == (offer["offer_id"], 1, offer["batch"])
    batch = offer["batch"]
    assert batch["pay_minor"] == offer["fee_minor"] + offer["tip_minor"] > 0
    assert batch["currency"] == "EUR"
    assert batch["added_seconds"] >= 0
    assert batch["saved_seconds"] > 0
    assert [stop["call"] for stop in batch["stops"]] == ["pick_up", "pick_up", "drop_off", "drop_off"]
    assert {stop["order_id"] for stop in batch["stops"]} == {carried, second}


def test_nobody_else_is_told_of_it(client: TestClient[Api], kitchen: Kitchen, first: tuple[Person, str]) -> None:
    driver, carried = first
    second = kitchen.confirmed()
    steps: list[str] = []
    with client.app.services.tiffin.valkey.pubsub() as ear:
        prefix = client.app.services.tiffin.settings.world.prefix
        ear.psubscribe(f"{prefix}live:order:*", f"{prefix}live:restaurant:*")
        kitchen.match(second)
        offer_to(driver)
        while not any("driver_offered" in step for step in steps):
            message = ear.get_message(timeout=BOUND_SECONDS)
            assert message is not None
            steps += [message["data"].decode()] if message["type"] == "pmessage" else []
    assert not [step for step in steps if "batch" in step or carried in step or "pay_minor" in step]


def test_what_was_accepted_is_counted_and_explained(
    kitchen: Kitchen, first: tuple[Person, str], staff: Person, settings: Settings
) -> None:
    driver, first_id = first
    second = kitchen.confirmed()
    kitchen.match(second)
    driver.do(f"/v1/orders/{second}/offers/{offer_to(driver)['offer_id']}/acceptance")

    admin = appointed(kitchen.city, settings, "admin")
    counted = eventually(
        lambda: (found := admin.show("/v1/ops/progress")["batched"])["orders"] and found, what="it is counted"
    )
    assert counted["orders"] == 1
    assert counted["saved_seconds"] > 0
    exposed = kitchen.client.get("/metrics").text
    assert "bundled_orders_total 1.0" in exposed
    assert f"bundled_saved_metres {float(counted['saved_m'])}" in exposed

    dispute = staff.show(f"/v1/support/orders/{second}/dispute")
    (offer,) = dispute["offers"]
    assert [one["name"] for one in offer["batch"]["conditions"]] == CONDITIONS
    assert [one["holds"] for one in offer["batch"]["conditions"]] == [True] * 5 + [None]
    assert all(one["value"] is not None for one in offer["batch"]["conditions"])
    assert {step["told"].partition(" as ")[2] for step in dispute["steps"] if "assigned" in step["topic"]} == {
        "the second of two orders"
    }
    page = staff.get(f"/v1/support/orders/{second}/dispute.html").text
    assert "The second of two orders" in page
    assert "✓ restaurants 0 m apart; at most 500" in page
    told = explained(settings, second)
    assert f"The second order beside {first_id}, for the route: pick up" in told
    assert "holds  route efficiency" in told


def test_who_was_left_out_is_told_with_every_condition(
    kitchen: Kitchen, first: tuple[Person, str], staff: Person, settings: Settings
) -> None:
    busy, carried = first
    kitchen.cooked(carried)
    # The food carried would have to wait for this one's: nobody goes one way with it.
    kitchen.clock.move(1)
    second = kitchen.confirmed()
    free = kitchen.driver(place=THERE)
    kitchen.match(second)
    assert offer_to(free)["batch"] is None
    dispute = staff.show(f"/v1/support/orders/{second}/dispute")
    (offer,) = dispute["offers"]
    assert (offer["driver_id"], offer["batch"]) == (free.id, None)
    (left_out,) = offer["not_offered"]["unbatched"]
    assert (left_out["driver_id"], left_out["name"]) == (busy.id, "Driver Silva")
    holds = {one["name"]: one["holds"] for one in left_out["conditions"]}
    assert list(holds) == CONDITIONS
    assert (holds["carries_one"], holds["restaurants_apart_m"], holds["efficiency"]) == (True, True, False)
    page = staff.get(f"/v1/support/orders/{second}/dispute.html").text
    assert "Not batched with Driver Silva" in page
    assert "✗ route efficiency" in page
    told = explained(settings, second)
    assert "not batched: Driver Silva: the common route is a detour" in told
    assert "fails  route efficiency" in told
    assert "holds  restaurants 0 m apart; at most 500" in told


def test_accepting_what_goes_together_no_more_is_refused_and_the_search_goes_on(
    kitchen: Kitchen, first: tuple[Person, str]
) -> None:
    driver, carried = first
    second = kitchen.confirmed()
    kitchen.match(second)
    offer = offer_to(driver)
    assert offer["batch"] is not None
    kitchen.cooked(carried)
    refused = driver.post(f"/v1/orders/{second}/offers/{offer['offer_id']}/acceptance")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:tiffin:problem:offer-outdated")
    assert refused.json()["current_status"] == "searching"
    eventually(lambda: not driver.show("/v1/driver/offers")["items"], what="the offer is gone")
    free = kitchen.driver(place=THERE)
    kitchen.match(second)
    assert offer_to(free)["order_id"] == second


def test_picked_up_meanwhile_it_comes_after(kitchen: Kitchen, first: tuple[Person, str]) -> None:
    driver, carried = first
    second = kitchen.confirmed()
    kitchen.match(second)
    offer = offer_to(driver)
    kitchen.cooked(carried)
    driver.do(f"/v1/orders/{carried}/pickup")
    driver.do(f"/v1/orders/{second}/offers/{offer['offer_id']}/acceptance")
    mine: list[str] = []

    def both() -> bool:
        mine[:] = [one["order_id"] for one in driver.show("/v1/driver/orders", open="true")["items"]]
        return len(mine) == 2

    eventually(both, what="both are carried")
    assert set(mine) == {carried, second}


def explained(settings: Settings, order: str) -> str:
    told = CliRunner().invoke(tiffin, ["dispatch", "explain", order], env=settings.environment() | {"COLUMNS": "220"})
    assert told.exit_code == 0, told.output
    return told.output
