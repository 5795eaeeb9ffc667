"""A round of offers by the clock, through the API on real engines: who is asked, for how long, how far off, and why."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from litestar.testing import TestClient
from msgspec.structs import replace

from api.app import Api
from application.cli.dispatch import unfit_near
from application.commands import ExpireOffer
from application.kinds import ORDER
from application.positions import Near
from application.settings import Settings
from application.surroundings import Unfit
from domain.geo import Position
from domain.order import DriverOffered, NoDriverFound
from domain.region import PORTO
from domain.scoring import PROFILES
from tests.api.conftest import HandClock
from tests.api.people import HERE, City, Person
from tests.api.test_broadcast import offer_to
from tests.api.test_loop import ping, react
from tests.api.test_second_orders import Kitchen
from tests.waiting import eventually

KM_NORTH = 1_000 / 111_195


@pytest.fixture
def kitchen(client: TestClient[Api], city: City, clock: HandClock) -> Kitchen:
    return Kitchen(client, city, clock)


def away(km: float) -> dict[str, float]:
    return HERE | {"lat": HERE["lat"] + km * KM_NORTH}


def last(kitchen: Kitchen, order: str) -> Any:
    """The order's last event."""
    *_, recorded = kitchen.client.app.services.tiffin.store.stream(UUID(order))
    return recorded.event


def asked(kitchen: Kitchen, order: str) -> DriverOffered:
    """Search, and find somebody."""
    kitchen.match(order)
    offer = last(kitchen, order)
    assert isinstance(offer, DriverOffered)
    return offer


def decline(driver: Person, order: str, offer: DriverOffered) -> None:
    driver.do(f"/v1/orders/{order}/offers/{offer.offer_id}/refusal", {"reason": "Too far"})


def known(kitchen: Kitchen, driver: Person, what: Callable[[Near], bool]) -> None:
    """Wait until searches find a driver, held for nothing, of whom they know something."""
    tiffin = kitchen.client.app.services.tiffin

    def look() -> bool:
        now, machine_now = kitchen.clock.now(), tiffin.clock.machine_now()
        near = tiffin.positions.nearest(
            "porto", Position(**HERE), k=20, radius_m=5_000.0, now=now, machine_now=machine_now
        )
        return any(str(one.driver_id) == driver.id and what(one) for one in near)

    eventually(look, what="searches know of it")


def allowed(kitchen: Kitchen, offer: DriverOffered) -> timedelta:
    return offer.expires_at - kitchen.clock.now()


def test_thirty_seconds_then_twenty_five_at_most_and_again_after_ten(kitchen: Kitchen) -> None:
    people = {driver.id: driver for driver in (kitchen.driver() for _ in range(6))}
    order = kitchen.confirmed()
    for sequence in range(1, 6):
        offer = asked(kitchen, order)
        assert offer.sequence == sequence
        assert allowed(kitchen, offer) == timedelta(seconds=30 if sequence == 1 else 20)
        if sequence == 2:
            kitchen.clock.move(19)
            react(kitchen.client, ExpireOffer(order_id=UUID(order)), kitchen.clock)
            assert last(kitchen, order) == offer, "it stands until its time is over"
            kitchen.clock.move(1)
            react(kitchen.client, ExpireOffer(order_id=UUID(order)), kitchen.clock)
        else:
            decline(people[str(offer.driver_id)], order, offer)
    kitchen.match(order)
    nobody = last(kitchen, order)
    assert isinstance(nobody, NoDriverFound)
    assert (nobody.offers_made, nobody.retry_at) == (5, kitchen.clock.now() + timedelta(seconds=10))
    eventually(
        lambda: "no_driver_available" in {one["kind"] for one in kitchen.customer.show("/v1/inbox")["items"]},
        what="the customer is told",
    )
    again = asked(kitchen, order)
    assert (again.sequence, allowed(kitchen, again)) == (1, timedelta(seconds=30)), "a new round asks all again"


def test_five_kilometres_then_ten_and_no_farther(kitchen: Kitchen) -> None:
    kitchen.driver(place=away(10.5))
    order = kitchen.confirmed()
    kitchen.match(order)
    nobody = last(kitchen, order)
    assert isinstance(nobody, NoDriverFound)
    assert nobody.radius_m == 10_000
    outside = kitchen.driver(place=away(9.5))
    assert str((wide := asked(kitchen, order)).driver_id) == outside.id
    assert wide.radius_m == 10_000
    kitchen.driver(place=away(4.9))
    narrow = asked(kitchen, kitchen.confirmed())
    assert (narrow.radius_m, narrow.candidates) == (5_000, 1)
    assert 4_800 < narrow.distance_m < 5_000


