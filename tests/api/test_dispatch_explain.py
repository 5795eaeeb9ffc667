"""`tiffin dispatch explain`: what was recorded of every offer, and whom each profile would ask now."""

from datetime import timedelta
from uuid import UUID

from click.testing import CliRunner, Result
from litestar.testing import TestClient
from msgspec.structs import replace

from api.app import Api
from application import intentions
from application.cli.__main__ import tiffin
from application.cli.dispatch import ranking, unfit_near
from application.commands import MatchOrder, OfferPlanned
from application.ids import new_id
from application.intentions import Intention, Intentions
from application.kinds import ORDER
from application.settings import Settings
from application.surroundings import LeftOut, Unfit
from domain.order import Foreseen
from tests.api.conftest import HandClock
from tests.api.people import THERE, City, basket
from tests.api.test_loop import ping, react
from tests.waiting import eventually


def explained(settings: Settings, order: str) -> Result:
    return CliRunner().invoke(tiffin, ["dispatch", "explain", order], env=settings.environment() | {"COLUMNS": "220"})


def test_every_candidate_and_every_factor_is_told(
    client: TestClient[Api], city: City, clock: HandClock, settings: Settings
) -> None:
    near, far = city.driver(), city.driver()
    for driver, place in ((near, None), (far, THERE)):
        driver.do("/v1/driver/shift")
        ping(driver, clock, **({} if place is None else {"place": place}))
    restaurant, customer = city.restaurant(), city.customer()
    order = customer.do("/v1/orders", basket(restaurant))["id"]
    restaurant.do(f"/v1/orders/{order}/confirmation")
    services = client.app.services

    now = ranking(services.tiffin, services.tiffin.store.load(ORDER, UUID(order)))
    assert set(now) == {"seven_factor", "weighted", "proximity"}
    for profile, choices in now.items():
        assert [str(one.driver_id) for one in choices] == [near.id, far.id], profile
        assert {one.score.profile for one in choices} == {profile}

    react(client, MatchOrder(order_id=UUID(order)), clock)
    eventually(lambda: near.show("/v1/driver/offers")["items"], what="an offer")
    told = explained(settings, order)
    assert told.exit_code == 0, told.output
    assert (
        f"Offer 1 at {clock.now():%H:%M:%S}, open until {clock.now() + timedelta(seconds=30):%H:%M:%S}" in told.output
    )
    assert "standing" in told.output
    assert "outscored" in told.output
    assert "1 other driver was near enough and free." in told.output
    assert "earnings goal" in told.output
    assert "Now by seven_factor, which is in use" in told.output
    assert "Now by proximity" in told.output


def test_who_is_near_and_cannot_be_asked_is_told_with_the_reason(
    client: TestClient[Api], city: City, clock: HandClock, settings: Settings
) -> None:
    restaurant, customer = city.restaurant(), city.customer()
    tiffin_ = client.app.services.tiffin
    drivers = [city.driver(), city.driver()]
    for driver in drivers:
        driver.do("/v1/driver/shift")
        ping(driver, clock)
    first, second = (customer.do("/v1/orders", basket(restaurant))["id"] for _ in range(2))
    for order in (first, second):
        restaurant.do(f"/v1/orders/{order}/confirmation")

    def unfit(order: str) -> list[LeftOut]:
        return unfit_near(tiffin_, tiffin_.store.load(ORDER, UUID(order)))

    assert unfit(second) == []
    react(client, MatchOrder(order_id=UUID(first)), clock)
    held = tiffin_.store.load(ORDER, UUID(first)).offer
    assert held is not None
    assert [(one.driver_id, one.why) for one in unfit(second)] == [(held.driver_id, Unfit.HELD)]

    (asked,) = (driver for driver in drivers if driver.id == str(held.driver_id))
    asked.do(f"/v1/orders/{first}/offers/{held.offer_id}/refusal")
    eventually(lambda: not unfit(second), what="the hold is lifted")
    assert [(one.driver_id, one.why) for one in unfit(first)] == [(held.driver_id, Unfit.ASKED)]
    told = explained(settings, first).output
    assert "Near, and left out by each" in told
    assert "asked already in this round" in told


def test_an_order_that_was_never_searched_for_says_so(city: City, settings: Settings) -> None:
    order = city.customer().do("/v1/orders", basket(city.restaurant()))["id"]
    assert "No driver was searched for." in explained(settings, order).output


def test_an_unknown_order_is_named(settings: Settings) -> None:
    nothing = str(new_id())
    told = explained(settings, nothing)
    assert told.exit_code == 1
    assert nothing in told.output


def test_what_a_plan_intends_and_what_it_did_is_told(
    client: TestClient[Api], city: City, clock: HandClock, settings: Settings
) -> None:
    near, far = city.driver(), city.driver()
    for driver, place in ((near, None), (far, THERE)):
        driver.do("/v1/driver/shift")
        ping(driver, clock, **({} if place is None else {"place": place}))
    restaurant, customer = city.restaurant(), city.customer()
    order = UUID(customer.do("/v1/orders", basket(restaurant))["id"])
    restaurant.do(f"/v1/orders/{order}/confirmation")
    running = client.app.services.tiffin
    region = running.store.load(ORDER, order).region
    pickup_at, offer_at = clock.now() + timedelta(minutes=9), clock.now() + timedelta(minutes=4)
    intention = Intention(driver_id=UUID(far.id), pickup_at=pickup_at, offer_at=offer_at)
    plan = Intentions(at=clock.now(), waiting=12, drivers=20)

    intentions.publish(running, region, plan, seconds=60)
    left_to_the_plan = explained(settings, str(order)).output
    assert "Restaurant Silva: confirmed, the kitchen's time is over; driver: none. Placed at" in left_to_the_plan
    assert "Nobody has been asked yet." in left_to_the_plan
    assert "does not have this order yet" in left_to_the_plan
    intentions.publish(running, region, replace(plan, orders={order: intention}), seconds=60)
    told = explained(settings, str(order)).output
    assert f"to be asked from {offer_at:%H:%M:%S} on and to pick up at {pickup_at:%H:%M:%S}" in told
    intentions.withdraw(running, region)

    foreseen = Foreseen(pickup_at=pickup_at, needed_at=offer_at, orders=12, drivers=20)
    react(client, OfferPlanned(order_id=order, driver_id=UUID(far.id), plan=foreseen), clock)
    eventually(lambda: far.show("/v1/driver/offers")["items"], what="an offer to the farther one")
    told = explained(settings, str(order)).output
    assert "Chosen by a plan for 12 orders and 20 drivers" in told
    assert "planned otherwise" in told
