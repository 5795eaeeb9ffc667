"""A reaction's row: claimed once, fenced when late, put off, given up and tried again."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
import redis
from click.testing import CliRunner

from application import clock_jobs, commands
from application.cli import reactions as cli
from application.context import Context
from application.execute import execute
from application.gateways.payments.sandbox import SandboxPayments
from application.ids import new_id
from application.positions import Positions
from application.reactions import rows
from application.reactions.actors import Outcome, Work
from application.settings import Settings
from application.side import SideStatements
from application.store import Closing, Fenced
from domain.event import Meta, Role
from domain.order import Foreseen, NoDriverFound
from tests.application.reactions.town import PATIENT, Town, town
from tests.application.stage import FixedClock

MATCHING, ETA = "matching.match_order", "eta.revise"


class Gone(SideStatements):
    """PostgreSQL is away."""

    def run(self, statement: str, values: object) -> Any:
        assert statement, values
        raise psycopg.OperationalError("away")


class Unreachable(Positions):
    """Valkey is away."""

    def nearest(self, *_: object, **__: object) -> Any:
        raise redis.ConnectionError("away")

    def last_position(self, *_: object) -> Any:
        raise redis.ConnectionError("away")


class StillTown(Town):
    """Time passes when told to."""

    clock: FixedClock


@pytest.fixture
def place(settings: Settings, tmp_path: Path) -> Iterator[StillTown]:
    with town(settings, PATIENT, tmp_path) as opened:
        clock = FixedClock(opened.tiffin.clock.now())
        still = StillTown(replace(opened.tiffin, clock=clock), tmp_path)
        still.clock = clock
        yield still


def due(place: StillTown, stream_id: UUID, actor_name: str, position: int = 1_000) -> int:
    statement = """
        INSERT INTO reactions (position, actor_name, stream_id, topic, correlation_id, region, due_at)
        VALUES (%(position)s, %(actor_name)s, %(stream_id)s, 'order.confirmed', 'test', 'porto', %(due_at)s)
    """
    values = {"position": position, "actor_name": actor_name, "stream_id": stream_id, "due_at": place.clock.now()}
    place.tiffin.side.run(statement, values)
    return position


def claim(place: StillTown, position: int, *, later: timedelta = timedelta()) -> list[rows.Claimed]:
    machine_now = place.clock.machine_now() + later
    return rows.claim(place.tiffin.side, MATCHING, [position], now=place.clock.now(), machine_now=machine_now)


def closing(row: rows.Claimed) -> Closing:
    return Closing(position=row.position, actor_name=row.actor_name, lease_token=row.lease_token)


def test_a_row_is_claimed_by_one_until_its_lease_runs_out(place: StillTown) -> None:
    position = due(place, place.confirm(), MATCHING)
    assert len(claim(place, position)) == 1
    assert claim(place, position) == []
    assert [row.attempts for row in claim(place, position, later=rows.LEASE)] == [1], "nothing was tried yet"


def test_who_lost_the_lease_appends_nothing(place: StillTown) -> None:
    place.driver(metres_away=300.0)
    order_id = place.confirm()
    position = due(place, order_id, MATCHING)
    (slow,), (fast,) = claim(place, position), claim(place, position, later=rows.LEASE)
    late = Context(meta=Meta(), now=place.clock.now(), closing=closing(slow))
    with pytest.raises(Fenced):
        execute(place.tiffin, late, commands.MatchOrder(order_id=order_id))
    assert "driver_offered" not in place.topics(order_id)
    in_time = Context(meta=Meta(), now=place.clock.now(), closing=closing(fast))
    execute(place.tiffin, in_time, commands.MatchOrder(order_id=order_id))
    assert place.topics(order_id)[-1] == "driver_offered"
    assert place.rows(order_id, MATCHING)[0][0] == "done"


def test_lost_leases_never_bury_a_row(place: StillTown) -> None:
    order_id = place.confirm()
    position, work = due(place, order_id, MATCHING), Work(place.tiffin)
    (slow,) = claim(place, position)
    for number in range(1, rows.MAX_ATTEMPTS + 1):
        (next_one,) = claim(place, position, later=number * rows.LEASE)
        assert work.carry_out(slow, commands.MatchOrder(order_id=order_id)) is Outcome.UNDONE
        slow = next_one
    assert not rows.fail(place.tiffin.side, slow, "the first failure", machine_now=place.clock.machine_now())


def test_a_plan_that_was_overtaken_is_told_from_a_lease_that_was_lost(place: StillTown) -> None:
    order_id = place.confirm()
    position, work = due(place, order_id, MATCHING), Work(place.tiffin)
    plan = Foreseen(pickup_at=place.clock.now(), needed_at=place.clock.now(), orders=1, drivers=1)
    offer = commands.OfferPlanned(order_id=order_id, driver_id=place.driver(metres_away=300.0), plan=plan)
    (slow,), (fast,) = claim(place, position), claim(place, position, later=rows.LEASE)
    assert work.carry_out(slow, offer) is Outcome.UNDONE
    assert work.carry_out(fast, msgspec.structs.replace(offer, driver_id=new_id())) is Outcome.OVERTAKEN
    (again,) = claim(place, position, later=rows.LEASE)
    assert work.carry_out(again, offer) is Outcome.DONE


def test_a_message_that_comes_twice_does_its_work_once(place: StillTown) -> None:
    place.driver(metres_away=300.0)
    order_id = place.confirm()
    position = due(place, order_id, MATCHING)
    work = Work(place.tiffin)
    for _ in range(3):
        work.do(MATCHING, [position])
    assert place.topics(order_id).count("driver_offered") == 1
    assert place.rows(order_id, MATCHING)[0][3] == 1


def test_nobody_there_sets_the_same_row_to_a_later_time(place: StillTown) -> None:
    order_id = place.confirm()
    position = due(place, order_id, MATCHING)
    work = Work(place.tiffin)
    for _ in range(3):
        work.do(MATCHING, [position])
        assert place.rows(order_id, MATCHING)[0][0] == "pending"
        work.do(MATCHING, [position])
        place.clock.forward(PATIENT.retry_seconds)
    assert sum(isinstance(event, NoDriverFound) for event in place.events(order_id)) == 1


def test_what_the_rules_refuse_is_closed_with_the_reason(place: StillTown) -> None:
    order_id = place.place()
    position = due(place, order_id, "orders.request_review")
    Work(place.tiffin).do("orders.request_review", [position])
    state, outcome, *_ = place.rows(order_id, "orders.request_review")[0]
    assert state == "done"
    assert outcome is not None
    assert outcome.startswith("refused: An order that is placed cannot be reviewed")


def test_failures_pause_longer_each_time_then_an_operator_sees_it_and_tries_again(
    place: StillTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.driver(metres_away=300.0)
    order_id = place.confirm()
    offer(place, order_id)
    position = due(place, order_id, ETA)
    broken = Unreachable(place.tiffin.valkey, prefix="", regions=place.tiffin.regions)
    failing = Work(replace(place.tiffin, positions=broken))
    paused: list[float] = []
    for _ in range(rows.MAX_ATTEMPTS):
        failing.do(ETA, [position])
        until = not_before(place, order_id)
        if until is not None and until > place.clock.machine_now():
            failing.do(ETA, [position])
            paused.append((until - place.clock.machine_now()).total_seconds())
            place.clock.time = until
    assert paused == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert place.rows(order_id, ETA)[0][0] == "dead"

    for name, value in place.tiffin.settings.environment().items():
        monkeypatch.setenv(name, value)
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(cli.command, ["--dead"])
    assert "ConnectionError: away" in shown.output
    assert CliRunner().invoke(cli.command, ["retry", str(position), "no.such"]).exit_code == 1
    assert CliRunner().invoke(cli.command, ["retry", str(position), ETA]).exit_code == 0
    assert "eta.revise" in CliRunner().invoke(cli.command, []).output
    Work(place.tiffin).do(ETA, [position])
    assert place.rows(order_id, ETA)[0][0] == "done"
    assert place.topics(order_id)[-1] == "eta_revised"


def test_matching_that_keeps_failing_is_queued_and_retried_shortly(place: StillTown) -> None:
    broken = Unreachable(place.tiffin.valkey, prefix="", regions=place.tiffin.regions)
    work = Work(replace(place.tiffin, positions=broken))
    orders = [place.confirm() for _ in range(4)]
    for position, order_id in enumerate(orders, 1_000):
        work.do(MATCHING, [due(place, order_id, MATCHING, position)])
    outcomes = [place.rows(order_id, MATCHING)[0] for order_id in orders]
    assert [(state, outcome, attempts) for state, outcome, _, attempts in outcomes] == [
        ("pending", "failed", 1),
        ("pending", "failed", 1),
        ("pending", "failed", 1),
        ("pending", "queued: driver matching will retry shortly", 0),
    ]


def test_a_gateway_that_is_away_uses_up_no_attempts(place: StillTown) -> None:
    order_id = place.place()
    place.run(commands.RejectOrder(order_id=order_id, reason="no soup"), Role.RESTAURANT, place.restaurant_id)
    position = due(place, order_id, "payments.release")
    away = SandboxPayments(Gone(place.tiffin.settings.database))
    for _ in range(rows.MAX_ATTEMPTS + 1):
        Work(replace(place.tiffin, payments=away)).do("payments.release", [position])
        place.clock.forward(5.0)
    assert place.rows(order_id, "payments.release")[0][3] == 0
    Work(place.tiffin).do("payments.release", [position])
    assert place.topics(order_id)[-1] == "payment_voided"


def test_holds_without_an_order_are_let_go_and_others_vouched_for(
    place: StillTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.place()
    lost = asyncio.run(
        place.tiffin.payments.authorize(
            key="lost", order_id=UUID(int=1), amount_minor=500, currency="EUR", method="card_ok"
        )
    )
    clock_jobs.release_loose_holds(place.tiffin)
    assert len(place.tiffin.payments.loose_holds(untouched_seconds=0.0, limit=10)) == 2
    monkeypatch.setattr(clock_jobs, "LOOSE_SECONDS", 0.0)
    clock_jobs.release_loose_holds(place.tiffin)
    found = place.tiffin.side.run("SELECT payment_id, status FROM sandbox_payments ORDER BY created_at", {})
    assert [status for _, status in found] == ["authorized", "lapsed"]
    assert found[1][0] == lost.payment_id
    assert place.tiffin.payments.loose_holds(untouched_seconds=0.0, limit=10) == []


def test_what_is_past_its_time_is_deleted(place: StillTown) -> None:
    order_id = place.confirm()
    Work(place.tiffin).do("orders.reject_unanswered", [due(place, order_id, "orders.reject_unanswered")])
    clock_jobs.purge(place.tiffin)
    assert len(place.rows(order_id, "orders.reject_unanswered")) == 1
    place.clock.forward(8 * 86_400)
    clock_jobs.purge(place.tiffin)
    assert place.rows(order_id, "orders.reject_unanswered") == []


def offer(place: StillTown, order_id: UUID) -> None:
    place.run(commands.MatchOrder(order_id=order_id))
    offered = place.order(order_id).offer
    assert offered is not None
    place.accept(order_id, offered.offer_id, offered.driver_id)


def not_before(place: StillTown, order_id: UUID) -> datetime | None:
    statement = "SELECT not_before FROM reactions WHERE stream_id = %(key)s AND actor_name = %(actor)s"
    found: datetime | None = place.tiffin.side.run(statement, {"key": order_id, "actor": ETA})[0][0]
    return found
