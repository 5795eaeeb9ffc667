"""The timeline: who did what, when, from where, and how long after the step before."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection

from domain.event import Meta, Role
from domain.order import events as order
from projections.order_timeline import PROJECTION, Step, steps
from tests.projections.history import CANCELLED, CUSTOMER, NOON, History, joined, offered, placed, whole_order

ORDER = UUID(int=100)


def timeline(connection: Connection, history: History, *, after_version: int = 0) -> list[Step]:
    history.fold(connection, PROJECTION, batch=3)
    return steps(connection, ORDER, after_version=after_version)


def test_every_event_is_a_step_with_its_before_and_after(connection: Connection, history: History) -> None:
    history.tell(UUID(int=3), joined())
    history.tell(ORDER, *whole_order())
    told = timeline(connection, history)
    assert [step.version for step in told] == list(range(1, 14))
    assert [step.position for step in told] == list(range(2, 15))
    first, picked_up = told[0], told[9]
    assert (first.status_before, first.status_after, first.seconds_since_previous) == (None, "placed", None)
    assert (picked_up.topic, picked_up.status_before, picked_up.status_after) == (
        "order.picked_up",
        "ready_for_pickup",
        "picked_up",
    )
    assert (picked_up.dispatch_before, picked_up.dispatch_after) == ("at_restaurant", "on_the_way")
    assert {step.seconds_since_previous for step in told[1:]} == {10.0}


def test_a_step_says_who_and_from_where(connection: Connection, history: History) -> None:
    meta = Meta(
        actor_type=Role.CUSTOMER,
        actor_id=CUSTOMER,
        request_id="req-1",
        correlation_id="cor-1",
        causation_id=UUID(int=9),
        ip="203.0.113.9",
        user_agent="app/1",
    )
    history.tell(ORDER, placed(), meta=meta)
    (step,) = timeline(connection, history)
    assert (step.actor_type, step.actor_id, step.request_id, step.correlation_id) == (
        "customer",
        CUSTOMER,
        "req-1",
        "cor-1",
    )
    assert (step.causation_id, step.ip, step.user_agent) == (UUID(int=9), None, "app/1")
    assert (step.occurred_at, step.recorded_at) == (NOON + timedelta(seconds=10), NOON)


def test_an_offer_tells_why_this_driver(connection: Connection, history: History) -> None:
    history.tell(ORDER, placed(), offered())
    score = timeline(connection, history)[1].data["score"]
    assert score == {"profile": "seven_factor", "total": 88.5, "factors": {"distance": 95.8, "load": 0.0}}


def test_steps_after_a_version_still_know_the_one_before(connection: Connection, history: History) -> None:
    history.tell(ORDER, placed(), order.NoteAdded(text='called "twice"\\'), CANCELLED)
    note, cancelled = timeline(connection, history, after_version=1)
    assert (note.status_before, note.status_after) == ("placed", "placed")
    assert note.data == {"customer_id": None, "text": 'called "twice"\\'}
    assert (cancelled.status_before, cancelled.status_after, cancelled.data["refund_minor"]) == (
        "placed",
        "cancelled",
        0,
    )


def test_an_unknown_order_has_no_timeline(connection: Connection) -> None:
    assert steps(connection, UUID(int=12345)) == []
