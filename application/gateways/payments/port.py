"""What we ask of a payment gateway: hold money, charge it, let it go, give it back."""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from domain.errors import Refusal


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Money held on a card (minor units) for an order that may not exist yet."""

    payment_id: str
    order_id: UUID
    amount_minor: int
    currency: str


class PaymentDeclined(Refusal):
    """The gateway says no, for good: asking again changes nothing."""


class PaymentUnavailable(Exception):  # noqa: N818 - names the outcome
    """The gateway did not answer; whether it acted is unknown. Ask again with the same key."""

    def __init__(self, message: str, *, retry_after_seconds: int = 5) -> None:
        """Whole seconds of machine time, as HTTP's Retry-After counts."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Payments(Protocol):
    """A gateway. `key` makes a repeated call harmless: it answers what the first one answered.

    Authorising is for the event loop, because customers wait for it, however slow the gateway is; the rest blocks.

    Every call raises PaymentDeclined or PaymentUnavailable, the latter within the gateway's time-out.
    """

    async def authorize(self, *, key: str, order_id: UUID, amount_minor: int, currency: str, method: str) -> Hold:
        """Hold an amount. A repeated key answers the first call's hold, with the order id given then.

        Raises InvalidInput for a `method` the gateway does not know.
        """
        ...

    def capture(self, payment_id: str, *, amount_minor: int, key: str) -> None:
        """Charge what is held, or less; the rest is let go."""
        ...

    def void(self, payment_id: str, *, key: str) -> None:
        """Let the hold go without charging."""
        ...

    def refund(self, payment_id: str, *, amount_minor: int, key: str) -> None:
        """Give charged money back."""
        ...

    def loose_holds(self, *, untouched_seconds: float, limit: int) -> Sequence[Hold]:
        """Return holds that nobody `vouched` for and whose key was not used for so long (machine time)."""
        ...

    def vouch(self, payment_ids: Collection[str]) -> None:
        """These holds have their order: they are no longer loose."""
        ...

    def lapse(self, payment_ids: Collection[str]) -> None:
        """Let loose holds go. Unlike one that was voided, such a hold may be made again under its key."""
        ...
