"""The follower: an event makes its rows once, hints that got lost come again, a free driver wakes a few searches."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from application import commands
from application.reactions.actors import ACTORS, QUEUES
from application.reactions.broker import HintBroker, open_broker, waiting
from application.reactions.follower import LOST_AFTER, LOST_AFTER_AT_MOST, MOST_A_MESSAGE, Follower
from application.reactions.rules import OVERTAKEN_BY, RULES, SEARCH, WOKEN_AT_ONCE
from application.settings import Settings
from domain.event import Role
from tests.application.reactions.town import PATIENT, Town, town
from tests.application.stage import FixedClock


class Followed(Town):
    """A town whose follower takes one step at a time, and whose time passes when told to."""

    clock: FixedClock
    broker: HintBroker
    follower: Follower
    connection: "psycopg.Connection[tuple[Any, ...]]"

    def follow(self) -> None:
        while self.follower.follow(self.connection):
            pass

    def queued(self, queue: str) -> int:
        return waiting(self.broker, self.tiffin.valkey, queue)

    def count(self, actor_name: str) -> int:
        statement = "SELECT count(*) FROM reactions WHERE actor_name = %(name)s"
        return int(self.tiffin.side.run(statement, {"name": actor_name})[0][0])


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Iterator[Followed]:
    with town(settings, PATIENT, tmp_path) as opened:
        clock = FixedClock(opened.tiffin.clock.now())
        tiffin = replace(opened.tiffin, clock=clock)
        followed = Followed(tiffin, tmp_path)
        followed.clock = clock
        followed.broker = open_broker(tiffin.valkey, prefix=tiffin.settings.world.prefix)
        followed.follower = Follower(tiffin, followed.broker)
        with psycopg.connect(settings.database.url, autocommit=True) as connection:
            followed.connection = connection
            followed.follower.begin(connection)
            yield followed


def test_every_rule_names_an_actor_and_every_actor_has_a_rule() -> None:
    named = {rule.actor_name for rules in RULES.values() for rule in rules}
    assert named == set(ACTORS)
    assert set(OVERTAKEN_BY.values()) <= named
    assert {actor.queue for actor in ACTORS.values()} == set(QUEUES)


def test_following_again_adds_nothing(place: Followed) -> None:
    order_id = place.confirm()
    place.follow()
    rows = place.rows(order_id, SEARCH)
    place.connection.execute("UPDATE reaction_follower SET position = 0")
    place.follower.begin(place.connection)
    place.follow()
    assert place.rows(order_id, SEARCH) == rows
    assert len(rows) == 1


def test_a_rule_that_is_new_to_a_running_installation_starts_at_the_logs_head(place: Followed) -> None:
    place.confirm()
    place.connection.execute("DELETE FROM reaction_rules WHERE rule = 'order.confirmed > matching.match_order'")
    place.follower.begin(place.connection)
    place.follow()
    assert (place.count(SEARCH), place.count("eta.revise")) == (0, 1)
    place.confirm()
    place.follow()
    assert (place.count(SEARCH), place.count("eta.revise")) == (1, 2)


def test_what_is_due_later_is_told_then(place: Followed) -> None:
    place.confirm()
    place.follow()
    assert (place.queued("eta"), place.queued("matching")) == (1, 0)
    assert place.follower.tell_due(place.connection) == pytest.approx(PATIENT.settle_seconds)
    place.clock.forward(PATIENT.settle_seconds)
    place.follower.tell_due(place.connection)
    place.follower.tell_due(place.connection)
    assert place.queued("matching") == 1


def test_many_at_once_go_in_handfuls(place: Followed) -> None:
    for _ in range(3 * MOST_A_MESSAGE):
        place.confirm()
    place.follow()
    assert 3 < place.queued("eta") < 3 * MOST_A_MESSAGE


def test_a_hint_is_repeated_soon_when_its_queue_is_empty_else_late(place: Followed) -> None:
    place.confirm()
    place.follow()
    place.clock.forward(LOST_AFTER.total_seconds() + 1)
    place.follower.tell_lost(place.connection)
    assert place.queued("eta") == 1, "still there: workers are behind, nothing is lost"
    place.tiffin.valkey.flushdb()
    place.clock.forward(1.0)
    place.follower.tell_lost(place.connection)
    place.follower.tell_lost(place.connection)
    assert place.queued("eta") == 1
    place.clock.forward((LOST_AFTER_AT_MOST + timedelta(seconds=1)).total_seconds())
    place.follower.tell_lost(place.connection)
    assert place.queued("eta") == 2


def test_a_row_at_work_is_not_told_again(place: Followed) -> None:
    place.confirm()
    place.follow()
    place.tiffin.valkey.flushdb()
    lease_until = place.clock.machine_now() + timedelta(seconds=8)
    place.connection.execute("UPDATE reactions SET lease_until = %s WHERE actor_name = 'eta.revise'", (lease_until,))
    place.clock.forward(5.0)
    place.follower.tell_lost(place.connection)
    assert place.queued("eta") == 0
    place.clock.forward(5.0)
    place.follower.tell_lost(place.connection)
    assert place.queued("eta") == 1


def test_a_free_driver_wakes_the_searches_that_wait_longest(place: Followed) -> None:
    for _ in range(WOKEN_AT_ONCE + 5):
        place.confirm()
    place.follow()
    later = place.clock.now() + timedelta(hours=1)
    waits = "UPDATE reactions SET due_at = %s, lease_token = gen_random_uuid() WHERE actor_name = %s"
    place.connection.execute(waits, (later, SEARCH))
    place.driver(metres_away=300.0)
    place.follow()
    statement = (
        "SELECT position, due_at = %s, not_before IS NULL FROM reactions WHERE actor_name = %s ORDER BY position"
    )
    woken = [
        (not still, at_once) for _, still, at_once in place.connection.execute(statement, (later, SEARCH)).fetchall()
    ]
    assert woken == [(True, False)] * WOKEN_AT_ONCE + [(False, True)] * 5


def test_an_answered_offer_needs_no_timer(place: Followed) -> None:
    driver_id, order_id = place.driver(metres_away=300.0), place.confirm()
    place.run(commands.MatchOrder(order_id=order_id))
    offer = place.order(order_id).offer
    assert offer is not None
    place.follow()
    assert place.rows(order_id, "offers.expire_offer")[0][0] == "pending"
    command = commands.DeclineOffer(order_id=order_id, offer_id=offer.offer_id, driver_id=driver_id)
    place.run(command, Role.DRIVER, driver_id)
    place.follow()
    assert place.rows(order_id, "offers.expire_offer")[0][:2] == ("done", "overtaken by order.offer_declined")
