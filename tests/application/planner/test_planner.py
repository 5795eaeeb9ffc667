"""Orders that queue, planned together by a real planner beside a real follower and worker."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from application import commands, intentions
from application.ids import new_id
from application.matching import PlanOvertaken
from application.reactions.rows import LEFT
from application.settings import Settings
from domain.event import Role
from domain.order import DriverOffered, Foreseen
from domain.region import Planning
from domain.scoring import PassedOver
from tests.application.reactions.town import PATIENT, Town, log_locked, town
from tests.waiting import eventually

MATCHING = "matching.match_order"
PLANNED = replace(PATIENT, planning=Planning(every_seconds=0.3, from_load=0.5, lead_seconds=30.0))


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Iterator[Town]:
    with town(settings, PLANNED, tmp_path) as made:
        yield made


def test_few_orders_are_offered_one_by_one_and_at_once(place: Town) -> None:
    drivers = [place.driver(metres_away=300.0 * number) for number in range(1, 4)]
    with place.processes("follower", "worker"), planner(place):
        assert place.offered(place.confirm())[1] == drivers[0]
    assert intentions.read(place.tiffin, "porto") is None


def test_an_order_of_a_queue_is_offered_when_its_driver_has_to_leave(place: Town) -> None:
    driver_id = place.driver(metres_away=300.0)
    with place.process("follower"), planner(place):
        order_id = place.confirm()
        intention = eventually(lambda: intended(place, order_id), what="the plan has the order")
        assert intention is not None
        assert intention.driver_id == driver_id
        assert intention.offer_at - place.tiffin.clock.now() > timedelta(minutes=10), "the kitchen needs a quarter hour"
        with place.process("worker"):
            eventually(lambda: held(place, order_id), what="the worker leaves the order to the plan")
            assert place.order(order_id).offers_made == 0
            cooked(place, order_id)
            assert place.offered(order_id)[1] == driver_id
    assert place.topics(order_id).count("driver_offered") == 1
    assert place.rows(order_id, MATCHING)[0][0] == "done"


def test_without_its_planner_an_order_is_offered_alone(place: Town) -> None:
    driver_id = place.driver(metres_away=300.0)
    with place.process("follower"), planner(place) as process:
        order_id = place.confirm()
        eventually(lambda: intended(place, order_id), what="the plan has the order")
        with place.process("worker"):
            eventually(lambda: held(place, order_id), what="the order is left to the plan")
            process.send_signal(signal.SIGKILL)
            process.wait(5.0)
            assert place.offered(order_id)[1] == driver_id
    assert place.topics(order_id).count("driver_offered") == 1


def test_while_its_planner_hangs_an_order_is_offered_alone(place: Town) -> None:
    driver_id = place.driver(metres_away=300.0)
    with place.process("follower"), planner(place) as process:
        order_id = place.confirm()
        eventually(lambda: intended(place, order_id), what="the plan has the order")
        with place.process("worker"):
            eventually(lambda: held(place, order_id), what="the order is left to the plan")
            process.send_signal(signal.SIGSTOP)
            assert place.offered(order_id)[1] == driver_id
            process.send_signal(signal.SIGCONT)
    assert place.topics(order_id).count("driver_offered") == 1


def test_a_standby_leads_when_the_planner_hangs_and_who_wakes_up_stands_by(place: Town) -> None:
    place.driver(metres_away=300.0)
    with place.process("follower"), planner(place) as hanging, place.process("planner") as standby:
        hanging.send_signal(signal.SIGSTOP)
        said(place, "planner leads", times=2, seconds=90.0)
        order_id = place.confirm()
        eventually(lambda: intended(place, order_id), what="the standby's plan has the order")
        hanging.send_signal(signal.SIGCONT)
        said(place, "planner lost the database", times=1)
        standby.terminate()
        assert standby.wait(10.0) == 0
        said(place, "planner leads", times=3)
        another = place.confirm()
        eventually(lambda: intended(place, another), what="who woke up plans again")
        cooked(place, order_id)
        place.offered(order_id)
    assert place.topics(order_id).count("driver_offered") == 1


def test_a_planner_that_is_told_to_end_leaves_searches_to_themselves_at_once(
    settings: Settings, tmp_path: Path
) -> None:
    seldom = replace(PATIENT, planning=Planning(every_seconds=5.0, from_load=0.5))
    with town(settings, seldom, tmp_path) as place, place.process("follower"):
        place.driver(metres_away=300.0)
        place.confirm()
        with planner(place) as process:
            eventually(lambda: intentions.read(place.tiffin, "porto"), what="somebody plans")
            process.send_signal(signal.SIGTERM)
            process.wait(10.0)
        assert intentions.read(place.tiffin, "porto") is None, "not only when the key has run out"


def test_a_planner_killed_in_the_middle_of_an_offer_is_made_good(settings: Settings, tmp_path: Path) -> None:
    eager = replace(PATIENT, planning=Planning(every_seconds=0.3, from_load=0.5, lead_seconds=36_000.0))
    with town(settings, eager, tmp_path) as place, planner(place) as victim:
        driver_id = place.driver(metres_away=300.0)
        order_id = place.confirm()
        # Nobody appends from here on: the planner hears of the search, claims it, and its offer waits.
        with log_locked(place) as waiting, place.process("follower"):
            eventually(waiting, what="the offer's append waits")
            victim.send_signal(signal.SIGKILL)
            victim.wait(5.0)
            eventually(lambda: not waiting(), what="the dead planner's statement has given up")
        assert "driver_offered" not in place.topics(order_id)
        assert place.rows(order_id, MATCHING)[0][0] == "pending"
        with place.processes("follower", "worker"):
            assert place.offered(order_id)[1] == driver_id
        assert place.topics(order_id).count("driver_offered") == 1


def test_when_the_queue_is_gone_orders_go_on_alone(place: Town) -> None:
    near = place.driver(metres_away=300.0)
    with place.process("follower"), planner(place):
        order_id = place.confirm()
        eventually(lambda: intended(place, order_id), what="the plan has the order")
        with place.process("worker"):
            eventually(lambda: held(place, order_id), what="the order is left to the plan")
            for number in range(4, 10):
                place.driver(metres_away=300.0 * number)
            assert place.offered(order_id)[1] == near
        eventually(lambda: intentions.read(place.tiffin, "porto") is None, what="nothing is planned any more")


def test_two_orders_of_a_restaurant_go_with_one_driver(place: Town) -> None:
    near = place.driver(metres_away=100.0)
    place.driver(metres_away=4_500.0)
    with place.process("follower"), planner(place):
        orders = [place.confirm() for _ in range(2)]
        for order_id in orders:
            cooked(place, order_id)
        first = eventually(lambda: next((one for one in orders if place.order(one).offer), None))
        assert first is not None
        offer_id, driver_id = place.offered(first)
        place.accept(first, offer_id, driver_id)
        (second,) = set(orders) - {first}
        assert place.offered(second)[1] == driver_id == near
    (offer,) = [event for event in place.events(second) if isinstance(event, DriverOffered)]
    assert offer.batch is not None
    assert offer.batch.saved_m > 0
    assert offer.plan is not None
    assert (offer.plan.orders, offer.plan.drivers) == (1, 2), "the first one was on its way"
    assert {rival.why for rival in offer.rivals} == {PassedOver.PLANNED_OTHERWISE}


def test_who_carries_something_is_planned_with_though_their_clock_is_slow(settings: Settings, tmp_path: Path) -> None:
    with town(settings, replace(PLANNED, silent_seconds=60.0), tmp_path) as place:
        driver_id = place.driver(metres_away=300.0, slow_minutes=4.0)
        first = place.confirm()
        place.run(commands.MatchOrder(order_id=first))
        place.accept(first, *place.offered(first))
        with place.process("follower"), planner(place):
            second = place.confirm()
            intention = eventually(lambda: intended(place, second), what="the plan has the order")
            assert intention is not None
            assert intention.driver_id == driver_id


def test_who_declined_is_not_foreseen_again(place: Town) -> None:
    near, far = place.driver(metres_away=100.0), place.driver(metres_away=2_000.0)
    with place.processes("follower", "worker"), planner(place):
        order_id = place.confirm()
        cooked(place, order_id)
        offer_id, driver_id = place.offered(order_id)
        assert driver_id == near
        decline = commands.DeclineOffer(order_id=order_id, offer_id=offer_id, driver_id=near)
        place.run(decline, Role.DRIVER, near)
        assert place.offered(order_id, unlike=near)[1] == far


def test_a_search_that_is_late_leaves_it_to_greed(settings: Settings, tmp_path: Path) -> None:
    hopeless = replace(PATIENT, planning=Planning(every_seconds=0.3, from_load=0.5, limit_seconds=0.0))
    with town(settings, hopeless, tmp_path) as place, place.process("follower"), planner(place):
        driver_id = place.driver(metres_away=300.0)
        order_id = place.confirm()
        cooked(place, order_id)
        assert place.offered(order_id)[1] == driver_id
        assert '"late":true' in (place.folder / "planner.log").read_text()


def test_with_nobody_near_the_round_ends_as_without_a_plan(place: Town) -> None:
    place.driver(metres_away=20_000.0)
    with place.processes("follower", "worker"), planner(place):
        order_id = place.confirm()
        cooked(place, order_id)
        place.reached(order_id, "no_driver_found")
        near = place.driver(metres_away=100.0)
        assert place.offered(order_id)[1] == near


def test_a_driver_whom_the_plan_foresees_in_vain_is_not_asked(place: Town) -> None:
    far = place.driver(metres_away=20_000.0)
    order_id, now = place.confirm(), place.tiffin.clock.now()
    plan = Foreseen(pickup_at=now, needed_at=now, orders=1, drivers=1)
    for driver_id in (far, new_id()):
        with pytest.raises(PlanOvertaken):
            place.run(commands.OfferPlanned(order_id=order_id, driver_id=driver_id, plan=plan))
    assert "driver_offered" not in place.topics(order_id)


@contextmanager
def planner(place: Town) -> Iterator[subprocess.Popen[bytes]]:
    """A planner that is at work."""
    with place.process("planner") as process:
        eventually(lambda: "planner leads" in (place.folder / "planner.log").read_text(), what="a planner leads")
        yield process


def said(place: Town, words: str, *, times: int, seconds: float = 30.0) -> None:
    def often_enough() -> bool:
        return (place.folder / "planner.log").read_text().count(words) >= times

    eventually(often_enough, seconds=seconds, what=f"{words!r} in the log, {times} times")


def intended(place: Town, order_id: UUID) -> intentions.Intention | None:
    found = intentions.read(place.tiffin, "porto")
    return None if found is None else found.orders.get(order_id)


def held(place: Town, order_id: UUID) -> bool:
    return any(outcome == LEFT for _, outcome, *_ in place.rows(order_id, MATCHING))


def cooked(place: Town, order_id: UUID) -> None:
    for command in (commands.StartPreparation(order_id=order_id), commands.MarkReady(order_id=order_id)):
        place.run(command, Role.RESTAURANT, place.restaurant_id)