def test_what_drivers_did_is_weighed_in_the_score(kitchen: Kitchen, city: City) -> None:
    profile = {"region": "porto", "vehicle": "bicycle", "capacity": 2, "earnings_goal": 1}
    seasoned = city.log_in(city.register("driver", driver=profile))
    seasoned.do("/v1/driver/shift")
    ping(seasoned, kitchen.clock)
    order = kitchen.confirmed()
    kitchen.match(order)
    seasoned.do(f"/v1/orders/{order}/offers/{offer_to(seasoned)['offer_id']}/acceptance")
    kitchen.cooked(order)
    for step in ("pickup", "delivery"):
        seasoned.do(f"/v1/orders/{order}/{step}")
    assert kitchen.customer.do(f"/v1/orders/{order}/rating", {"stars": 2})["status"] == "delivered"
    known(kitchen, seasoned, lambda near: near.board.deliveries == near.board.ratings == 1)
    declined = kitchen.confirmed()
    decline(seasoned, declined, asked(kitchen, declined))
    known(kitchen, seasoned, lambda near: near.board.offers_missed == 1)
    fresh = kitchen.driver()
    final = asked(kitchen, kitchen.confirmed())
    assert str(final.driver_id) == fresh.id, "below the goal of the day"
    (rival,) = final.rivals
    assert str(rival.driver_id) == seasoned.id
    assert (rival.score.factors["experience"], final.score.factors["experience"]) == (0.1, 0.0)
    assert (rival.score.factors["earnings_goal"], final.score.factors["earnings_goal"]) == (0.0, 10.0)
    assert (rival.score.factors["rating"], final.score.factors["rating"]) == (22.5, 25.0)
    me = seasoned.show("/v1/driver")
    assert (me["acceptance_rate"], me["rating"]) == (0.5, 4.5)


def test_a_delivery_is_rated_once_by_its_customer(kitchen: Kitchen, city: City, staff: Person) -> None:
    driver, order = kitchen.driver(), kitchen.confirmed()
    path = f"/v1/orders/{order}/rating"
    assert kitchen.customer.post(path, {"stars": 4}).json()["type"] == "urn:tiffin:problem:illegal-transition"
    kitchen.match(order)
    driver.do(f"/v1/orders/{order}/offers/{offer_to(driver)['offer_id']}/acceptance")
    kitchen.cooked(order)
    for step in ("pickup", "delivery"):
        driver.do(f"/v1/orders/{order}/{step}")
    assert city.customer().post(path, {"stars": 1}).status_code == 404, "somebody else's"
    assert kitchen.customer.post(path, {"stars": 6}).status_code == 422
    kitchen.customer.do(path, {"stars": 4})
    kitchen.customer.do(path, {"stars": 4})
    assert kitchen.customer.post(path, {"stars": 1}).status_code == 409
    dispute = staff.show(f"/v1/support/orders/{order}/dispute")
    assert dispute["steps"][-1]["told"] == "The customer gave Driver Silva 4 of 5 stars"
    assert sum(step["topic"] == "order.rated_by_customer" for step in dispute["steps"]) == 1


class TestProfiles:
    """Each region by its own."""

    @pytest.fixture(params=sorted(PROFILES))
    def settings(self, settings: Settings, request: pytest.FixtureRequest) -> Settings:
        dispatch = replace(PORTO.dispatch, profile=request.param)
        other = replace(PORTO, id="braga", name="Braga")
        return replace(settings, regions=(other, replace(PORTO, dispatch=dispatch)))

    def test_a_region_scores_by_the_profile_it_names(self, kitchen: Kitchen, settings: Settings) -> None:
        profile = settings.regions[1].dispatch.profile
        driver = kitchen.driver()
        first = kitchen.confirmed()
        decline(driver, first, asked(kitchen, first))
        known(kitchen, driver, lambda near: near.board.offers_missed == 1)
        offer = asked(kitchen, kitchen.confirmed())
        assert offer.score.profile == profile
        factors = {"seven_factor": "timing", "weighted": "load", "proximity": "distance"}
        assert factors[profile] in offer.score.factors
        if profile != "seven_factor":
            assert offer.score.factors["acceptance"] == 0.0, "who declined all there was"


def test_who_holds_two_is_not_asked_whatever_they_could_carry(kitchen: Kitchen) -> None:
    driver = kitchen.city.driver(capacity=10)
    driver.do("/v1/driver/shift")
    ping(driver, kitchen.clock)
    for held in range(2):
        known(kitchen, driver, lambda near, held=held: near.load == held)  # type: ignore[misc]
        order = kitchen.confirmed()
        asked(kitchen, order)
        driver.do(f"/v1/orders/{order}/offers/{offer_to(driver)['offer_id']}/acceptance")
    third = kitchen.confirmed()
    tiffin = kitchen.client.app.services.tiffin

    def full() -> bool:
        unfit = unfit_near(tiffin, tiffin.store.load(ORDER, UUID(third)))
        return [(str(one.driver_id), one.why) for one in unfit] == [(driver.id, Unfit.FULL)]

    eventually(full, what="both are known to searches")
    kitchen.match(third)
    assert isinstance(last(kitchen, third), NoDriverFound)
