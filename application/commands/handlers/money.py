"""What becomes of the held money when an order ends. Calls to the gateway may be repeated: their key is the order's."""

from application.bootstrap import Tiffin
from application.commands.followups import CapturePayment, ReleasePayment
from application.commands.handlers.saving import save_order
from application.context import Context
from application.gateways.payments.port import PaymentDeclined
from application.kinds import ORDER
from application.store import Receipt
from domain import order as orders
from domain.event import Event
from domain.order import Order, PaymentOperation, PaymentStatus, Status


def capture(tiffin: Tiffin, ctx: Context, command: CapturePayment) -> Receipt:
    """Charge what a delivered order costs."""
    order = tiffin.store.load(ORDER, command.order_id)
    events = _charge(tiffin, order, order.payment.amount_minor) if _is_held(order) else []
    return save_order(tiffin, ctx, order, events)


def release(tiffin: Tiffin, ctx: Context, command: ReleasePayment) -> Receipt:
    """Charge a cancelled or rejected order what its customer has to bear, which mostly is nothing."""
    order = tiffin.store.load(ORDER, command.order_id)
    refund_minor = _refund_minor(order)
    if order.payment.status is PaymentStatus.CAPTURED and refund_minor:
        return save_order(tiffin, ctx, order, _refund(tiffin, order, refund_minor))
    if not _is_held(order):
        return save_order(tiffin, ctx, order, [])
    owed_minor = order.payment.amount_minor - refund_minor
    events = _charge(tiffin, order, owed_minor) if owed_minor > 0 else _let_go(tiffin, order)
    return save_order(tiffin, ctx, order, events)


def _charge(tiffin: Tiffin, order: Order, amount_minor: int) -> list[Event]:
    try:
        tiffin.payments.capture(order.payment.payment_id, amount_minor=amount_minor, key=f"capture:{order.id}")
    except PaymentDeclined as refusal:
        return orders.record_payment_failure(order, operation=PaymentOperation.CAPTURE, reason=str(refusal))
    return orders.record_capture(order, amount_minor=amount_minor)


def _let_go(tiffin: Tiffin, order: Order) -> list[Event]:
    try:
        tiffin.payments.void(order.payment.payment_id, key=f"void:{order.id}")
    except PaymentDeclined as refusal:
        return orders.record_payment_failure(order, operation=PaymentOperation.VOID, reason=str(refusal))
    return orders.record_void(order)


def _refund(tiffin: Tiffin, order: Order, amount_minor: int) -> list[Event]:
    try:
        tiffin.payments.refund(order.payment.payment_id, amount_minor=amount_minor, key=f"refund:{order.id}")
    except PaymentDeclined as refusal:
        return orders.record_payment_failure(order, operation=PaymentOperation.REFUND, reason=str(refusal))
    return orders.record_refund(order, amount_minor=amount_minor)


def _is_held(order: Order) -> bool:
    failed = (PaymentOperation.CAPTURE, PaymentOperation.VOID)
    return order.payment.status is PaymentStatus.AUTHORIZED or order.payment.failed in failed


def _refund_minor(order: Order) -> int:
    """What the customer gets back, or is not charged; the cancellation decided it."""
    return order.refund_minor if order.status is Status.CANCELLED else order.payment.amount_minor
