"""Devices whose clocks are five minutes fast or slow, and one whose clock jumps: found, asked, watched and relieved."""

from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from application.settings import Settings
from tests.faults import ledger
from tests.faults.crowd import Crowd
from tests.faults.orders import Evening, completed, confirmed, driver_of
from tests.faults.stage import DISPATCH, whole
from tests.waiting import eventually

SKEW = timedelta(minutes=5)
LATER = timedelta(seconds=30)
"""Past what is believed, however long the frame takes."""


def test_five_minutes_fast_or_slow_deliver_like_anybody(settings: Settings, tmp_path: Path) -> None:
    with whole(settings, tmp_path) as scene, Crowd(scene.base_url) as crowd:
        slow = crowd.rider(scene.city.driver(), metres_away=200.0, skew=-SKEW)
        fast = crowd.rider(scene.city.driver(), metres_away=300.0, skew=SKEW - LATER)
        wrong = crowd.rider(scene.city.driver(), metres_away=100.0, skew=SKEW + LATER)
        wronger = crowd.rider(scene.city.driver(), metres_away=50.0, skew=-SKEW - 3 * LATER)
        eventually(lambda: slow.accepted_at and fast.accepted_at, what="skewed positions are accepted")
        people = Evening(scene.city.restaurant(), scene.city.customer(), [slow, fast])
        orders = [confirmed(crowd, people) for _ in range(4)]
        carriers = {driver_of(settings, order) for order in orders}
        assert carriers == {slow.person.id, fast.person.id}, "two each: no more than a driver may carry"
        watcher = crowd.watcher(people.customer, orders[0])
        eventually(lambda: watcher.first("position", after=0.0), what="the customer sees where the order is")
        eventually(lambda: wrong.outcomes.get("dropped"), what="what is too far ahead is dropped")
        assert wrong.accepted_at == [], "nor is it believed later"
        eventually(lambda: wronger.outcomes.get("late"), what="what is too far behind says nothing of now")
        assert wronger.accepted_at == []
        completed(settings, crowd, orders)
    assert ledger.count(ledger.rows(settings.database.url), "driver.went_silent") == 0


def test_a_clock_that_jumps_back_costs_no_order(settings: Settings, tmp_path: Path) -> None:
    """Its positions are old until it has caught up: the driver counts as silent, and others get what waits."""
    watchful = replace(DISPATCH, silent_seconds=3.0, silent_machine_seconds=3.0)
    with whole(settings, tmp_path, dispatch=watchful) as scene, Crowd(scene.base_url) as crowd:
        jumping = crowd.rider(scene.city.driver(), metres_away=100.0)
        eventually(lambda: jumping.accepted_at, what="the driver is known")
        people = Evening(scene.city.restaurant(), scene.city.customer(), [jumping])
        order = confirmed(crowd, people)
        assert driver_of(settings, order) == jumping.person.id
        jumping.accepts = False
        jumping.skew = -SKEW
        eventually(
            lambda: not ledger.standing_assignments(ledger.rows(settings.database.url)), what="the order is released"
        )
        other = crowd.rider(scene.city.driver(), metres_away=400.0)
        assert driver_of(settings, order) == other.person.id
        completed(settings, crowd, [order])
