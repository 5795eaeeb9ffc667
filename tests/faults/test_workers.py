"""Workers die, or sleep for longer than their lease, with any of dispatch's tasks in hand: each is done, once.

`make test-long` kills more often.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace

from application import commands
from application.ids import new_id
from application.settings import Settings, ValkeySettings
from domain.errors import Refusal
from tests.application.reactions.log_lock import log_locked
from tests.application.reactions.town import PATIENT, Town, town
from tests.faults import ledger
from tests.faults.stage import OwnValkey
from tests.waiting import eventually

MATCH, EXPIRE, RELEASE = "matching.match_order", "offers.expire_offer", "drivers.release_absent"
KILLS = int(os.environ.get("TIFFIN_WORKER_KILLS", "1"))
DISPATCH = replace(PATIENT, first_offer_seconds=1.0, next_offer_seconds=1.0, settle_seconds=0.0)

type Task = tuple[str, UUID]
"""An actor, and the stream that its row is of."""


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_worker_killed_with_every_kind_of_task_in_hand_is_made_good(
    settings: Settings, tmp_path: Path, kill: int
) -> None:
    assert kill < KILLS
    url = settings.database.url
    with town(settings, DISPATCH, tmp_path) as place, place.process("follower"):
        tasks, orders = three_tasks(place)
        with log_locked(url) as waiting, place.process("worker") as victim:
            for task in tasks:
                eventually(lambda t=task: begun(place, *t), what=f"{task} is begun")  # type: ignore[misc]
            eventually(waiting, what="an append waits")
            victim.send_signal(signal.SIGKILL)
            victim.wait(5.0)
            eventually(lambda: not waiting(), what="the dead worker's statement has given up")
            assert [state(place, *task) for task in tasks] == ["pending"] * len(tasks)
        with place.processes("worker", "worker"):
            for task in tasks:
                eventually(lambda t=task: state(place, *t) == "done", what=f"{task} is done")  # type: ignore[misc]
            eventually(lambda: all(map(partial(taken, place), orders)), what="all have a driver")
    log = ledger.rows(url)
    assert ledger.standing_assignments(log).keys() == set(map(str, orders))
    ledger.assert_nobody_overloaded(log)
    assert ledger.count(log, "driver.delivery_released") == ledger.count(log, "order.driver_unassigned") == 1


def test_a_worker_that_slept_through_its_lease_offers_nothing(settings: Settings, tmp_path: Path) -> None:
    """It wakes up between having looked for a driver and having asked one, when another has done so."""
    own = OwnValkey(tmp_path / "valkey")
    settings = replace(settings, valkey=ValkeySettings(url=own.url))
    patient = replace(PATIENT, settle_seconds=0.0)
    try:
        with town(settings, patient, tmp_path) as place, place.process("follower"):
            drivers = [place.driver(metres_away=100.0 * number) for number in (1, 2)]
            order = place.confirm()
            eventually(lambda: place.rows(order, MATCH), what="the search is written down")
            with place.process("worker") as sleeper:
                with row_held(settings.database.url, order) as waiting:
                    eventually(waiting, what="the worker has the hint")
                    own.pause()
                eventually(lambda: begun(place, MATCH, order), what="the worker has the row")
                sleeper.send_signal(signal.SIGSTOP)
                own.resume()
                lease_over(settings.database.url, order)
                with place.process("worker"):
                    _, offered_to = place.offered(order)
                # Told to end, it first finishes what it has in hand, wherever it was stopped.
                sleeper.send_signal(signal.SIGCONT)
            assert offered_to in drivers
            assert place.topics(order).count("driver_offered") == 1
            assert state(place, MATCH, order) == "done"
            assert place.offered(order)[1] == offered_to
            assert not may_be_held(place, offered_to), "the offer's hold outlives the one that came too late"
    finally:
        own.end()


def three_tasks(place: Town) -> tuple[list[Task], list[UUID]]:
    """A search, an offer about to expire, a driver who is gone with an order; and the orders. No worker runs yet."""
    place.driver(metres_away=3_000.0)
    offered = place.confirm()
    place.run(commands.MatchOrder(order_id=offered))
    assert place.order(offered).offer
    place.driver(metres_away=100.0)
    carried = place.confirm()
    place.run(commands.MatchOrder(order_id=carried))
    offer = place.order(carried).offer
    assert offer
    place.accept(carried, offer.offer_id, offer.driver_id)
    place.driver(metres_away=200.0)
    searching = place.confirm()
    place.run(commands.ReportSilent(driver_id=offer.driver_id, last_seen_at=datetime.now(UTC)))
    tasks = [(MATCH, searching), (EXPIRE, offered), (RELEASE, offer.driver_id)]
    for task in tasks:
        eventually(lambda t=task: place.rows(t[1], t[0]), what=f"{task} is written down")  # type: ignore[misc]
    return tasks, [offered, carried, searching]


def state(place: Town, actor_name: str, stream_id: UUID) -> str:
    return place.rows(stream_id, actor_name)[0][0]


def begun(place: Town, actor_name: str, stream_id: UUID) -> bool:
    return any(attempts for *_, attempts in place.rows(stream_id, actor_name))


def taken(place: Town, order_id: UUID) -> bool:
    """Whether somebody has the order; whom it is offered to accepts."""
    order = place.order(order_id)
    if order.offer is not None:
        with suppress(Refusal):
            place.accept(order_id, order.offer.offer_id, order.offer.driver_id)
    return order.driver_id is not None


@contextmanager
def row_held(url: str, order_id: UUID) -> Iterator[Callable[[], bool]]:
    """Keep workers from taking an order's search; answers whether one tries to."""
    mine = "SELECT FROM reactions WHERE stream_id = %s AND actor_name = %s FOR UPDATE"
    others = """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'tiffin-side' AND wait_event_type = 'Lock'"""
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as looker:
        holder.execute(mine, (order_id, MATCH))
        yield lambda: bool((looker.execute(others).fetchone() or (0,))[0])


def may_be_held(place: Town, driver_id: UUID) -> bool:
    """Whether another order's search would get this driver."""
    now = place.tiffin.clock.now()
    return place.tiffin.positions.claim("porto", driver_id, new_id(), until=now + timedelta(seconds=60), now=now)


def lease_over(url: str, order_id: UUID) -> None:
    """As it would be ten seconds later."""
    with psycopg.connect(url, autocommit=True) as connection:
        statement = "UPDATE reactions SET lease_until = now() WHERE stream_id = %s AND actor_name = %s"
        assert connection.execute(statement, (order_id, MATCH)).rowcount == 1
