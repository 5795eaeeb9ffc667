"""What was paid, returned and is owed; and what the customer was told about the arrival."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from application.disputes.course import Course
from application.disputes.report import Money, ToldEta, Transfer
from domain.event import Event, Recorded
from domain.order import events
from domain.order.events import PaymentOperation


def money_of(course: Course, history: Sequence[Recorded[Event]]) -> Money:
    """Follow an order's payment. Nothing is owed for a rejected order, a cancelled one's total less its refund."""
    price = course.placed.price
    transfers = tuple(_transfers(history))
    cancelled = next((one.event for one in history if isinstance(one.event, events.Cancelled)), None)
    charged = _last(transfers, "captured")
    refunded = _last(transfers, "refunded")
    gone = any(transfer.kind in ("captured", "voided") for transfer in transfers)
    held = 0 if gone else _last(transfers, "authorized")
    owes = {
        "delivered": price.total_minor,
        "rejected": 0,
        "cancelled": price.total_minor - (cancelled.refund_minor if cancelled else 0),
    }.get(course.ending.how)
    pays = charged - refunded
    return Money(
        currency=price.currency,
        price=price,
        transfers=transfers,
        held_minor=held,
        charged_minor=charged,
        refunded_minor=refunded,
        pays_minor=pays,
        owes_minor=owes,
        cost_bearer=cancelled.cost_bearer if cancelled else None,
        settled=owes == pays and not held,
    )


def _transfers(history: Sequence[Recorded[Event]]) -> Iterator[Transfer]:
    for recorded in history:
        at, event = recorded.occurred_at, recorded.event
        match event:
            case events.PaymentAuthorized(payment_id=payment_id, amount_minor=amount):
                told = "Held on the customer's card."
                yield Transfer(at=at, kind="authorized", amount_minor=amount, payment_id=payment_id, told=told)
            case events.PaymentCaptured(payment_id=payment_id, amount_minor=amount):
                told = "Charged to the customer's card."
                yield Transfer(at=at, kind="captured", amount_minor=amount, payment_id=payment_id, told=told)
            case events.PaymentVoided(payment_id=payment_id):
                told = "The hold was lifted, nothing was charged."
                yield Transfer(at=at, kind="voided", amount_minor=None, payment_id=payment_id, told=told)
            case events.PaymentRefunded(payment_id=payment_id, amount_minor=amount):
                told = "Returned to the customer's card."
                yield Transfer(at=at, kind="refunded", amount_minor=amount, payment_id=payment_id, told=told)
            case events.PaymentFailed(payment_id=payment_id, operation=operation, reason=reason):
                told = f"The gateway refused to {_VERBS[operation]}: {reason}"
                yield Transfer(at=at, kind="failed", amount_minor=None, payment_id=payment_id, told=told)


_VERBS = {
    PaymentOperation.CAPTURE: "charge the card",
    PaymentOperation.VOID: "lift the hold",
    PaymentOperation.REFUND: "return the money",
}


def _last(transfers: Sequence[Transfer], kind: str) -> int:
    """An order has one payment: each of these happens once."""
    return next((transfer.amount_minor or 0 for transfer in reversed(transfers) if transfer.kind == kind), 0)


def etas_of(course: Course, history: Sequence[Recorded[Event]]) -> tuple[ToldEta, ...]:
    """The promise and each revision of it, against the delivery."""
    told = [_told(course, course.began.at, course.placed.promised_at, None, None)]
    for recorded in history:
        if isinstance(recorded.event, events.EtaRevised):
            told.append(_told(course, recorded.occurred_at, recorded.event.eta_at, told[-1], recorded.event))
    return tuple(told)


def _told(
    course: Course, told_at: datetime, eta_at: datetime, before: ToldEta | None, event: events.EtaRevised | None
) -> ToldEta:
    delivered = course.delivered
    return ToldEta(
        told_at=told_at,
        eta_at=eta_at,
        promise=before is None,
        change_seconds=0.0 if before is None else (eta_at - before.eta_at).total_seconds(),
        confidence=event.confidence if event else None,
        breakdown=event.breakdown if event else None,
        error_seconds=None if delivered is None else (delivered.at - eta_at).total_seconds(),
    )
