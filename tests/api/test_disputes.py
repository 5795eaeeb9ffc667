"""One call answers a dispute: an order that went badly, lived through the API, explained as data and as a page."""

import re
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from litestar.testing import TestClient

from api.app import Api
from application.commands import ExpireOffer, MatchOrder, ReleasePayment
from application.tracks import track
from tests.api.conftest import NOON, HandClock
from tests.api.people import HERE, City, Person, basket
from tests.api.test_loop import ping, react
from tests.waiting import eventually

ROGUE = "<script>alert('x')</script> & \"Sons\""


@pytest.fixture
def order(city: City, client: TestClient[Api], clock: HandClock, staff: Person) -> str:
    """Declined once, left unanswered once, cooked too long, its driver taken off it, and cancelled in the end."""
    restaurant = city.restaurant()
    restaurant.do("/v1/restaurant/details", {"name": ROGUE} | _details(restaurant), method="PUT")
    customer = city.customer(name="Ana <b>Silva</b>")
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    clock.move(60)
    restaurant.do(f"/v1/orders/{order}/confirmation", {"prep_seconds": 600})
    drivers = [city.driver() for _ in range(3)]
    for driver in drivers:
        driver.do("/v1/driver/shift")
        ping(driver, clock)
    first, offer = _asked(client, clock, order, drivers)
    clock.move(8)
    first.do(f"/v1/orders/{order}/offers/{offer}/refusal", {"reason": "flat <tyre>"})
    second, _ = _asked(client, clock, order, drivers)
    clock.move(21)
    react(client, ExpireOffer(order_id=UUID(order)), clock)
    restaurant.do(f"/v1/orders/{order}/preparation")
    for driver in drivers:
        ping(driver, clock)
    third, offer = _asked(client, clock, order, drivers)
    assert len({first.id, second.id, third.id}) == 3
    clock.move(5)
    third.do(f"/v1/orders/{order}/offers/{offer}/acceptance")
    clock.move(1_200)
    restaurant.do(f"/v1/orders/{order}/readiness")
    clock.move(300)
    staff.do(f"/v1/support/orders/{order}/unassignment", {"reason": "cannot be reached"})
    clock.move(1_500)
    staff.do(f"/v1/support/orders/{order}/notes", {"text": "Customer called <twice>."})
    staff.do(f"/v1/support/orders/{order}/cancellation", {"reason": "never came", "cost_bearer": "platform"})
    react(client, ReleasePayment(order_id=UUID(order)), clock)
    return order


def test_a_dispute_is_answered_in_one_call(order: str, staff: Person) -> None:
    told = staff.show(f"/v1/support/orders/{order}/dispute")

    assert (told["status"], told["ending"]["by"], told["ending"]["reason"]) == ("cancelled", "support", "never came")
    assert [(one["sequence"], one["answer"]) for one in told["offers"]] == [
        (1, "declined"),
        (2, "expired"),
        (3, "accepted"),
    ]
    assert {len(one["score"]["factors"]) for one in told["offers"]} == {7}
    assert [one["not_offered"]["other_candidates"] for one in told["offers"]] == [2, 1, 0]
    first, second, _ = told["offers"]
    assert first["not_offered"]["rivals"][0]["driver_id"] == second["driver_id"], "the next best"
    assert {one["why"] for one in first["not_offered"]["rivals"]} == {"outscored"}
    assert {len(one["score"]["factors"]) for one in first["not_offered"]["rivals"]} == {7}
    assert [one["why"] for one in told["offers"][2]["not_offered"]["left_out"]] == ["declined", "expired"]
    assert all(one["driver_name"] == "Driver Silva" for one in told["offers"])
    late = told["lateness"]
    assert late["total_seconds"] is None
    assert 600 < late["restaurant_seconds"] < 700
    assert late["driver_seconds"] == 300
    assert late["platform_seconds"] == 1_500
    money = told["money"]
    assert (money["owes_minor"], money["pays_minor"], money["held_minor"], money["settled"]) == (0, 0, 0, True)
    assert [one["kind"] for one in money["transfers"]] == ["authorized", "voided"]
    placed = told["steps"][0]
    assert (placed["actor_type"], placed["channel"], placed["ip"]) == ("customer", "app", "testclient")
    assert told["positions"] is None


def test_it_tells_what_everybody_was_told(order: str, staff: Person) -> None:
    def told() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = staff.show(f"/v1/support/orders/{order}/dispute")["notifications"]
        return found if any(one["kind"] == "delivery_withdrawn" for one in found) else []

    messages = eventually(told, what="the inboxes are full")
    kinds = {(one["to"], one["kind"]) for one in messages}
    assert kinds >= {
        ("customer", "order_placed"),
        ("restaurant", "order_received"),
        ("driver", "delivery_offered"),
        ("driver", "offer_expired"),
        ("customer", "order_cancelled"),
    }
    assert [one["at"] for one in messages] == sorted(one["at"] for one in messages)


