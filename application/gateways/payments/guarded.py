"""Any payment gateway behind a circuit breaker: 5 s, 30 %, 60 s."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from application.breakers import Breaker, BreakerOpen, Limits, TooSlow
from application.gateways.payments.port import Hold, Payments, PaymentUnavailable
from application.loop_breaker import LoopBreaker

NAME = "the payment gateway"
LIMITS = Limits(timeout_seconds=5.0, failure_rate=0.3, reset_seconds=60.0, min_calls=5)


class GuardedPayments:
    """The port `Payments` around another one; while its breaker is open every call raises PaymentUnavailable."""

    def __init__(self, payments: Payments, limits: Limits = LIMITS) -> None:
        """Each process finds out for itself, its threads and its event loop too: only the API's loop authorises."""
        self._payments = payments
        self._breaker = Breaker(NAME, limits, counts=_is_failure)
        self._loop_breaker = LoopBreaker(NAME, limits, counts=_is_failure)

    async def authorize(self, *, key: str, order_id: UUID, amount_minor: int, currency: str, method: str) -> Hold:
        """Hold an amount, as the port says; a call that takes too long is given up."""
        try:
            return await self._loop_breaker.call(
                lambda: self._payments.authorize(
                    key=key, order_id=order_id, amount_minor=amount_minor, currency=currency, method=method
                )
            )
        except BreakerOpen as error:
            raise PaymentUnavailable(str(error), retry_after_seconds=error.retry_after_seconds) from error
        except TooSlow as error:
            raise PaymentUnavailable(str(error)) from error

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


def _is_failure(error: Exception) -> bool:
    """Only a gateway that does not answer counts; a declined card is an answer."""
    return isinstance(error, PaymentUnavailable)
