"""Valkey dies, sleeps or forgets everything, under pings, watchers and orders; then everything goes on by itself.

Every run prints one line of JSON with what it measured. `make test-long` runs the long outages too.
"""

import json
import os
import time
from pathlib import Path

import pytest

from application.settings import Settings
from tests.faults import ledger
from tests.faults.crowd import Crowd, Rider, Watcher
from tests.faults.orders import completed, confirmed, driver_of, evening
from tests.faults.stage import whole
from tests.waiting import eventually

RESUME_SECONDS = 5.0
"""What everybody may take who was connected, once Valkey answers again."""
MATCHED_SECONDS = 45.0
"""The breaker's half a minute, a pause of ten seconds, and a little: how long an order may wait for the next search."""
AWAY_SECONDS = [float(seconds) for seconds in os.environ.get("TIFFIN_OUTAGES", "3").split(",")]
DRIVERS, TRACKED = 5, 2
MOST_GROWTH_BYTES = 32_000_000


@pytest.mark.parametrize("seconds", AWAY_SECONDS)
@pytest.mark.parametrize("how", ["killed", "emptied", "asleep"])
def test_everything_goes_on_when_valkey_is_back(settings: Settings, tmp_path: Path, how: str, seconds: float) -> None:
    with whole(settings, tmp_path) as scene, Crowd(scene.base_url) as crowd:
        people = evening(scene, crowd, drivers=DRIVERS)
        watchers = [crowd.watcher(people.customer, confirmed(crowd, people)) for _ in range(TRACKED)]
        for watcher in watchers:
            resumed_after(watcher, 0.0)
        memory = scene.server().memory_info().rss
        under_way = confirmed(crowd, people)

        before = time.monotonic()
        scene.valkey.pause() if how == "asleep" else scene.valkey.kill()
        placed = [confirmed(crowd, people) for _ in range(2)]
        placing_seconds = time.monotonic() - before
        eventually(lambda: time.monotonic() - before >= seconds, what="it was away for long enough")
        scene.valkey.resume() if how == "asleep" else scene.valkey.back(empty=how == "emptied")
        back = time.monotonic()

        resumed = {
            "pings_s": max(accepted_after(rider, back) for rider in people.riders),
            "tracking_s": max(resumed_after(watcher, back) for watcher in watchers),
        }
        for order in (under_way, *placed):
            driver_of(settings, order)
        figures = resumed | {"matched_s": time.monotonic() - back, "placing_s": placing_seconds}
        completed(settings, crowd, [under_way, *placed, *(watcher.order_id for watcher in watchers)])
        growth = scene.server().memory_info().rss - memory
        assert [watcher.lines for watcher in watchers] == [1] * TRACKED, "streams outlive it"
        assert [rider.lines for rider in people.riders] == [1] * DRIVERS, "sockets outlive it"
    log = ledger.rows(settings.database.url)
    assert ledger.count(log, "order.driver_assigned") == TRACKED + 3, "nobody lost an order because we were deaf"
    rounded = {name: round(value, 2) for name, value in figures.items()}
    print(json.dumps({"valkey": how, "seconds": seconds, **rounded, "memory_growth_kb": growth // 1000}))  # noqa: T201
    assert max(resumed.values()) <= RESUME_SECONDS
    assert figures["matched_s"] <= MATCHED_SECONDS
    assert growth < MOST_GROWTH_BYTES


def accepted_after(rider: Rider, moment: float) -> float:
    """Seconds from a moment until a position of this driver was accepted again."""
    later = eventually(lambda: [at for at in rider.accepted_at if at > moment], what="a position is accepted")
    return later[0] - moment


def resumed_after(watcher: Watcher, moment: float) -> float:
    """Seconds from a moment until this customer saw the driver again."""
    heard = eventually(lambda: watcher.first("position", after=moment), what="a position is seen")
    assert heard is not None
    return heard.at - moment
