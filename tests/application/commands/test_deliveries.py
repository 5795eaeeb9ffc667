"""Offers and deliveries: one driver an order, no driver over capacity, both streams in one append."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from application import commands
from application.store import Receipt
from domain.driver import AtCapacity
from domain.errors import NotFound, Refusal
from domain.event import Role
from domain.order import DispatchStatus, OfferExpiredAlready, OfferGone, OfferTaken
from domain.pricing import driver_fee_minor
from domain.region import PORTO
from tests.application.stage import Stage


def test_accepting_changes_order_and_driver_at_once(stage: Stage) -> None:
    order_id, driver_id, offer_id = stage.offered()
    receipt = stage.accept(order_id, offer_id, driver_id)
    assert receipt.answer.status == "assigned"
    assert stage.order(order_id).driver_id == driver_id
    assert stage.driver_state(driver_id).deliveries == (order_id,)
    last_two = [recorded for _, recorded in stage.store.read(after=0, limit=1_000)][-2:]
    assert {recorded.originator_id for recorded in last_two} == {order_id, driver_id}


def test_accepting_twice_is_quiet(stage: Stage) -> None:
    order_id, driver_id, offer_id = stage.offered()
    first = stage.accept(order_id, offer_id, driver_id)
    assert stage.accept(order_id, offer_id, driver_id).answer == first.answer


def test_another_driver_is_told_who_is_too_late(stage: Stage) -> None:
    order_id, driver_id, offer_id = stage.offered()
    stage.accept(order_id, offer_id, driver_id)
    with pytest.raises(OfferTaken, match="Another driver"):
        stage.accept(order_id, offer_id, stage.driver())


def test_a_driver_at_capacity_takes_no_more_whatever_was_offered(stage: Stage) -> None:
    driver_id = stage.driver(capacity=1)
    offers = []
    for _ in range(2):
        order_id = stage.confirmed()
        stage.street.held.clear()
        stage.run(commands.MatchOrder(order_id=order_id))
        offers.append((order_id, stage.offer_of(order_id)))

    def accept(offer: tuple[UUID, UUID]) -> Receipt | Refusal:
        try:
            return stage.accept(*offer, driver_id)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(accept, offers))
    assert sorted(type(answer).__name__ for answer in answers) == ["AtCapacity", "Receipt"]
    assert any(isinstance(answer, AtCapacity) for answer in answers)
    assert len(stage.driver_state(driver_id).deliveries) == 1


def test_an_answer_after_the_offers_time_is_refused(stage: Stage) -> None:
    order_id, driver_id, offer_id = stage.offered()
    stage.clock.forward(30.0)
    with pytest.raises(OfferExpiredAlready):
        stage.accept(order_id, offer_id, driver_id)


def test_a_driver_acts_only_for_itself(stage: Stage) -> None:
    order_id, driver_id, offer_id = stage.offered()
    command = commands.AcceptOffer(order_id=order_id, offer_id=offer_id, driver_id=driver_id)
    with pytest.raises(NotFound):
        stage.run(command, Role.DRIVER, stage.driver())


def test_declining_makes_way_for_the_next(stage: Stage) -> None:
    order_id, driver_id, offer_id = stage.offered()
    nextt = stage.driver(metres_away=900.0)
    command = commands.DeclineOffer(order_id=order_id, offer_id=offer_id, driver_id=driver_id, reason="too far")
    receipt = stage.run(command, Role.DRIVER, driver_id)
    assert receipt.answer.status == "searching"
    stage.run(commands.MatchOrder(order_id=order_id))
    offer = stage.order(order_id).offer
    assert offer is not None
    assert offer.driver_id == nextt
    with pytest.raises(OfferGone):
        stage.accept(order_id, offer_id, driver_id)


def test_from_the_restaurant_to_the_door(stage: Stage) -> None:
    order_id, driver_id = stage.assigned()
    stage.run(commands.StartPreparation(order_id=order_id), Role.RESTAURANT, stage.restaurant_id)
    stage.run(commands.MarkReady(order_id=order_id), Role.RESTAURANT, stage.restaurant_id)
    stage.run(commands.ArriveAtRestaurant(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)
    stage.run(commands.PickUpOrder(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)
    receipt = stage.run(commands.DeliverOrder(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)
    assert receipt.answer.status == "delivered"
    finished = stage.events(driver_id)[-1]
    fee = driver_fee_minor(PORTO.fees, stage.order(order_id).price.delivery_fee_minor)
    assert (finished.TOPIC, getattr(finished, "fee_minor", None)) == ("driver.delivery_finished", fee)
    assert stage.driver_state(driver_id).deliveries == ()


def test_unassigning_frees_the_driver_and_goes_on_searching(stage: Stage) -> None:
    order_id, driver_id = stage.assigned()
    stage.run(commands.UnassignDriver(order_id=order_id, reason="flat tyre"), Role.SUPPORT, stage.driver())
    assert stage.order(order_id).dispatch is DispatchStatus.SEARCHING
    assert stage.driver_state(driver_id).deliveries == ()


def test_cancelling_frees_the_driver(stage: Stage) -> None:
    order_id, driver_id = stage.assigned()
    stage.run(commands.CancelOrder(order_id=order_id, reason="changed my mind"), Role.CUSTOMER, stage.customer_id)
    assert stage.topics(order_id)[-1] == "cancelled"
    assert stage.driver_state(driver_id).deliveries == ()
