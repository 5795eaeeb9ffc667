"""Held money is charged at delivery, let go otherwise, and charged to a customer who cancels too late."""

from uuid import UUID

import pytest

from application import clock_jobs, commands
from application.gateways.payments.port import PaymentUnavailable
from domain.event import Role
from domain.order import CostBearer, PaymentStatus
from tests.application.stage import Stage


@pytest.fixture
def delivered(stage: Stage) -> UUID:
    order_id, driver_id = stage.assigned()
    stage.run(commands.StartPreparation(order_id=order_id), Role.RESTAURANT, stage.restaurant_id)
    stage.run(commands.MarkReady(order_id=order_id), Role.RESTAURANT, stage.restaurant_id)
    stage.run(commands.PickUpOrder(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)
    stage.run(commands.DeliverOrder(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)
    stage.till.calls.clear()
    return order_id


def test_a_delivered_order_is_charged_once_and_completed(stage: Stage, delivered: UUID) -> None:
    for _ in range(2):
        stage.run(commands.CapturePayment(order_id=delivered))
    assert stage.till.calls == [("capture", stage.order(delivered).price.total_minor)]
    stage.run(commands.CompleteOrder(order_id=delivered))
    stage.run(commands.RequestReview(order_id=delivered))
    assert stage.topics(delivered)[-3:] == ["payment_captured", "completed", "review_requested"]


def test_a_refused_charge_is_written_down_and_may_be_tried_again(stage: Stage, delivered: UUID) -> None:
    stage.till.declining = True
    stage.run(commands.CapturePayment(order_id=delivered))
    assert stage.order(delivered).payment.status is PaymentStatus.FAILED
    stage.till.declining = False
    stage.run(commands.CapturePayment(order_id=delivered))
    assert stage.order(delivered).payment.status is PaymentStatus.CAPTURED


def test_a_gateway_that_is_away_changes_nothing(stage: Stage, delivered: UUID) -> None:
    before = stage.length()
    stage.till.away = True
    with pytest.raises(PaymentUnavailable):
        stage.run(commands.CapturePayment(order_id=delivered))
    assert stage.length() == before


def test_a_cancelled_order_costs_its_customer_nothing(stage: Stage) -> None:
    order_id = stage.place().answer.id
    stage.run(commands.CancelOrder(order_id=order_id, reason="mistake"), Role.CUSTOMER, stage.customer_id)
    stage.run(commands.ReleasePayment(order_id=order_id))
    assert stage.till.calls[1:] == [("void", 0)]
    assert stage.order(order_id).payment.status is PaymentStatus.VOIDED


def test_a_customer_who_bears_the_cost_is_charged_and_the_order_stays_cancelled(stage: Stage) -> None:
    order_id = stage.confirmed()
    command = commands.CancelOrder(order_id=order_id, reason="no show", cost_bearer=CostBearer.CUSTOMER)
    stage.run(command, Role.SUPPORT)
    stage.run(commands.ReleasePayment(order_id=order_id))
    stage.run(commands.CompleteOrder(order_id=order_id))
    assert stage.till.calls[1:] == [("capture", stage.order(order_id).price.total_minor)]
    assert stage.order(order_id).status == "cancelled"


def test_a_rejected_order_costs_nothing(stage: Stage) -> None:
    order_id = stage.place().answer.id
    stage.run(commands.RejectOrder(order_id=order_id, reason="no soup"), Role.RESTAURANT, stage.restaurant_id)
    stage.run(commands.ReleasePayment(order_id=order_id))
    assert stage.topics(order_id)[-1] == "payment_voided"


def test_no_holds_no_work(stage: Stage) -> None:
    clock_jobs.release_loose_holds(stage.tiffin)
    assert stage.till.calls == []