def test_positions_are_told_on_request(city: City, client: TestClient[Api], clock: HandClock, staff: Person) -> None:
    restaurant, customer, driver = city.restaurant(), city.customer(), city.driver()
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    restaurant.do(f"/v1/orders/{order}/confirmation")
    driver.do("/v1/driver/shift")
    ping(driver, clock)
    clock.move(1)
    _, offer = _asked(client, clock, order, [driver])
    driver.do(f"/v1/orders/{order}/offers/{offer}/acceptance")

    def positions() -> dict[str, Any]:
        found: dict[str, Any] = staff.show(f"/v1/support/orders/{order}/dispute", positions="true")["positions"]
        return found

    before = positions()
    assert before["seen"] == [], "where the driver was before he had the order is not this order's"
    assert "No position is kept" in before["told"], "what is not kept is said"
    assigned_at = clock.now()
    for _ in range(3):
        ping(driver, clock)
    eventually(lambda: len(positions()["seen"]) == 3, what="the history is written")
    seen = positions()["seen"]
    assert {(one["driver_id"], one["position"]["lat"]) for one in seen} == {(driver.id, HERE["lat"])}
    staff.do(f"/v1/support/orders/{order}/unassignment", {"reason": "bicycle broke"})
    ping(driver, clock)
    services = client.app.services
    eventually(
        lambda: len(track(services.tiffin.reads, UUID(driver.id), NOON, clock.now())) == 5, what="all pings are kept"
    )
    told = staff.show(f"/v1/support/orders/{order}/track")
    (one,) = told["drivers"]
    assert (one["driver_name"], one["complete"]) == ("Driver Silva", True)
    assert len(one["fixes"]) == 3, "neither before the assignment nor after it"
    assert all(fix["at"] > assigned_at.isoformat()[:19] for fix in one["fixes"])


def test_the_page_tells_the_same_and_escapes_everything(order: str, staff: Person) -> None:
    answer = staff.get(f"/v1/support/orders/{order}/dispute.html", positions="true")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    page = answer.text
    parsed = Elements(page)
    assert not parsed.names & {"script", "sons", "twice", "tyre", "iframe", "img", "object", "form"}
    assert "<b>Silva" not in page
    assert not re.search(r'(?:src|href)="(?!data:,")', page), "nothing from elsewhere"
    for said in (
        "Europe/Lisbon",
        "never came",
        "cannot be reached",
        "flat <tyre>",
        "Customer called <twice>.",
        "No position is kept",
    ):
        assert any(said in text for text in parsed.texts), said


def test_the_axis_speaks_to_who_does_not_see_it(order: str, staff: Person) -> None:
    parsed = Elements(staff.get(f"/v1/support/orders/{order}/dispute.html").text)
    drawings = [attributes for name, attributes in parsed.elements if name == "svg"]
    assert [one["role"] for one in drawings] == ["img"] * 3
    assert sum("Time axis" in text for text in parsed.texts) == 3


def test_looks_at_a_dispute_are_noted(order: str, client: TestClient[Api], staff: Person) -> None:
    staff.get(f"/v1/support/orders/{order}/dispute")
    staff.get(f"/v1/support/orders/{order}/dispute.html", positions="true")
    noted = [one.event for _, one in client.app.services.tiffin.store.read(after=0, limit=1_000)]
    looks = [one for one in noted if one.TOPIC == "access.personal_data_read" and str(one.subject_id) == order]
    assert [(one.operation, one.asked) for one in looks] == [
        ("explain_order", ""),
        ("show_dispute", "positions=true"),
    ]


def test_it_is_supports_and_of_orders_only(order: str, city: City, staff: Person) -> None:
    for path in ("dispute", "dispute.html", "track"):
        assert city.customer().get(f"/v1/support/orders/{order}/{path}").status_code == 403
        for nobodys in ("00000000-0000-7000-8000-000000000000", city.driver().id):
            missing = staff.get(f"/v1/support/orders/{nobodys}/{path}")
            assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


def test_support_finds_what_was_delivered_late(
    city: City, client: TestClient[Api], clock: HandClock, staff: Person
) -> None:
    restaurant, customer, driver = city.restaurant(), city.customer(), city.driver()
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    restaurant.do(f"/v1/orders/{order}/confirmation")
    restaurant.do(f"/v1/orders/{order}/preparation")
    restaurant.do(f"/v1/orders/{order}/readiness")
    driver.do("/v1/driver/shift")
    ping(driver, clock)
    _, offer = _asked(client, clock, order, [driver])
    driver.do(f"/v1/orders/{order}/offers/{offer}/acceptance")
    clock.move(7_200)
    driver.do(f"/v1/orders/{order}/pickup")
    driver.do(f"/v1/orders/{order}/delivery")
    staff.position = driver.position
    late = staff.show(f"/v1/support/orders/{order}/dispute")["lateness"]
    minutes = int(late["total_seconds"] // 60)
    assert minutes > 60
    for asked, found in ((minutes, [order]), (minutes + 1, [])):
        listed = staff.show("/v1/support/orders", late_minutes=asked)["items"]
        assert [one["order_id"] for one in listed] == found
    assert staff.get("/v1/support/orders", late_minutes=0).status_code == 422


class Elements(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.elements}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _asked(client: TestClient[Api], clock: HandClock, order: str, drivers: list[Person]) -> tuple[Person, str]:
    """Have a driver asked, and tell whom with which offer."""
    react(client, MatchOrder(order_id=UUID(order)), clock)

    def found() -> tuple[Person, str] | None:
        offers = [(driver, one) for driver in drivers for one in driver.show("/v1/driver/offers")["items"]]
        return next(((driver, one["offer_id"]) for driver, one in offers if one["order_id"] == order), None)

    asked = eventually(found, what="an offer")
    assert asked is not None
    return asked


def _details(restaurant: Person) -> dict[str, Any]:
    shown = restaurant.show("/v1/restaurant")
    return {name: shown[name] for name in ("address", "phone", "cuisines", "prep_seconds", "delivery_radius_m")}
