"""Valkey dies, sleeps or forgets everything, under pings, watchers and orders; then everything goes on by itself.

Every run prints one line of JSON with what it measured. `make test-long` runs the long outages too.
"""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from application.settings import Settings
from tests.api.people import Person, Restaurant, basket
from tests.faults import ledger
from tests.faults.crowd import Crowd, Rider, Watcher
from tests.faults.stage import Scene, whole
from tests.waiting import eventually

RESUME_SECONDS = 5.0
"""What everybody may take who was connected, once Valkey answers again."""
MATCHED_SECONDS = 45.0
"""The breaker's half a minute, a pause of ten seconds, and a little: how long an order may wait for the next search."""
AWAY_SECONDS = [float(seconds) for seconds in os.environ.get("TIFFIN_OUTAGES", "3").split(",")]
DRIVERS, TRACKED = 5, 2


class Town(NamedTuple):
    """People in the middle of their evening."""

    restaurant: Restaurant
    customer: Person
    riders: Sequence[Rider]
    watchers: Sequence[Watcher]


@pytest.mark.parametrize("seconds", AWAY_SECONDS)
@pytest.mark.parametrize("how", ["killed", "emptied", "asleep"])
def test_everything_goes_on_when_valkey_is_back(settings: Settings, tmp_path: Path, how: str, seconds: float) -> None:
    with whole(settings, tmp_path) as scene, Crowd(scene.base_url) as crowd:
        town = opened(scene, crowd)
        under_way = confirmed(crowd, town, ready=False)
        before = time.monotonic()
        scene.valkey.pause() if how == "asleep" else scene.valkey.kill()
        placed = [confirmed(crowd, town) for _ in range(2)]
        placing_seconds = time.monotonic() - before
        ready(crowd, town, under_way)
        eventually(
            lambda: time.monotonic() - before >= seconds, seconds=seconds + 1, what="it was away for long enough"
        )
        scene.valkey.resume() if how == "asleep" else scene.valkey.back(empty=how == "emptied")
        back = time.monotonic()
        resumed = {
            "pings_s": max(since(rider, back) for rider in town.riders),
            "tracking_s": max(seen(watcher, back) for watcher in town.watchers),
        }
        eventually(
            lambda: set(ledger.standing_assignments(ledger.rows(settings.database.url))) >= {under_way, *placed},
            seconds=MATCHED_SECONDS,
            what="what was confirmed meanwhile has a driver",
        )
        matched_seconds = time.monotonic() - back
        crowd.delivering = True
        orders = [under_way, *placed, *(watcher.order_id for watcher in town.watchers)]
        eventually(lambda: completed(settings, crowd, orders), seconds=30.0, what="all are delivered and paid")
        assert [watcher.lines for watcher in town.watchers] == [1] * TRACKED, "streams outlive it"
        assert [rider.lines for rider in town.riders] == [1] * DRIVERS, "sockets outlive it"
    assert crowd.faults == []
    log = ledger.rows(settings.database.url)
    assert ledger.standing_assignments(log).keys() == set(orders)
    ledger.assert_nobody_overloaded(log)
    assert ledger.count(log, "order.driver_assigned") == len(orders), "nobody lost an order because we were deaf"
    assert ledger.stuck_reactions(settings.database.url) == []
    figures = {"valkey": how, "seconds": seconds, "placing_s": placing_seconds, **resumed, "matched_s": matched_seconds}
    print(json.dumps({name: round(value, 2) if isinstance(value, float) else value for name, value in figures.items()}))  # noqa: T201
    assert max(resumed.values()) <= RESUME_SECONDS


def opened(scene: Scene, crowd: Crowd) -> Town:
    """Drivers ping; some carry an order that its customer watches."""
    restaurant, customer = scene.restaurant(), scene.city.customer()
    riders = [crowd.rider(scene.city.driver(), metres_away=100.0 * number) for number in range(1, DRIVERS + 1)]
    eventually(lambda: all(rider.accepted_at for rider in riders), what="all drivers are known")
    town = Town(restaurant, customer, riders, [])
    orders = [confirmed(crowd, town) for _ in range(TRACKED)]
    watchers = [crowd.watcher(customer, order) for order in orders]
    eventually(lambda: all(seen(watcher, 0.0) for watcher in watchers), what="positions are seen")
    return town._replace(watchers=watchers)


def confirmed(crowd: Crowd, town: Town, *, ready: bool = True) -> str:
    """An order that looks for a driver; it is asked for until there is an answer."""
    placed = crowd.call(town.customer, "/v1/orders", basket(town.restaurant))
    assert placed.status == 201, placed
    order = str(placed.body["id"])
    for step in ("confirmation", "preparation", "readiness") if ready else ("confirmation", "preparation"):
        assert crowd.call(town.restaurant, f"/v1/orders/{order}/{step}").status == 200
    return order


def ready(crowd: Crowd, town: Town, order: str) -> None:
    assert crowd.call(town.restaurant, f"/v1/orders/{order}/readiness").status == 200


def since(rider: Rider, moment: float) -> float:
    """Seconds from a moment until a position of this driver was accepted again."""

    def found() -> float | None:
        return next((at - moment for at in rider.accepted_at if at > moment), None)

    return eventually(found, seconds=4 * RESUME_SECONDS, what=f"a position is accepted: {rider.outcomes}") or 0.0


def seen(watcher: Watcher, moment: float) -> float:
    """Seconds from a moment until this customer saw the driver again."""

    def found() -> float | None:
        heard = watcher.first("position", after=moment)
        return None if heard is None else heard.at - moment

    return eventually(found, seconds=4 * RESUME_SECONDS, what=f"a position is seen: {watcher.heard[-5:]}") or 0.0


def completed(settings: Settings, crowd: Crowd, orders: Sequence[str]) -> bool:
    assert crowd.faults == []
    done = {row.stream for row in ledger.rows(settings.database.url) if row.topic == "order.completed"}
    return done >= set(orders)
