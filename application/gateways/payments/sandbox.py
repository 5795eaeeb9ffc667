"""A payment gateway without an outside world: it keeps its books in the table `sandbox_payments`.

Its methods say what will happen: `card_ok`; `card_declined` (no hold); `card_timeout` (the hold is made, but the
answer never comes); `card_capture_declined` (held, then refused when charged).
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from application.gateways.payments.port import Hold, PaymentDeclined, PaymentUnavailable
from application.gathering import Gathering
from application.ids import new_id
from application.side import Row, SideStatements
from domain.errors import InvalidInput

MOST_REQUESTS = 64
"""Held in one statement."""
METHODS = ("card_ok", "card_declined", "card_timeout", "card_capture_declined")

# A lapsed hold that its own key asks for again is held again: the client was merely slow to return.
# In the order of the keys, so that two processes asked for the same ones cannot deadlock.
AUTHORIZE = """
INSERT INTO sandbox_payments
    (payment_id, idempotency_key, amount_minor, currency, status, order_id, created_at, updated_at)
SELECT payment_id, key, amount_minor, currency, 'authorized', order_id, now(), now()
FROM unnest(%(payment_ids)s::text[], %(keys)s::text[], %(amounts)s::bigint[], %(currencies)s::text[],
            %(order_ids)s::uuid[]) AS asked (payment_id, key, amount_minor, currency, order_id)
ORDER BY key
ON CONFLICT (idempotency_key) DO UPDATE SET
    updated_at = now(),
    status = CASE sandbox_payments.status WHEN 'lapsed' THEN 'authorized' ELSE sandbox_payments.status END
RETURNING idempotency_key, created_at < now() - interval '24 hours', payment_id, order_id, amount_minor, currency
"""
FORGET = "UPDATE sandbox_payments SET idempotency_key = payment_id WHERE idempotency_key = ANY(%(keys)s)"
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


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A hold to make, if its key has none yet."""

    key: str
    order_id: UUID
    amount_minor: int
    currency: str
    method: str


class SandboxPayments:
    """The sandbox behind the port `Payments`."""

    def __init__(self, side: SideStatements, *, timeout_seconds: float = 5.0) -> None:
        """`timeout_seconds` is how long a `card_timeout` keeps its caller waiting."""
        self._side = side
        self._timeout_seconds = timeout_seconds
        self._requests = Gathering(self._authorize, most=MOST_REQUESTS)

    async def authorize(self, *, key: str, order_id: UUID, amount_minor: int, currency: str, method: str) -> Hold:
        """Hold an amount, as the port says."""
        if method not in METHODS:
            raise InvalidInput("payment_method", f"The payment method must be one of {', '.join(METHODS)}.")
        if method == "card_declined":
            raise PaymentDeclined("The card was declined; use another one.")
        hold = await self._requests.ask(
            Request(key=key, order_id=order_id, amount_minor=amount_minor, currency=currency, method=method)
        )
        if method == "card_timeout":
            await asyncio.sleep(self._timeout_seconds)
            raise PaymentUnavailable(f"The payment gateway did not answer within {self._timeout_seconds:g} s.")
        return hold

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

    def _authorize(self, requests: Sequence[Request]) -> list[Hold]:
        """All holds in one statement; one key is one hold, however often it is asked for."""
        by_key = {request.key: request for request in reversed(requests)}
        holds, old = self._insert(by_key.values())
        if old:
            # A key is remembered for a day, like the API's; what it held before stays what it is.
            self._run(FORGET, {"keys": old})
            holds |= self._insert([by_key[key] for key in old])[0]
        return [holds[request.key] for request in requests]

    def _insert(self, requests: Collection[Request]) -> tuple[dict[str, Hold], list[str]]:
        """The holds by key, and the keys of those that are older than a day."""
        rows = self._run(
            AUTHORIZE,
            {
                "payment_ids": [f"{request.method}_{new_id()}" for request in requests],
                "keys": [request.key for request in requests],
                "amounts": [request.amount_minor for request in requests],
                "currencies": [request.currency for request in requests],
                "order_ids": [request.order_id for request in requests],
            },
        )
        return {key: _hold(row) for key, _, *row in rows}, [key for key, is_old, *_ in rows if is_old]

    def _change(self, statement: str, values: dict[str, object], done: str) -> None:
        if not self._run(f"{statement} RETURNING payment_id", values):
            raise PaymentDeclined(f"Payment {values['payment_id']} cannot be {done} as it stands.")

    def _run(self, statement: str, values: dict[str, object]) -> list[Row]:
        try:
            return self._side.run(statement, values)
        except psycopg.OperationalError as error:
            raise PaymentUnavailable("The payment gateway cannot be reached.") from error


def _hold(row: Sequence[Any]) -> Hold:
    payment_id, order_id, amount_minor, currency = row
    return Hold(payment_id=payment_id, order_id=order_id, amount_minor=amount_minor, currency=currency)
