"""The map of a region: who may see it, what it tells, and the page that draws it in a real browser."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from litestar.testing import TestClient
from msgspec.structs import replace

from api.app import Api
from api.pages.map import page
from api.pages.style import MAP_POLICY
from application.bootstrap import connect_valkey
from application.ids import new_id
from application.positions import Ping, Positions
from application.settings import Settings
from application.staff import appoint
from domain.geo import Position
from domain.region import PORTO
from projections.valkey import functions
from projections.valkey.facts import DriverFacts
from tests.api.conftest import HandClock, appointed, running_projector
from tests.api.driven import driven
from tests.api.people import City, Person, basket
from tests.api.serving import served
from tests.api.test_loop import ping
from tests.waiting import eventually

DRIVERS, ORDERS = 300, 160
STATUSES = ("placed", "confirmed", "preparing", "ready_for_pickup", "picked_up")


def test_only_support_and_admins_see_it(city: City, settings: Settings, client: TestClient[Api], staff: Person) -> None:
    for person in (city.customer(), city.driver(), city.restaurant(), appointed(city, settings, "auditor")):
        assert person.get("/v1/ops/map", region="porto").status_code == 403
    assert client.get("/v1/ops/map?region=porto").status_code == 401
    assert staff.get("/v1/ops/map", region="atlantis").status_code == 404
    assert appointed(city, settings, "admin").show("/v1/ops/map", region="porto")["drivers"] == []


def test_it_tells_where_drivers_and_open_orders_are(city: City, clock: HandClock, staff: Person) -> None:
    restaurant, customer, driver, full = city.restaurant(), city.customer(), city.driver(), city.driver()
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    for one in (driver, full):
        one.do("/v1/driver/shift")
        ping(one, clock)
    staff.do(f"/v1/support/drivers/{full.id}/suspension", {"reason": "Papers expired"})
    staff.position = max(staff.position, customer.position)

    def both() -> dict[str, Any]:
        told: dict[str, Any] = staff.show("/v1/ops/map", region="porto")
        return told if "suspended" in {row[3] for row in told["drivers"]} and len(told["drivers"]) > 1 else {}

    seen = eventually(both, what="both drivers, one suspended")
    assert {row[0]: (row[3], row[4], row[5]) for row in seen["drivers"]} == {
        driver.id: ("free", 0, 2),
        full.id: ("suspended", 0, 2),
    }
    [row] = seen["orders"]
    assert (row[0], row[1], row[6], row[9]) == (order, "placed", None, 0)
    assert (seen["region"], seen["unplaced"], seen["truncated"]) == ("porto", 0, False)
    clock.move(7_200)
    [row] = staff.show("/v1/ops/map", region="porto")["orders"]
    assert row[9] > 0, "its promise has passed"


def test_a_look_is_noted_once_a_minute_for_a_session(staff: Person, settings: Settings) -> None:
    for _ in range(3):
        staff.show("/v1/ops/map", region="porto")
    with psycopg.connect(settings.database.url) as connection:
        row = connection.execute("SELECT count(*) FROM events WHERE topic = 'access.personal_data_read'").fetchone()
    assert row == (1,)


def test_the_page_holds_no_data_and_its_policy_lets_only_itself_run(client: TestClient[Api]) -> None:
    answer = client.get("/ops/map")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == MAP_POLICY
    assert "unsafe" not in MAP_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert not any(word in answer.text for word in ("http://", "https://", "innerHTML", "localStorage", "style="))


def test_a_regions_name_is_text() -> None:
    made = page([replace(PORTO, name="</option><script>alert(1)</script>")])
    assert "&lt;/option&gt;&lt;script&gt;" in made
    assert made.count("<script>") == 1


def crowd(settings: Settings, drivers: int, orders: int) -> None:
    """Put drivers into Valkey as the projection does, and open orders into their table."""
    chance, now = random.Random(11), datetime.now(UTC)  # noqa: S311 - no secret

    def somewhere(spread: float = 0.016) -> Position:
        return Position(
            lat=PORTO.center.lat + chance.gauss(0, spread), lon=PORTO.center.lon + chance.gauss(0, spread * 1.6)
        )

    ids = [new_id() for _ in range(drivers)]
    busy = [driver_id for number, driver_id in enumerate(ids) if number % 2]
    with connect_valkey(settings.valkey) as valkey:
        positions = Positions(valkey, prefix=settings.world.prefix, regions={PORTO.id: PORTO})
        keys = positions.keys[PORTO.id]
        functions.call(valkey, "begin", keys.written, "1")
        for number, driver_id in enumerate(ids):
            facts = DriverFacts(on_shift=True, capacity=2, load=number % 2, suspended=number % 23 == 0)
            row = (str(driver_id), facts.flag, f"{facts.load:02d}02", msgspec.json.encode(facts))
            functions.call(valkey, "follow", keys.written, "1", 0, "1", 0, 1, *row)
        quiet = timedelta(minutes=5)
        for late in (True, False):
            at = now - quiet if late else now + timedelta(minutes=4)
            pings = [Ping(one, somewhere(), at) for number, one in enumerate(ids) if (number % 17 == 0) is late]
            positions.record(PORTO.id, pings, now=at, machine_now=at)
    kitchens = [(new_id(), f"Tasca {number}", somewhere(0.011)) for number in range(40)]
    insert = """INSERT INTO order_lists.orders VALUES (%(id)s, 1, %(status)s, 'idle', true, 'porto', %(id)s,
        'Carla Silva', %(kitchen)s, %(name)s, %(at)s::jsonb, %(driver)s, NULL, '[]', %(dropoff)s::jsonb, 1, 'EUR', 0, 0,
        0, 600, %(placed)s, %(promised)s, %(promised)s, NULL, NULL, NULL, NULL)"""
    with psycopg.connect(settings.database.url) as connection:
        for number in range(orders):
            kitchen, name, place = kitchens[number % len(kitchens)]
            dropoff = {"position": somewhere(), "address": "Rua", "instructions": ""}
            values = {
                "id": new_id(), "kitchen": kitchen, "name": name, "at": msgspec.json.encode(place).decode(),
                "status": STATUSES[number % len(STATUSES)], "dropoff": msgspec.json.encode(dropoff).decode(),
                "driver": busy[number % len(busy)] if number % len(STATUSES) > 1 else None, "placed": now,
                "promised": now + timedelta(minutes=30 if number % 9 else -6),
            }  # fmt: skip
            connection.execute(insert, values)


def test_a_browser_draws_it_live(settings: Settings, tmp_path: Path) -> None:
    appoint(settings.database.url, role="support", email="s@example.com", name="Sofia", password="long enough")
    with driven(tmp_path) as tab:
        with running_projector(settings), psycopg.connect(settings.database.url, autocommit=True) as connection:
            there = "SELECT to_regclass('order_lists.orders')"
            eventually(lambda: connection.execute(there).fetchone() != (None,), what="the table of orders")
        crowd(settings, DRIVERS, ORDERS)
        with served(settings) as api:
            tab.look(1280, 800, "light")
            tab.ask("Page.navigate", url=f"{api.client.base_url}/ops/map")
            tab.until("document.readyState === 'complete' && Boolean(document.getElementById('log-in'))")
            tab.shoot(tmp_path / "log-in.png")
            tab.run("email.value = 's@example.com'; password.value = 'long enough'; document.forms[0].requestSubmit()")
            drawn = tab.until("map.dataset.drawn")
            assert drawn == f"{DRIVERS} {ORDERS}"
            shots = set()
            for width, height in ((375, 720), (1280, 800)):
                for scheme in ("light", "dark"):
                    tab.look(width, height, scheme)
                    tab.run(
                        "$('fit').click(); new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"
                    )
                    assert tab.run("document.documentElement.scrollWidth - innerWidth") <= 0
                    shots.add(tab.shoot(tmp_path / f"{width}-{scheme}.png"))
            assert len(shots) == 4
            place = tab.run(
                "(() => { const o = data.orders.find((o) => o[9] > 0); return [across(o[5]), down(o[4])]; })()"
            )
            tab.click(*place)
            tab.until("!$('told').hidden")
            assert str(UUID(tab.run("chosen.id"))) == tab.run("chosen.id")
            tab.shoot(tmp_path / "chosen.png")
            assert int(tab.run("document.getElementById('driver-suspended').textContent")) > 0
            assert int(tab.run("document.getElementById('driver-silent').textContent")) > 0
            assert tab.run("localStorage.length + sessionStorage.length + document.cookie.length") == 0
            assert [said for said in tab.said if "404" not in said] == []
