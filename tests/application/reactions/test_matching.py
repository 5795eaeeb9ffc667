"""From confirmation to an assigned driver, through real worker processes; and what dies on the way is made good."""

import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import redis
from msgspec.structs import replace

from application import causes, commands
from application.engines import valkey
from application.settings import Settings, ValkeySettings
from domain import driver as drivers
from domain import order as orders
from domain.event import Role
from domain.order import DriverOffered
from tests.application.reactions.town import HASTY, PATIENT, Town, log_locked, town
from tests.waiting import eventually

MATCHING = "matching.match_order"


@pytest.fixture
def hasty(settings: Settings, tmp_path: Path) -> Iterator[Town]:
    with town(settings, HASTY, tmp_path) as place:
        yield place


@pytest.fixture
def patient(settings: Settings, tmp_path: Path) -> Iterator[Town]:
    with town(settings, PATIENT, tmp_path) as place:
        yield place


def test_offered_expired_offered_to_the_next_and_delivered(hasty: Town) -> None:
    near, far = hasty.driver(metres_away=300.0), hasty.driver(metres_away=900.0)
    with hasty.processes("follower", "worker"), _pinging(hasty):
        order_id = hasty.confirm()
        _, first = hasty.offered(order_id)
        assert first == near
        offer_id, second = hasty.offered(order_id, unlike=near)
        assert second == far
        hasty.accept(order_id, offer_id, far)
        _cook_and_deliver(hasty, order_id, far)
        hasty.reached(order_id, "completed")
    topics = hasty.topics(order_id)
    assert topics.count("offer_expired") == 1
    assert topics.count("payment_captured") == 1
    assert "eta_revised" in topics
    offers = [event for event in hasty.events(order_id) if isinstance(event, DriverOffered)]
    assert [offer.sequence for offer in offers] == [1, 2]
    caused = [one for one in hasty.tiffin.store.stream(order_id) if one.event.TOPIC == "order.driver_offered"]
    assert all(one.meta.causation_id and one.meta.correlation_id == "test" for one in caused)
    with psycopg.connect(hasty.tiffin.settings.database.url, autocommit=True) as connection:
        found = [one for one in causes.tree(connection, "test") if one.stream_id == order_id]
        assert causes.tree(connection, "another") == []
    assert len(found) == len(topics), "no event is lost, none stands twice"
    told = [(one.topic.removeprefix("order."), one.depth) for one in found]
    for step in ("confirmed", 0), ("driver_offered", 1), ("offer_expired", 2), ("driver_offered", 3):
        assert step in told
    assert told[-3:] == [("delivered", 0), ("payment_captured", 1), ("completed", 2)]
    assert {state for state, *_ in hasty.rows(order_id, MATCHING)} == {"done"}
    assert hasty.rows(order_id, "orders.reject_unanswered")[0][:2] == ("done", "overtaken by order.confirmed")


def test_declining_moves_on_and_a_driver_coming_on_shift_ends_the_wait(patient: Town) -> None:
    with patient.processes("follower", "worker"):
        near = patient.driver(metres_away=300.0)
        order_id = patient.confirm()
        offer_id, driver_id = patient.offered(order_id)
        decline = commands.DeclineOffer(order_id=order_id, offer_id=offer_id, driver_id=driver_id)
        patient.run(decline, Role.DRIVER, driver_id)
        patient.reached(order_id, "no_driver_found")
        _, again = patient.offered(order_id)
        assert again == near
        assert patient.order(order_id).round == 2
        late = patient.driver(metres_away=500.0)
        other = patient.confirm()
        assert patient.offered(other)[1] == late


def test_a_worker_killed_in_the_middle_of_matching_is_made_good(settings: Settings, tmp_path: Path) -> None:
    with town(settings, replace(PATIENT, settle_seconds=1.0), tmp_path) as place, place.process("follower"):
        driver_id = place.driver(metres_away=300.0)
        with place.process("worker") as victim:
            # Settled soon; until then the log is locked, so that the append of the match waits when its process dies.
            order_id = place.confirm()
            with log_locked(place) as waiting:
                eventually(lambda: _begun(place, order_id) and waiting(), what="the match's append waits")
                victim.send_signal(signal.SIGKILL)
                victim.wait(5.0)
                eventually(lambda: not waiting(), what="the dead worker's statement has given up")
        assert "driver_offered" not in place.topics(order_id)
        state, _, lease_until, attempts = place.rows(order_id, MATCHING)[0]
        assert (state, attempts) == ("pending", 1)
        assert lease_until is not None
        with place.process("worker"):
            assert place.offered(order_id)[1] == driver_id
        assert place.topics(order_id).count("driver_offered") == 1
        assert place.rows(order_id, MATCHING)[0][0] == "done"


def test_an_emptied_valkey_loses_nothing(patient: Town) -> None:
    drivers = [patient.driver(metres_away=100.0 * number) for number in range(1, 4)]
    with patient.process("follower"):
        orders = [patient.confirm() for _ in range(3)]
        for order_id in orders:
            eventually(lambda key=order_id: _told(patient, key), what="the hint is on its way")  # type: ignore[misc]
        patient.tiffin.valkey.flushdb()
        with patient.process("worker"), _pinging(patient):
            offered_to = {patient.offered(order_id)[1] for order_id in orders}
    assert offered_to == set(drivers)


