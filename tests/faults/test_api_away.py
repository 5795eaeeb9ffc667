"""The API is frozen for longer than drivers may be silent: nobody could hear them, so nobody loses an order for it."""

import time
from pathlib import Path

from msgspec.structs import replace

from application.settings import Settings
from tests.faults import ledger
from tests.faults.crowd import Crowd
from tests.faults.orders import completed, confirmed, driver_of, evening
from tests.faults.stage import DISPATCH, whole
from tests.waiting import eventually

SILENT_SECONDS, AWAY_SECONDS = 5.0, 12.0


def test_who_could_not_be_heard_keeps_the_orders(settings: Settings, tmp_path: Path) -> None:
    watchful = replace(DISPATCH, silent_seconds=SILENT_SECONDS, silent_machine_seconds=SILENT_SECONDS)
    with whole(settings, tmp_path, dispatch=watchful) as scene, Crowd(scene.base_url) as crowd:
        people = evening(scene, crowd, drivers=2)
        orders = [confirmed(crowd, people) for _ in range(2)]
        carriers = [driver_of(settings, order) for order in orders]
        # Silence is looked for by now: who begins to watch hears everybody out first.
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > SILENT_SECONDS, what="silence would be reported")

        server = scene.server()
        server.suspend()
        frozen = time.monotonic()
        eventually(lambda: time.monotonic() - frozen > AWAY_SECONDS, what="it was away for long enough")
        server.resume()
        back = time.monotonic()

        for rider in people.riders:
            eventually(lambda rider=rider: rider.accepted_at and rider.accepted_at[-1] > back, what="drivers are heard")  # type: ignore[misc]
        assert [driver_of(settings, order) for order in orders] == carriers
        completed(settings, crowd, orders)
    log = ledger.rows(settings.database.url)
    assert ledger.count(log, "driver.went_silent") == ledger.count(log, "order.driver_unassigned") == 0
