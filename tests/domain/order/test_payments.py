import pytest

from domain import order
from domain.errors import InvalidInput
from domain.event import Event, Role
from domain.order import PaymentOperation, PaymentStatus
from tests.domain.order.histories import (
    CANCELLED,
    CAPTURED,
    COMPLETED,
    DELIVERED,
    PICKED_UP,
    PLACED,
    PLACED_EVENT,
    PRICE,
    REJECTED,
    an_order,
    given,
)
from tests.domain.scenario import Outcome

TOTAL = PRICE.total_minor
CAPTURE = order.PaymentCaptured(payment_id="pay_1", amount_minor=TOTAL)
VOID = order.PaymentVoided(payment_id="pay_1")
REFUND = order.PaymentRefunded(payment_id="pay_1", amount_minor=TOTAL)


def failed(operation: PaymentOperation) -> order.PaymentFailed:
    return order.PaymentFailed(payment_id="pay_1", operation=operation, reason="card closed")


@pytest.mark.parametrize(
    ("events", "status", "amount_minor"),
    [
        ((), PaymentStatus.AUTHORIZED, TOTAL),
        ((CAPTURE,), PaymentStatus.CAPTURED, TOTAL),
        ((VOID,), PaymentStatus.VOIDED, TOTAL),
        ((CAPTURE, REFUND), PaymentStatus.REFUNDED, TOTAL),
        ((failed(PaymentOperation.CAPTURE),), PaymentStatus.FAILED, TOTAL),
        ((failed(PaymentOperation.CAPTURE), CAPTURE), PaymentStatus.CAPTURED, TOTAL),
    ],
)
def test_the_order_knows_where_its_money_is(
    events: tuple[Event, ...], status: PaymentStatus, amount_minor: int
) -> None:
    payment = an_order((*DELIVERED, *events)).payment
    assert (payment.status, payment.amount_minor, payment.payment_id) == (status, amount_minor, "pay_1")
    assert (payment.failed is not None) == (status is PaymentStatus.FAILED)


CANCELLED_AT_THEIR_COST = (
    *PLACED,
    order.Cancelled(by=Role.SUPPORT, reason="prank", cost_bearer=order.CostBearer.CUSTOMER, refund_minor=0),
)


@pytest.mark.parametrize(
    "history", [DELIVERED, CANCELLED_AT_THEIR_COST, (*DELIVERED, failed(PaymentOperation.CAPTURE))]
)
def test_record_capture(history: tuple[Event, ...]) -> None:
    given(history).when(order.record_capture, amount_minor=TOTAL).then(CAPTURE)


@pytest.mark.parametrize("history", [PLACED, PICKED_UP, REJECTED, (PLACED_EVENT,), (*CANCELLED, VOID)])
def test_record_capture_refused(history: tuple[Event, ...]) -> None:
    given(history).when(order.record_capture, amount_minor=TOTAL).then_refused(order.IllegalTransition)


@pytest.mark.parametrize("amount_minor", [-1, TOTAL + 1])
def test_record_capture_refused_beyond_what_is_held(amount_minor: int) -> None:
    given(DELIVERED).when(order.record_capture, amount_minor=amount_minor).then_refused(
        InvalidInput, field="amount_minor"
    )


def test_record_capture_refused_for_what_a_cancellation_gives_back() -> None:
    given(CANCELLED).when(order.record_capture, amount_minor=1).then_refused(InvalidInput, field="amount_minor")


def test_record_capture_of_less_than_is_held_even_of_nothing() -> None:
    given(DELIVERED).when(order.record_capture, amount_minor=0).then(
        order.PaymentCaptured(payment_id="pay_1", amount_minor=0)
    )


def test_record_capture_quiet() -> None:
    given(CAPTURED).when(order.record_capture, amount_minor=TOTAL).then_quiet()


@pytest.mark.parametrize("history", [REJECTED, CANCELLED, (*CANCELLED, failed(PaymentOperation.VOID))])
def test_record_void(history: tuple[Event, ...]) -> None:
    given(history).when(order.record_void).then(VOID)


@pytest.mark.parametrize("history", [PLACED, DELIVERED, CAPTURED, (*CANCELLED, CAPTURE)])
def test_record_void_refused(history: tuple[Event, ...]) -> None:
    given(history).when(order.record_void).then_refused(order.IllegalTransition)


def test_record_void_quiet() -> None:
    given((*CANCELLED, VOID)).when(order.record_void).then_quiet()


@pytest.mark.parametrize("history", [CAPTURED, COMPLETED, (*CAPTURED, failed(PaymentOperation.REFUND))])
def test_record_refund(history: tuple[Event, ...]) -> None:
    given(history).when(order.record_refund, amount_minor=TOTAL).then(REFUND)


@pytest.mark.parametrize("history", [PLACED, DELIVERED, (*CANCELLED, VOID)])
def test_record_refund_refused_when_nothing_was_charged(history: tuple[Event, ...]) -> None:
    given(history).when(order.record_refund, amount_minor=TOTAL).then_refused(order.IllegalTransition)


@pytest.mark.parametrize("amount_minor", [0, TOTAL + 1])
def test_record_refund_refused_beyond_what_was_charged(amount_minor: int) -> None:
    given(CAPTURED).when(order.record_refund, amount_minor=amount_minor).then_refused(
        InvalidInput, field="amount_minor"
    )


def test_record_refund_quiet() -> None:
    given((*CAPTURED, REFUND)).when(order.record_refund, amount_minor=TOTAL).then_quiet()


def fail(history: tuple[Event, ...], operation: PaymentOperation) -> Outcome:
    return given(history).when(order.record_payment_failure, operation=operation, reason="card closed")


@pytest.mark.parametrize(
    ("history", "operation"),
    [
        (DELIVERED, PaymentOperation.CAPTURE),
        (CANCELLED, PaymentOperation.VOID),
        (CAPTURED, PaymentOperation.REFUND),
        ((*CANCELLED, failed(PaymentOperation.CAPTURE)), PaymentOperation.VOID),
    ],
)
def test_record_payment_failure(history: tuple[Event, ...], operation: PaymentOperation) -> None:
    fail(history, operation).then(failed(operation))


@pytest.mark.parametrize(
    ("history", "operation"),
    [
        (CAPTURED, PaymentOperation.CAPTURE),
        (DELIVERED, PaymentOperation.REFUND),
        ((*CANCELLED, VOID), PaymentOperation.CAPTURE),
    ],
)
def test_record_payment_failure_refused(history: tuple[Event, ...], operation: PaymentOperation) -> None:
    fail(history, operation).then_refused(order.IllegalTransition)


def test_record_payment_failure_quiet() -> None:
    history = (*DELIVERED, failed(PaymentOperation.CAPTURE))
    fail(history, PaymentOperation.CAPTURE).then_quiet()


def test_a_failed_refund_does_not_let_the_card_be_charged_again() -> None:
    history = (*CAPTURED, failed(PaymentOperation.REFUND))
    given(history).when(order.record_capture, amount_minor=TOTAL).then_refused(order.IllegalTransition)
