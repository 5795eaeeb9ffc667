"""Any moment of a stream, what changed between two of them, and step by step."""

from datetime import timedelta

import pytest

from application import commands, time_travel
from application.ids import new_id
from application.time_travel import Difference
from domain.errors import InvalidInput, NotFound
from domain.event import Role
from tests.application.stage import NOON, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_state_at_each_version_and_time(stage: Stage) -> None:
    order_id = stage.place().answer.id
    stage.clock.forward(60)
    stage.run(commands.ConfirmOrder(order_id=order_id, prep_seconds=600), Role.RESTAURANT, stage.restaurant_id)
    now = time_travel.moment(stage.store, order_id)
    assert (now.kind, now.state["status"], now.state["prep_seconds"]) == ("order", "confirmed", 600)
    placed = time_travel.moment(stage.store, order_id, version=1)
    assert (placed.topic, placed.state["status"], placed.state["version"]) == ("order.placed", "placed", 1)
    before = time_travel.moment(stage.store, order_id, at=NOON + timedelta(seconds=59))
    assert (before.version, before.state["status"]) == (2, "placed")
    assert time_travel.moment(stage.store, order_id, at=NOON + timedelta(seconds=60)).version == now.version
    assert time_travel.moment(stage.store, order_id, version=now.version) == now


def test_moments_that_a_stream_does_not_have(stage: Stage) -> None:
    order_id = stage.place().answer.id
    with pytest.raises(InvalidInput, match="versions 1 to 2"):
        time_travel.moment(stage.store, order_id, version=3)
    with pytest.raises(InvalidInput, match="began later"):
        time_travel.moment(stage.store, order_id, at=NOON - timedelta(seconds=1))
    with pytest.raises(InvalidInput, match="not both"):
        time_travel.moment(stage.store, order_id, version=1, at=NOON)
    with pytest.raises(NotFound):
        time_travel.moment(stage.store, new_id())
    with pytest.raises(NotFound):
        list(time_travel.steps(stage.store, new_id()))


def test_steps_tell_who_did_what(stage: Stage) -> None:
    order_id = stage.confirmed()
    steps = list(time_travel.steps(stage.store, order_id))
    assert [step.recorded.event.TOPIC for step in steps][:3] == [
        "order.placed",
        "order.payment_authorized",
        "order.confirmed",
    ]
    changes = {change.path: (change.before, change.after) for change in steps[2].changes}
    assert changes["status"] == ("placed", "confirmed")
    assert "version" not in changes
    assert steps[2].recorded.meta.actor_id == stage.restaurant_id
    assert all(change.before is None for change in steps[0].changes)


def test_differences_name_each_field() -> None:
    before = {"a": 1, "b": {"c": [1, 2], "gone": True}, "same": {"x": 1}}
    after = {"a": 1, "b": {"c": [1, 3, 4]}, "same": {"x": 1}, "new": "n"}
    assert time_travel.differences(before, after) == [
        Difference(path="b.c[1]", before=2, after=3),
        Difference(path="b.c[2]", before=None, after=4),
        Difference(path="b.gone", before=True, after=None),
        Difference(path="new", before=None, after="n"),
    ]
    assert time_travel.differences(before, before) == []
