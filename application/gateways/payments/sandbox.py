"""A payment gateway without an outside world: it keeps its books in the table `sandbox_payments`.

Its methods say what will happen: `card_ok`; `card_declined` (no hold); `card_timeout` (the hold is made, but the
answer never comes); `card_capture_declined` (held, then refused when charged).
"""

import threading
from collections.abc import Collection, Sequence
from uuid import UUID

import psycopg

from application.gateways.payments.port import Hold, PaymentDeclined, PaymentUnavailable
from application.ids import new_id
from application.side import Row, SideStatements
from domain.errors import InvalidInput

METHODS = ("card_ok", "card_declined", "card_timeout", "card_capture_declined")

# A lapsed hold that its own key asks for again is held again: the client was merely slow to return.
AUTHORIZE = """
INSERT INTO sandbox_payments
    (payment_id, idempotency_key, amount_minor, currency, status, captured_minor, refunded_minor, order_id,
     created_at, updated_at)
VALUES (%(payment_id)s, %(key)s, %(amount_minor)s, %(currency)s, 'authorized', 0, 0, %(order_id)s, now(), now())
ON CONFLICT (idempotency_key) DO UPDATE SET
    updated_at = now(),
    status = CASE sandbox_payments.status WHEN 'lapsed' THEN 'authorized' ELSE sandbox_payments.status END
RETURNING payment_id, order_id, amount_minor, currency, created_at < now() - interval '24 hours'
"""
FORGET = "UPDATE sandbox_payments SET idempotency_key = payment_id WHERE idempotency_key = %(key)s"
CAPTURE = """
UPDATE sandbox_payments SET status = 'captured', captured_minor = %(amount_minor)s, updated_at = now()
WHERE payment_id = %(payment_id)s AND amount_minor >= %(amount_minor)s
  AND (status = 'authorized' OR (status = 'captured' AND captured_minor = %(amount_minor)s))
"""
VOID = """
UPDATE sandbox_payments SET status = 'voided', updated_at = now()
WHERE payment_id = %(payment_id)s AND status IN ('authorized', 'voided')
"""
REFUND = """
UPDATE sandbox_payments SET status = 'refunded', refunded_minor = %(amount_minor)s, updated_at = now()
WHERE payment_id = %(payment_id)s AND captured_minor >= %(amount_minor)s
  AND (status = 'captured' OR (status = 'refunded' AND refunded_minor = %(amount_minor)s))
"""
LOOSE = """
SELECT payment_id, order_id, amount_minor, currency FROM sandbox_payments
WHERE status = 'authorized' AND vouched_at IS NULL AND updated_at < now() - make_interval(secs => %(seconds)s)
ORDER BY updated_at LIMIT %(limit)s
"""
LAPSE = """
UPDATE sandbox_payments SET status = 'lapsed', updated_at = now()
WHERE payment_id = ANY(%(payment_ids)s) AND status = 'authorized' AND vouched_at IS NULL
"""
VOUCH = "UPDATE sandbox_payments SET vouched_at = now() WHERE payment_id = ANY(%(payment_ids)s)"


class SandboxPayments:
    """The sandbox behind the port `Payments`."""

    def __init__(self, side: SideStatements, *, timeout_seconds: float = 5.0) -> None:
        """`timeout_seconds` is how long a `card_timeout` keeps its caller waiting."""
        self._side = side
        self._timeout_seconds = timeout_seconds

    def authorize(self, *, key: str, order_id: UUID, amount_minor: int, currency: str, method: str) -> Hold:
        """Hold an amount, as the port says."""
        if method not in METHODS:
            raise InvalidInput("payment_method", f"The payment method must be one of {', '.join(METHODS)}.")
        if method == "card_declined":
            raise PaymentDeclined("The card was declined; use another one.")
        payment_id = f"{method}_{new_id()}"
        values = {
            "payment_id": payment_id,
            "key": key,
            "order_id": order_id,
            "amount_minor": amount_minor,
            "currency": currency,
        }
        (row,) = self._run(AUTHORIZE, values)
        if row[-1]:
            # A key is remembered for a day, like the API's; what it held before stays what it is.
            self._run(FORGET, values)
            (row,) = self._run(AUTHORIZE, values)
        if method == "card_timeout":
            threading.Event().wait(self._timeout_seconds)
            raise PaymentUnavailable(f"The payment gateway did not answer within {self._timeout_seconds:g} s.")
        return _hold(row[:-1])

    def capture(self, payment_id: str, *, amount_minor: int, key: str) -> None:  # noqa: ARG002 - the row is the key
        """Charge, as the port says."""
        if payment_id.startswith("card_capture_declined"):
            raise PaymentDeclined("The card's bank refused the charge.")
        self._change(CAPTURE, {"payment_id": payment_id, "amount_minor": amount_minor}, "charged")

    def void(self, payment_id: str, *, key: str) -> None:  # noqa: ARG002 - the row is the key
        """Let go, as the port says."""
        self._change(VOID, {"payment_id": payment_id}, "let go")

    def refund(self, payment_id: str, *, amount_minor: int, key: str) -> None:  # noqa: ARG002 - the row is the key
        """Give back, as the port says."""
        self._change(REFUND, {"payment_id": payment_id, "amount_minor": amount_minor}, "refunded")

    def loose_holds(self, *, untouched_seconds: float, limit: int) -> Sequence[Hold]:
        """List holds without an order, oldest first."""
        return [_hold(row) for row in self._run(LOOSE, {"seconds": untouched_seconds, "limit": limit})]

    def vouch(self, payment_ids: Collection[str]) -> None:
        """Mark holds whose order exists."""
        self._run(VOUCH, {"payment_ids": list(payment_ids)})

    def lapse(self, payment_ids: Collection[str]) -> None:
        """Let loose holds go."""
        self._run(LAPSE, {"payment_ids": list(payment_ids)})

    def _change(self, statement: str, values: dict[str, object], done: str) -> None:
        if not self._run(f"{statement} RETURNING payment_id", values):
            raise PaymentDeclined(f"Payment {values['payment_id']} cannot be {done} as it stands.")

    def _run(self, statement: str, values: dict[str, object]) -> list[Row]:
        try:
            return self._side.run(statement, values)
        except psycopg.OperationalError as error:
            raise PaymentUnavailable("The payment gateway cannot be reached.") from error


def _hold(row: Row) -> Hold:
    payment_id, order_id, amount_minor, currency = row
    return Hold(payment_id=payment_id, order_id=order_id, amount_minor=amount_minor, currency=currency)
