"""Orders that nobody could be found for: who comes online gets them at once, and the search looks again by itself.

The region's pause between two looks is an hour where nothing but the driver may end the wait.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from application import commands
from application.ids import new_id
from application.settings import Settings
from domain.event import Role
from tests.application.reactions.town import AT, METRES_NORTH, PATIENT, Town, town
from tests.waiting import eventually

MATCHING = "matching.match_order"


@pytest.fixture
def slow(settings: Settings, tmp_path: Path) -> Iterator[Town]:
    with (
        town(settings, replace(PATIENT, retry_seconds=3_600.0), tmp_path) as place,
        place.processes("follower", "worker"),
    ):
        yield place


def looked(place: Town, order_id: UUID, *before: UUID) -> UUID:
    """Wait until a search has looked, and waits again; answers its lease's token, which no look `before` had."""
    statement = """
        SELECT lease_token FROM reactions
        WHERE stream_id = %(key)s AND actor_name = %(actor)s AND state = 'pending' AND lease_until IS NULL
          AND lease_token IS NOT NULL AND NOT lease_token = ANY(%(before)s::uuid[])"""
    values = {"key": order_id, "actor": MATCHING, "before": list(before)}
    ((token,),) = eventually(lambda: place.tiffin.side.run(statement, values), what="the search has looked")
    return UUID(str(token))


def waiting(place: Town) -> UUID:
    order_id = place.confirm()
    place.reached(order_id, "no_driver_found")
    return order_id


def on_shift(place: Town) -> UUID:
    """Without a place as yet."""
    driver_id = new_id()
    joined = commands.RegisterDriver(
        driver_id=driver_id, name="Ana", phone="+351 910 000 000", region="porto", vehicle="bicycle"
    )
    place.run(joined)
    place.run(commands.StartShift(driver_id=driver_id), Role.DRIVER, driver_id)
    place.drivers[driver_id] = replace(AT, lat=AT.lat + 300.0 * METRES_NORTH)
    return driver_id


def test_who_comes_online_gets_the_waiting_orders_with_the_first_position(slow: Town) -> None:
    order_id = waiting(slow)
    first = looked(slow, order_id)
    driver_id = on_shift(slow)
    # Woken by the shift's beginning, in vain: nobody has said yet where they are.
    looked(slow, order_id, first)
    eventually(lambda: slow.ping(driver_id), what="the driver is known in Valkey")
    assert slow.offered(order_id)[1] == driver_id
    assert slow.topics(order_id).count("no_driver_found") == 1


def test_who_has_delivered_gets_the_next_waiting_order(slow: Town) -> None:
    driver_id = slow.driver(metres_away=300.0)
    carried = []
    for _ in range(2):
        order_id = slow.confirm()
        offer_id, _ = slow.offered(order_id)
        slow.accept(order_id, offer_id, driver_id)
        carried.append(order_id)
    third = waiting(slow)
    looked(slow, third)
    for command in (commands.StartPreparation(order_id=carried[0]), commands.MarkReady(order_id=carried[0])):
        slow.run(command, Role.RESTAURANT, slow.restaurant_id)
    # With both in the car, so that the third comes after.
    for command in (commands.StartPreparation(order_id=carried[1]), commands.MarkReady(order_id=carried[1])):
        slow.run(command, Role.RESTAURANT, slow.restaurant_id)
    for order_id in carried:
        slow.run(commands.PickUpOrder(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)
    assert slow.order(third).offer is None, "who holds two is not asked"
    slow.run(commands.DeliverOrder(order_id=carried[0], driver_id=driver_id), Role.DRIVER, driver_id)
    assert slow.offered(third)[1] == driver_id


def test_a_decline_moves_on_at_once(slow: Town) -> None:
    near, far = slow.driver(metres_away=300.0), slow.driver(metres_away=900.0)
    order_id = slow.confirm()
    offer_id, driver_id = slow.offered(order_id)
    assert driver_id == near
    decline = commands.DeclineOffer(order_id=order_id, offer_id=offer_id, driver_id=near)
    slow.run(decline, Role.DRIVER, near)
    assert slow.offered(order_id, unlike=near)[1] == far


def test_the_search_looks_again_by_itself(settings: Settings, tmp_path: Path) -> None:
    """A driver who was held and is not any more is no event: only the next look finds out."""
    with town(settings, PATIENT, tmp_path) as place:
        driver_id = place.driver(metres_away=300.0)
        now = place.tiffin.clock.now()
        other = new_id()
        assert place.tiffin.positions.claim("porto", driver_id, other, until=now + timedelta(hours=1), now=now)
        with place.processes("follower", "worker"):
            order_id = place.confirm()
            place.reached(order_id, "no_driver_found")
            first = looked(place, order_id)
            second = looked(place, order_id, first)
            looked(place, order_id, first, second)
            place.tiffin.positions.release_claim("porto", driver_id, other)
            assert place.offered(order_id)[1] == driver_id
        assert place.topics(order_id).count("no_driver_found") == 1
