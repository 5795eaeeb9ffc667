"""The last hour of a region, slice by slice: what it tells, its bounds, and that watchers share it."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

import psycopg
import pytest
from litestar.testing import TestClient

from api.app import Api
from api.shared import Shared, Snapshot
from application.commands import MatchOrder
from application.settings import Settings
from tests.api.conftest import NOON, HandClock, appointed
from tests.api.people import HERE, City, Person, basket
from tests.api.test_loop import ping, react
from tests.waiting import eventually

PATH = "/v1/ops/map/history"
LATER = {"lat": 41.1569, "lon": -8.6271}


def hour(staff: Person, since: datetime = NOON) -> Any:
    return staff.show(PATH, region="porto", since=since.isoformat())


def driver_at(told: Any, driver: Person, at: datetime) -> tuple[str, float | None, float | None]:
    """The letter and the place of a driver at the last sample before a moment."""
    sample = int((at - NOON).total_seconds() // told["step_seconds"])
    [(_, states, *places)] = [row for row in told["drivers"] if row[0] == driver.id]
    lat, lon = (list(accumulate(part or 0 for part in one))[sample] for one in places)
    if places[0][sample] is None:
        return states[sample], None, None
    return states[sample], round(told["lat"] + lat / 1e5, 5), round(told["lon"] + lon / 1e5, 5)


def order_at(told: Any, order: str, at: datetime) -> tuple[str, str | None] | None:
    [steps] = [row[7] for row in told["orders"] if row[0] == order]
    past = [step for step in steps if step[0] <= (at - NOON).total_seconds()]
    return (past[-1][1], past[-1][2]) if past else None


def test_it_tells_how_everything_was(client: TestClient[Api], city: City, clock: HandClock, staff: Person) -> None:
    restaurant, customer, driver = city.restaurant(), city.customer(), city.driver()

    def later(seconds: float = 20) -> datetime:
        """Let time pass; answers a moment after what happened before and before what happens next."""
        clock.move(seconds)
        return clock.now() - timedelta(seconds=5)

    before = later()
    driver.do("/v1/driver/shift")
    unplaced = later()
    ping(driver, clock)
    free = later()
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    restaurant.do(f"/v1/orders/{order}/confirmation", {"prep_seconds": 300})
    confirmed = later(30)
    ping(driver, clock, LATER)
    react(client, MatchOrder(order_id=UUID(order)), clock)
    offer = eventually(lambda: driver.show("/v1/driver/offers")["items"], what="an offer")[0]
    driver.do(f"/v1/orders/{order}/offers/{offer['offer_id']}/acceptance")
    busy = later()
    silent = later(30)
    ping(driver, clock, LATER)
    restaurant.do(f"/v1/orders/{order}/preparation")
    restaurant.do(f"/v1/orders/{order}/readiness")
    driver.do(f"/v1/orders/{order}/arrival")
    driver.do(f"/v1/orders/{order}/pickup")
    later()
    driver.do(f"/v1/orders/{order}/delivery")
    delivered = later(30)
    driver.do("/v1/driver/shift", method="DELETE")
    gone = later()
    staff.position = max(driver.position, restaurant.position)

    def written() -> Any:
        told = hour(staff)
        return told if driver_at(told, driver, silent)[1] == LATER["lat"] else None

    told = eventually(written, what="the positions are written")
    assert (told["region"], told["step_seconds"], told["truncated"]) == ("porto", 10, False)
    assert datetime.fromisoformat(told["since"]) == NOON
    assert [
        driver_at(told, driver, at) for at in (before, unplaced, free, confirmed, busy, silent, delivered, gone)
    ] == [
        ("-", None, None),
        ("u", None, None),
        ("f", HERE["lat"], HERE["lon"]),
        ("s", HERE["lat"], HERE["lon"]),
        ("b", LATER["lat"], LATER["lon"]),
        ("s", LATER["lat"], LATER["lon"]),
        ("s", LATER["lat"], LATER["lon"]),
        ("-", LATER["lat"], LATER["lon"]),
    ]
    assert [order_at(told, order, at) for at in (before, confirmed, busy, delivered)] == [
        None,
        ("confirmed", None),
        ("confirmed", driver.id),
        ("delivered", driver.id),
    ]


def test_a_later_slice_begins_with_what_was_so(city: City, clock: HandClock, staff: Person) -> None:
    restaurant, customer, driver = city.restaurant(), city.customer(), city.driver()
    driver.do("/v1/driver/shift")
    order = str(customer.do("/v1/orders", basket(restaurant))["id"])
    restaurant.do(f"/v1/orders/{order}/confirmation", {"prep_seconds": 300})
    clock.move(310)
    ping(driver, clock)
    clock.move(10)
    staff.position = max(driver.position, restaurant.position)

    def written() -> Any:
        told = hour(staff, NOON + timedelta(minutes=5))
        return told if told["drivers"][0][2][-1] is not None else None

    told = eventually(written, what="the position is written")
    assert told["drivers"][0][1].startswith("uu")
    clock.move(600)
    later = hour(staff, NOON + timedelta(minutes=15))["drivers"][0]
    assert (later[1][0], later[2][0]) == ("s", round((HERE["lat"] - told["lat"]) * 1e5)), "drawn where it fell silent"
    [[_, name, *_, steps]] = told["orders"]
    assert (name, len(steps), steps[0][1]) == ("Restaurant Silva", 1, "confirmed")
    assert steps[0][0] < 0


@pytest.mark.parametrize("minutes", [-90, 20])
def test_it_goes_back_an_hour_and_not_ahead(staff: Person, minutes: int) -> None:
    answer = staff.get(PATH, region="porto", since=(NOON + timedelta(minutes=minutes)).isoformat())
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "since")


def test_only_support_and_admins_see_it_and_each_look_is_noted(city: City, settings: Settings, staff: Person) -> None:
    for person in (city.customer(), city.driver(), city.restaurant(), appointed(city, settings, "auditor")):
        assert person.get(PATH, region="porto", since=NOON.isoformat()).status_code == 403
    assert staff.get(PATH, region="atlantis", since=NOON.isoformat()).status_code == 404
    for since in (NOON, NOON, NOON - timedelta(minutes=5)):
        assert hour(staff, since)["drivers"] == []
    with psycopg.connect(settings.database.url) as connection:
        row = connection.execute("SELECT count(*) FROM events WHERE topic = 'access.personal_data_read'").fetchone()
    assert row == (2,), "one for each slice, at most once a minute"


def test_it_is_bounded_and_says_so(staff: Person, settings: Settings) -> None:
    fill = {
        "orders": "SELECT gen_random_uuid(), 'porto', %s, NULL FROM generate_series(1, 5001)",
        "drivers": "SELECT gen_random_uuid(), 'porto', true, false, false, %s FROM generate_series(1, 20001)",
    }
    told = hour(staff)
    assert not told["truncated"]
    for minutes, (table, rows) in zip((-20, -10), fill.items(), strict=True):
        since = NOON + timedelta(minutes=minutes)
        with psycopg.connect(settings.database.url) as connection:
            connection.execute(f"INSERT INTO region_history.{table} {rows}".encode(), (since,))
        told = hour(staff, since)
        assert told["truncated"], table
        with psycopg.connect(settings.database.url) as connection:
            connection.execute("TRUNCATE region_history.orders")
    assert (len(told["drivers"]), told["step_seconds"], told["samples"]) == (20_000, 60, 5)


def test_what_is_zipped_is_the_same(staff: Person) -> None:
    told = {
        coding: staff.get("/v1/ops/map", region="porto", headers={"Accept-Encoding": coding})
        for coding in ("gzip", "identity")
    }
    assert [answer.headers.get("content-encoding") for answer in told.values()] == ["gzip", None]
    assert told["gzip"].json()["region"] == told["identity"].json()["region"] == "porto"


def test_those_who_watch_share_what_was_made() -> None:
    shared, made = Shared(), 0
    now = datetime.now(UTC)

    async def make() -> Snapshot:
        nonlocal made
        made += 1
        mine = made
        await asyncio.sleep(0)
        if mine == 1:
            raise ConnectionError(str(now))
        return Snapshot(b"", mine)

    async def ask(*, fresh: bool = False, keep: float = 60) -> int:
        return (await shared.get("porto", make, keep_seconds=keep, fresh=fresh)).position

    async def watch() -> None:
        failed = await asyncio.gather(ask(), ask(), return_exceptions=True)
        assert [type(one) for one in failed] == [ConnectionError] * 2
        leaving = asyncio.ensure_future(ask())
        await asyncio.sleep(0)
        leaving.cancel()
        assert await asyncio.gather(*(ask() for _ in range(50))) == [2] * 50, "who leaves spoils it for nobody"
        assert await ask(fresh=True) == 3
        assert await ask() == 3
        assert await ask(keep=0) == 4

    asyncio.run(watch())
