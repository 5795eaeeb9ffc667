"""What the gateway did with the order's money, as the order records it.

Each decision returns events, or none when it is already so, or raises a Refusal. What failed may succeed later,
when an operator has it tried again.
"""

from domain.errors import InvalidInput
from domain.event import Event
from domain.order.errors import IllegalTransition
from domain.order.events import (
    PaymentCaptured,
    PaymentFailed,
    PaymentOperation,
    PaymentRefunded,
    PaymentVoided,
)
from domain.order.state import OVER, Order, Payment, PaymentStatus, Status


def record_capture(order: Order, *, amount_minor: int) -> list[Event]:
    """Note that the card was charged: after delivery, or what the customer bears of a cancellation.

    Raises IllegalTransition, InvalidInput.
    """
    payment = order.payment
    if payment.status is PaymentStatus.CAPTURED:
        return []
    if not _is_held(payment) or order.status not in OVER or order.status is Status.REJECTED:
        raise IllegalTransition("charged", status=order.status)
    owed_minor = payment.amount_minor - order.refund_minor
    if not 0 <= amount_minor <= owed_minor:
        raise InvalidInput("amount_minor", f"At most the {owed_minor} owed can be charged.")
    return [PaymentCaptured(payment_id=payment.payment_id, amount_minor=amount_minor)]


def record_void(order: Order) -> list[Event]:
    """Note that the hold was lifted: the order ended undelivered. Raises IllegalTransition."""
    if order.payment.status is PaymentStatus.VOIDED:
        return []
    if not _is_held(order.payment) or order.status not in (Status.REJECTED, Status.CANCELLED):
        raise IllegalTransition("released from payment", status=order.status)
    return [PaymentVoided(payment_id=order.payment.payment_id)]


def record_refund(order: Order, *, amount_minor: int) -> list[Event]:
    """Note that charged money went back. Raises IllegalTransition, InvalidInput."""
    payment = order.payment
    if payment.status is PaymentStatus.REFUNDED:
        return []
    if not _is_charged(payment):
        raise IllegalTransition("refunded", status=order.status)
    if not 0 < amount_minor <= payment.amount_minor:
        raise InvalidInput("amount_minor", f"1 to the {payment.amount_minor} charged can be refunded.")
    return [PaymentRefunded(payment_id=payment.payment_id, amount_minor=amount_minor)]


def record_payment_failure(order: Order, *, operation: PaymentOperation, reason: str) -> list[Event]:
    """Note that the gateway refused for good. Raises IllegalTransition when there was nothing to do it to."""
    payment = order.payment
    if payment.status is PaymentStatus.FAILED and payment.failed is operation:
        return []
    possible = _is_charged(payment) if operation is PaymentOperation.REFUND else _is_held(payment)
    if not possible:
        raise IllegalTransition(f"asked for a {operation}", status=order.status)
    return [PaymentFailed(payment_id=payment.payment_id, operation=operation, reason=reason)]


def _is_held(payment: Payment) -> bool:
    """Whether the card is authorised and not charged; failing to charge or to lift the hold changes neither."""
    return payment.status is PaymentStatus.AUTHORIZED or payment.failed in (
        PaymentOperation.CAPTURE,
        PaymentOperation.VOID,
    )


def _is_charged(payment: Payment) -> bool:
    return payment.status is PaymentStatus.CAPTURED or payment.failed is PaymentOperation.REFUND
