"""Commands run again when somebody else was first, and give up in the end."""

from collections.abc import Sequence
from typing import Any

import pytest

from application import commands
from application.memory_store import MemoryEventStore
from application.store import Change, Receipt, StoreBusy, VersionConflict
from domain.event import Role
from domain.order import IllegalTransition
from tests.application.stage import Stage


class Contended(MemoryEventStore):
    """Somebody else appends first, so many times."""

    losses = 0

    def append(self, changes: Sequence[Change], **kwargs: Any) -> Receipt:
        if self.losses:
            self.losses -= 1
            raise VersionConflict(changes[0].stream_id, changes[0].expected_version + 1)
        return super().append(changes, **kwargs)


@pytest.fixture
def contended(monkeypatch: pytest.MonkeyPatch) -> tuple[Stage, Contended]:
    stage = Stage()
    monkeypatch.setattr(stage.store, "__class__", Contended)
    assert isinstance(stage.store, Contended)
    return stage, stage.store


def test_a_command_is_decided_anew_when_somebody_was_first(contended: tuple[Stage, Contended]) -> None:
    stage, store = contended
    order_id = stage.place().answer.id
    store.losses = 4
    stage.run(commands.ConfirmOrder(order_id=order_id), Role.RESTAURANT, stage.restaurant_id)
    assert stage.topics(order_id)[-1] == "confirmed"


def test_a_stream_that_never_rests_is_busy(contended: tuple[Stage, Contended]) -> None:
    stage, store = contended
    order_id = stage.place().answer.id
    store.losses = 5
    with pytest.raises(StoreBusy):
        stage.run(commands.ConfirmOrder(order_id=order_id), Role.RESTAURANT, stage.restaurant_id)


def test_a_refused_command_is_refused_with_a_new_key(stage: Stage) -> None:
    order_id = stage.place().answer.id
    with pytest.raises(IllegalTransition) as caught:
        stage.run(commands.MarkReady(order_id=order_id), Role.RESTAURANT, stage.restaurant_id, key="new")
    assert caught.value.status == "placed"


def test_what_is_already_so_is_answered_without_events(stage: Stage) -> None:
    order_id = stage.confirmed()
    before = stage.length()
    receipt = stage.run(commands.ConfirmOrder(order_id=order_id), Role.RESTAURANT, stage.restaurant_id, key="again")
    assert (receipt.answer.status, receipt.answer.version, receipt.replayed) == ("confirmed", 3, False)
    assert stage.length() == before
