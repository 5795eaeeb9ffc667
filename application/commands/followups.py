"""What the system asks of an order in answer to events: the commands behind the reactions."""

from uuid import UUID

import msgspec

from domain.order import Foreseen


class RejectUnanswered(msgspec.Struct, frozen=True, kw_only=True):
    """Reject an order that its restaurant left unanswered; nothing when it answered."""

    order_id: UUID


class MatchOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Offer the order to the best driver who was not asked yet; nobody there: look again later."""

    order_id: UUID


class OfferPlanned(msgspec.Struct, frozen=True, kw_only=True):
    """Offer the order to the driver whom the region's plan foresees for it."""

    order_id: UUID
    driver_id: UUID
    plan: Foreseen


class TellUnserved(msgspec.Struct, frozen=True, kw_only=True):
    """Tell that nobody can be asked in time for an order, though a plan foresees a driver; the search goes on."""

    order_id: UUID
    plan: Foreseen


class ExpireOffer(msgspec.Struct, frozen=True, kw_only=True):
    """Let the standing offer expire if its time has passed; nothing when it was answered."""

    order_id: UUID


class ReviseEta(msgspec.Struct, frozen=True, kw_only=True):
    """Estimate the arrival anew and tell it when it changed enough to matter."""

    order_id: UUID


class CapturePayment(msgspec.Struct, frozen=True, kw_only=True):
    """Charge the customer's card."""

    order_id: UUID


class ReleasePayment(msgspec.Struct, frozen=True, kw_only=True):
    """Give back what a cancelled or rejected order does not cost: lift the hold, or refund what was charged."""

    order_id: UUID


class CompleteOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Close a delivered and paid order."""

    order_id: UUID


class RequestReview(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the customer how it was."""

    order_id: UUID


class ReleaseAbsentDriver(msgspec.Struct, frozen=True, kw_only=True):
    """Take offers and orders not yet picked up from a driver who fell silent or left the shift.

    Orders picked up stay with a silent driver, and are told of.
    """

    driver_id: UUID
