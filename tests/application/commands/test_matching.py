"""Matching: the best driver who was not asked yet, held while asked; none: the round ends, the search does not."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from application import commands
from application.store import Closing, Fenced, Receipt, StoreBusy
from domain.order import DispatchStatus
from domain.region import PORTO, Dispatch, Offers
from tests.application.stage import NOON, Stage


def asked(stage: Stage, order_id: UUID) -> UUID:
    stage.run(commands.MatchOrder(order_id=order_id))
    offer = stage.order(order_id).offer
    assert offer is not None
    return offer.driver_id


def expire(stage: Stage, order_id: UUID) -> None:
    stage.clock.forward(30.0)
    stage.run(commands.ExpireOffer(order_id=order_id))
    stage.street.held.clear()


def test_the_nearest_of_equals_is_asked_first_and_longest(stage: Stage) -> None:
    stage.driver(metres_away=2_000.0)
    near = stage.driver(metres_away=400.0)
    order_id = stage.confirmed()
    assert asked(stage, order_id) == near
    offer = stage.order(order_id).offer
    assert offer is not None
    assert offer.expires_at == NOON + timedelta(seconds=30)
    offered = stage.events(order_id)[-1]
    assert getattr(offered, "candidates", 0) == 2
    assert set(getattr(offered, "score").factors) >= {"distance", "load", "rating", "timing"}  # noqa: B009 - any event


def test_one_after_the_other_until_none_is_left_then_all_again(stage: Stage) -> None:
    first, second = stage.driver(metres_away=400.0), stage.driver(metres_away=800.0)
    order_id = stage.confirmed()
    assert asked(stage, order_id) == first
    expire(stage, order_id)
    assert asked(stage, order_id) == second
    offer = stage.order(order_id).offer
    assert offer is not None
    assert offer.expires_at == stage.clock.now() + timedelta(seconds=20)
    expire(stage, order_id)
    stage.run(commands.MatchOrder(order_id=order_id))
    assert stage.topics(order_id)[-1] == "no_driver_found"
    assert asked(stage, order_id) == first
    assert stage.order(order_id).round == 2


def test_no_more_drivers_are_asked_than_a_round_allows(stage: Stage) -> None:
    for number in range(7):
        stage.driver(metres_away=100.0 * number)
    order_id = stage.confirmed()
    for _ in range(5):
        asked(stage, order_id)
        expire(stage, order_id)
    stage.run(commands.MatchOrder(order_id=order_id))
    assert stage.topics(order_id)[-1] == "no_driver_found"


def test_the_search_widens(stage: Stage) -> None:
    far = stage.driver(metres_away=8_000.0)
    assert asked(stage, stage.confirmed()) == far
    assert stage.street.radii_m == [5_000.0, 10_000.0]


def test_a_driver_held_for_another_order_is_left_alone(stage: Stage) -> None:
    first, second = stage.driver(metres_away=400.0), stage.driver(metres_away=800.0)
    assert asked(stage, stage.confirmed()) == first
    assert asked(stage, stage.confirmed()) == second


def test_nobody_there_is_told_once_and_the_same_reaction_looks_again(stage: Stage) -> None:
    order_id = stage.confirmed()
    closing = Closing(position=7, actor_name="matching.match_order", lease_token=uuid4())
    for _ in range(3):
        stage.store.lease(7, closing.actor_name, closing.lease_token)
        stage.run(commands.MatchOrder(order_id=order_id), closing=closing)
    assert stage.topics(order_id)[3:] == ["matching_started", "no_driver_found"]
    late = stage.driver()
    assert asked(stage, order_id) == late


def test_where_time_runs_fast_the_next_look_is_not_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.clock, "machine_seconds_until", lambda _: 0.1)
    order_id = stage.confirmed()
    stage.run(commands.MatchOrder(order_id=order_id))
    assert getattr(stage.events(order_id)[-1], "retry_at", None) == NOON + timedelta(seconds=50)


def test_an_offer_that_could_not_be_stored_lets_its_driver_go(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    driver_id, order_id = stage.driver(), stage.confirmed()
    asked_to_append = []

    def busy(*_: object, **__: object) -> None:
        asked_to_append.append(dict(stage.street.held))
        raise StoreBusy

    with monkeypatch.context() as patch:
        patch.setattr(stage.store, "append", busy)
        with pytest.raises(StoreBusy):
            stage.run(commands.MatchOrder(order_id=order_id))
    assert asked_to_append == [{driver_id: order_id}]
    assert stage.street.held == {}


@pytest.mark.parametrize("offers", Offers)
def test_who_was_second_to_ask_the_same_drivers_leaves_them_held(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, offers: Offers
) -> None:
    assert isinstance(stage.tiffin.regions, dict)
    monkeypatch.setitem(stage.tiffin.regions, "porto", replace(PORTO, dispatch=Dispatch(offers=offers)))
    order_id = stage.confirmed()
    drivers = [stage.driver(metres_away=100.0 * number) for number in range(1, 5)]
    append = stage.store.append

    def overtaken(*args: Any, **kwargs: Any) -> Receipt:
        monkeypatch.setattr(stage.store, "append", append)
        stage.run(commands.MatchOrder(order_id=order_id))
        return append(*args, **kwargs)

    monkeypatch.setattr(stage.store, "append", overtaken)
    lost = Closing(position=7, actor_name="matching.match_order", lease_token=uuid4())
    with pytest.raises(Fenced):
        stage.run(commands.MatchOrder(order_id=order_id), closing=lost)
    asked = [offer.driver_id for offer in stage.order(order_id).offers]
    assert asked == drivers[: len(asked)]
    assert stage.street.held == dict.fromkeys(asked, order_id)


def test_what_was_overtaken_is_quiet(stage: Stage) -> None:
    order_id, _, _ = stage.offered()
    before = stage.topics(order_id)
    stage.run(commands.MatchOrder(order_id=order_id))
    stage.run(commands.ExpireOffer(order_id=order_id))
    stage.run(commands.RejectUnanswered(order_id=order_id))
    assert stage.topics(order_id) == before
    assert stage.order(order_id).dispatch is DispatchStatus.OFFERED


def test_a_restaurant_that_never_answers_loses_the_order(stage: Stage) -> None:
    order_id = stage.place().answer.id
    stage.run(commands.RejectUnanswered(order_id=order_id))
    assert stage.topics(order_id)[-1] == "rejected"


def test_the_eta_is_told_when_it_changes(stage: Stage) -> None:
    order_id, _ = stage.assigned()
    stage.run(commands.ReviseEta(order_id=order_id))
    assert stage.topics(order_id)[-1] == "eta_revised"
    before = stage.length()
    stage.run(commands.ReviseEta(order_id=order_id))
    assert stage.length() == before