def test_orders_confirmed_while_valkey_is_away_are_matched_by_the_next_server(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "valkey"
    own = replace(settings, valkey=ValkeySettings(url=valkey.start(folder), socket_timeout_seconds=1.0))
    try:
        with town(own, PATIENT, tmp_path) as place, place.processes("follower", "worker"):
            near = place.driver(metres_away=300.0)
            assert place.offered(place.confirm())[1] == near
            far = place.driver(metres_away=900.0)
            valkey.stop(folder)
            order_id = place.confirm()
            shutil.rmtree(folder / "appendonlydir")
            eventually(lambda: _tried(place, order_id), what="the follower has tried to tell")
            assert valkey.start(folder) == own.valkey.url
            with _pinging(place):
                assert place.offered(order_id)[1] == far
    finally:
        valkey.stop(folder)


def test_silence_takes_orders_away_until_pick_up(hasty: Town) -> None:
    near = hasty.driver(metres_away=300.0)
    with hasty.processes("follower", "worker"):
        with _pinging(hasty):
            order_id = hasty.confirm()
            offer_id, driver_id = hasty.offered(order_id)
            assert driver_id == near
            hasty.accept(order_id, offer_id, near)
        far = hasty.driver(metres_away=900.0)
        with _pinging(hasty, far):
            hasty.reached(order_id, "driver_unassigned")
            assert hasty.offered(order_id)[1] == far
    assert hasty.driver_state(near).silent
    assert hasty.driver_state(near).deliveries == ()
    assert _found_by_its_id(hasty, near) >= {
        "driver.went_silent",
        "driver.delivery_released",
        "order.driver_unassigned",
    }


def test_silence_after_pick_up_is_told_once_and_the_order_stays(hasty: Town) -> None:
    near = hasty.driver(metres_away=300.0)
    with hasty.processes("follower", "worker"):
        with _pinging(hasty):
            order_id = hasty.confirm()
            offer_id, _ = hasty.offered(order_id)
            hasty.accept(order_id, offer_id, near)
            _cook_and_pick_up(hasty, order_id, near)
        hasty.reached(order_id, "driver_lost_contact")
        lost = hasty.events(order_id)[-1]
        assert lost == orders.DriverLostContact(driver_id=near, last_seen_at=_last_seen(hasty, near))
        hasty.run(commands.ReleaseAbsentDriver(driver_id=near))
        assert hasty.topics(order_id).count("driver_lost_contact") == 1, "said twice, told once"
        assert _found_by_its_id(hasty, near) >= {"driver.went_silent", "order.driver_lost_contact"}
        assert hasty.driver_state(near).deliveries == (order_id,)
        hasty.ping(near)
        hasty.run(commands.ReportBack(driver_id=near))
        hasty.reached(order_id, "driver_lost_contact", times=2)
    hasty.run(commands.DeliverOrder(order_id=order_id, driver_id=near), Role.DRIVER, near)
    assert "driver_unassigned" not in hasty.topics(order_id)


def test_a_second_follower_stands_by_and_takes_over(patient: Town) -> None:
    patient.driver(metres_away=300.0)
    with patient.process("worker"), patient.process("follower") as leader:
        patient.offered(patient.confirm())
        patient.driver(metres_away=400.0)
        with patient.process("follower"):
            leader.send_signal(signal.SIGKILL)
            leader.wait(5.0)
            patient.offered(patient.confirm())


def _found_by_its_id(place: Town, driver_id: UUID) -> set[str]:
    """Everything that falling silent set going."""
    statement = """
        SELECT topic FROM events WHERE correlation_id = (
            SELECT correlation_id FROM events WHERE originator_id = %(driver_id)s AND topic = 'driver.went_silent')"""
    return {row[0] for row in place.tiffin.side.run(statement, {"driver_id": driver_id})}


def _last_seen(place: Town, driver_id: UUID) -> datetime:
    """Before the silence told of last."""
    return [event for event in place.events(driver_id) if isinstance(event, drivers.WentSilent)][-1].last_seen_at


def _cook_and_deliver(place: Town, order_id: UUID, driver_id: UUID) -> None:
    _cook_and_pick_up(place, order_id, driver_id)
    place.run(commands.DeliverOrder(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)


def _cook_and_pick_up(place: Town, order_id: UUID, driver_id: UUID) -> None:
    for command in (commands.StartPreparation(order_id=order_id), commands.MarkReady(order_id=order_id)):
        place.run(command, Role.RESTAURANT, place.restaurant_id)
    place.run(commands.PickUpOrder(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)


def _begun(place: Town, order_id: UUID) -> bool:
    return any(attempts for *_, attempts in place.rows(order_id, MATCHING))


def _tried(place: Town, order_id: UUID) -> bool:
    return _told(place, order_id) or _begun(place, order_id)


def _told(place: Town, order_id: UUID) -> bool:
    statement = "SELECT enqueued_at IS NOT NULL FROM reactions WHERE stream_id = %(key)s AND actor_name = %(actor)s"
    return place.tiffin.side.run(statement, {"key": order_id, "actor": MATCHING}) == [(True,)]


@contextmanager
def _pinging(place: Town, *driver_ids: UUID) -> Iterator[None]:
    """These drivers, or all there are, tell where they are, so that they do not fall silent."""
    stopping = threading.Event()

    def ping() -> None:
        while not stopping.wait(0.2):
            with suppress(redis.RedisError):
                place.ping(*(driver_ids or tuple(place.drivers)))

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(10.0)
