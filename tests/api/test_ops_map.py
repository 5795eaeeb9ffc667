"""The map of a region: who may see it, what it tells, and the page that draws it in a real browser."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from litestar.testing import TestClient
from msgspec.structs import replace

from api.app import Api
from api.pages.map import page
from api.pages.style import MAP_POLICY
from application.settings import Settings
from application.staff import appoint
from domain.region import PORTO
from tests.api.conftest import HandClock, appointed, running_projector
from tests.api.crowd import DRIFT, crowd
from tests.api.driven import Tab, driven
from tests.api.people import City, Person, basket
from tests.api.serving import served
from tests.api.test_loop import ping
from tests.waiting import eventually

DRIVERS, ORDERS = 300, 160


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


LIVE = "$('live').textContent.startsWith('Live ')"
FILLING = """(() => {
  const full = data;
  fitted = "";
  show({ ...full, drivers: [], orders: [] });
  const empty = view.scale;
  show(full);
  return [empty, view.scale];
})()"""
FRAMES = "new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))"


@pytest.fixture
def tab(settings: Settings, tmp_path: Path) -> Iterator[Tab]:
    """A browser in which support is logged in and sees the map of a crowd; it is asked at the end what it minded."""
    appoint(settings.database.url, role="support", email="s@example.com", name="Sofia", password="long enough")
    with driven(tmp_path) as tab:
        with running_projector(settings), psycopg.connect(settings.database.url, autocommit=True) as connection:
            there = "SELECT to_regclass('order_lists.orders'), to_regclass('region_history.spans')"
            eventually(lambda: None not in (connection.execute(there).fetchone() or (None,)), what="the tables")
        crowd(settings, DRIVERS, ORDERS)
        with served(settings) as api:
            tab.look(1280, 800, "light")
            tab.ask("Page.navigate", url=f"{api.client.base_url}/ops/map")
            tab.until("document.readyState === 'complete' && Boolean(document.getElementById('log-in'))")
            tab.shoot(tmp_path / "log-in.png")
            tab.run("email.value = 's@example.com'; password.value = 'long enough'; document.forms[0].requestSubmit()")
            assert tab.until("map.dataset.drawn") == f"{DRIVERS} {ORDERS}"
            yield tab
            assert tab.run("localStorage.length + sessionStorage.length + document.cookie.length") == 0
            assert [said for said in tab.said if "404" not in said] == []


def shots(tab: Tab, folder: Path, name: str) -> None:
    """Look at it on three screens, light and dark: nothing is wider than the screen, no control lies upon another."""
    seen = set()
    for width, height in ((375, 720), (768, 1024), (1280, 800)):
        for scheme in ("light", "dark"):
            tab.look(width, height, scheme)
            tab.run(f"$('fit').click(); {FRAMES}")
            assert tab.run("document.documentElement.scrollWidth - innerWidth") <= 0
            assert tab.run(MEETING) == [], (name, width)
            seen.add(tab.shoot(folder / f"{name}-{width}-{scheme}.png"))
    assert len(seen) == 6


MEETING = """(() => {
  const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  const outside = (a) => a.left < 0 || a.top < 0 || a.right > innerWidth || a.bottom > innerHeight;
  const boxes = [...document.querySelectorAll("#watch :is(button, select, input, #live, #note, .hint)")]
    .filter((one) => one.getClientRects().length)
    .map((one) => [one.id || one.textContent, one.getBoundingClientRect()]);
  const after = (i, a) => boxes.slice(i + 1).filter(([, b]) => meet(a, b));
  const pairs = boxes.flatMap(([name, a], i) => after(i, a).map(([other]) => [name, other]));
  return [...pairs, ...boxes.filter(([, a]) => outside(a)).map(([name]) => name)];
})()"""


def test_a_browser_draws_it_live(tab: Tab, tmp_path: Path) -> None:
    shots(tab, tmp_path, "live")
    place = tab.run("(() => { const o = data.orders.find((o) => o[9] > 0); return [across(o[5]), down(o[4])]; })()")
    tab.click(*place)
    tab.until("!$('told').hidden")
    assert str(UUID(tab.run("chosen.id"))) == tab.run("chosen.id")
    tab.shoot(tmp_path / "chosen.png")
    tab.run("$('fit').click()")
    assert tab.run("data.drivers.filter((one) => across(one[2]) > $('told').getBoundingClientRect().left).length") <= 3
    tab.look(375, 720, "light")
    tab.run(f"{FRAMES}.then(() => {{ $('fit').click(); return {FRAMES}; }})")
    assert tab.run("data.drivers.filter((one) => down(one[1]) < $('told').getBoundingClientRect().bottom).length") <= 3
    tab.shoot(tmp_path / "chosen-375.png")
    assert int(tab.run("document.getElementById('driver-suspended').textContent")) > 0
    assert int(tab.run("document.getElementById('driver-silent').textContent")) > 0
    assert tab.run("[document.body.dataset.time, $('now').disabled]") == ["live", True]
    empty, full = tab.run(FILLING)
    assert empty != full, "it is fitted again when an empty region fills"


def test_a_session_ends_when_it_is_logged_out_and_with_the_page(tab: Tab) -> None:
    base = tab.run("location.origin")

    def over(token: str) -> bool:
        known = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{base}/v1/sessions/current", headers=known).status_code == 401

    first = tab.run("token")
    assert not over(first)
    tab.run("$('log-out').click()")
    eventually(lambda: over(first), what="logged out")
    tab.run("password.value = 'long enough'; document.forms[0].requestSubmit()")
    second = tab.until("token")
    assert second != first
    tab.ask("Page.navigate", url=f"{base}/docs")
    eventually(lambda: over(second), what="the page's session is over")


def test_a_server_that_does_not_answer_is_told_and_leaves_no_traces(tab: Tab, tmp_path: Path) -> None:
    tab.ask("Fetch.enable", patterns=[{"urlPattern": "*/v1/ops/map*"}])
    tab.until("$('live').textContent === 'Not live: no answer'")
    tab.run("choose('driver', data.drivers[0][0])")
    tab.run("$('moment').value = -600; $('moment').dispatchEvent(new Event('input'))")
    tab.until("$('note').textContent === 'The past cannot be shown. The server does not answer.'")
    shots(tab, tmp_path, "no-answer")
    tab.run("$('log-out').click()")
    tab.run("password.value = 'long enough'; document.forms[0].requestSubmit()")
    tab.until("token")
    left = tab.run("[$('note').textContent, $('told').textContent, $('moment').value, document.body.dataset.fetching]")
    assert left == ["", "", "0", "false"]
    tab.ask("Fetch.disable")
    tab.until(LIVE)


def test_a_browser_replays_the_last_hour(tab: Tab, tmp_path: Path) -> None:
    def seek(seconds_ago: int) -> None:
        tab.run(f"$('moment').value = -{seconds_ago}; $('moment').dispatchEvent(new Event('input'))")
        tab.until("$('live').textContent === 'At ' + time(replay.at) && !$('note').textContent.startsWith('Fetching')")
        tab.run(FRAMES)

    here = tab.run("Object.fromEntries(data.drivers.map((one) => [one[0], [one[1], one[3]]]))")
    seek(600)
    assert tab.run("document.body.dataset.time") == "past"
    then = tab.run("Object.fromEntries(data.drivers.map((one) => [one[0], [one[1], one[3]]]))")
    assert then.keys() == here.keys()
    north = {round(10 * (here[one][0] - then[one][0]) / (60 * DRIFT)) for one in here}
    assert north == {10}, "ten minutes ago each was sixty pings farther south"
    assert Counter(state for _, state in then.values())["silent"] == 0, "all were heard from then"
    assert {"silent", "suspended", "free", "busy"} == {state for _, state in here.values()}
    orders = tab.run("data.orders.length")
    assert 0 < orders < ORDERS, "some were not placed yet"
    shots(tab, tmp_path, "replay")

    seek(120)
    assert tab.run("Number(document.getElementById('driver-silent').textContent)") > 0
    seek(3000)
    assert tab.run("$('note').textContent").startswith("No positions were kept of then")
    assert tab.run("data.drivers.length") == 0
    assert tab.run("$('drivers').textContent") == f"0, {DRIVERS} unplaced"
    tab.shoot(tmp_path / "replay-nothing-kept.png")

    tab.run("map.focus()")
    tab.key(" ")
    at = tab.until("replay.playing && replay.at")
    tab.until(f"replay.at > {at} + 60")
    assert tab.run("$('play').textContent") == "Pause"
    tab.key(" ")
    assert tab.run("replay.playing") is False
    at = tab.run("replay.at")
    tab.key(".")
    assert tab.run("replay.at") - at == pytest.approx(10)
    tab.run("$('moment').focus()")
    tab.key("ArrowLeft")
    assert tab.run("replay.at") - at == pytest.approx(0, abs=6)
    tab.run("$('now').click()")
    tab.until(LIVE)
    assert tab.until(f"map.dataset.drawn === '{DRIVERS} {ORDERS}'")
