"""Any payment gateway behind a circuit breaker: 5 s, 30 %, 60 s."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from application.breakers import Breaker, BreakerOpen
from application.gateways.payments.port import Hold, Payments, PaymentUnavailable


def payment_breaker() -> Breaker:
    """Make the breaker; only a gateway that does not answer counts, a declined card is an answer."""
    return Breaker(
        "the payment gateway",
        timeout_seconds=5.0,
        failure_rate=0.3,
        reset_seconds=60.0,
        min_calls=5,
        counts=lambda error: isinstance(error, PaymentUnavailable),
    )


class GuardedPayments:
    """The port `Payments` around another one; while its breaker is open every call raises PaymentUnavailable."""

    def __init__(self, payments: Payments, breaker: Breaker) -> None:
        """One breaker for each process."""
        self._payments = payments
        self._breaker = breaker

    def authorize(self, *, key: str, order_id: UUID, amount_minor: int, currency: str, method: str) -> Hold:
        """Hold an amount, as the port says."""
        return self._call(
            lambda: self._payments.authorize(
                key=key, order_id=order_id, amount_minor=amount_minor, currency=currency, method=method
            )
        )

    def capture(self, payment_id: str, *, amount_minor: int, key: str) -> None:
        """Charge, as the port says."""
        self._call(lambda: self._payments.capture(payment_id, amount_minor=amount_minor, key=key))

    def void(self, payment_id: str, *, key: str) -> None:
        """Let go, as the port says."""
        self._call(lambda: self._payments.void(payment_id, key=key))

    def refund(self, payment_id: str, *, amount_minor: int, key: str) -> None:
        """Give back, as the port says."""
        self._call(lambda: self._payments.refund(payment_id, amount_minor=amount_minor, key=key))

    def loose_holds(self, *, untouched_seconds: float, limit: int) -> Sequence[Hold]:
        """List holds without an order, oldest first."""
        return self._call(lambda: self._payments.loose_holds(untouched_seconds=untouched_seconds, limit=limit))

    def vouch(self, payment_ids: Collection[str]) -> None:
        """Mark holds whose order exists."""
        self._call(lambda: self._payments.vouch(payment_ids))

    def lapse(self, payment_ids: Collection[str]) -> None:
        """Let loose holds go."""
        self._call(lambda: self._payments.lapse(payment_ids))

    def _call[R](self, function: Callable[[], R]) -> R:
        try:
            return self._breaker.call(function)
        except BreakerOpen as error:
            raise PaymentUnavailable(str(error), retry_after_seconds=error.retry_after_seconds) from error
