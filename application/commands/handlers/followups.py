"""What the system does with an order in answer to events. What events have overtaken is quiet."""

from application.bootstrap import Tiffin
from application.commands.followups import (
    CompleteOrder,
    ExpireOffer,
    RejectUnanswered,
    RequestReview,
    ReviseEta,
)
from application.commands.handlers.saving import save_order
from application.context import Context
from application.estimates import estimate_order
from application.kinds import ORDER
from application.store import Receipt
from domain import order as orders
from domain.order import Status

NOT_ANSWERED = "The restaurant did not answer in time."


def reject_unanswered(tiffin: Tiffin, ctx: Context, command: RejectUnanswered) -> Receipt:
    """Reject an order that still waits for its restaurant."""
    order = tiffin.store.load(ORDER, command.order_id)
    events = orders.reject(order, reason=NOT_ANSWERED) if order.status is Status.PLACED else []
    return save_order(tiffin, ctx, order, events)


def expire_offer(tiffin: Tiffin, ctx: Context, command: ExpireOffer) -> Receipt:
    """Let the offer that stands expire, if its time has passed; one made later has a reaction of its own."""
    order = tiffin.store.load(ORDER, command.order_id)
    due = order.offer is not None and order.offer.expires_at <= ctx.now
    events = orders.expire_offer(order, offer_id=order.offer.offer_id, now=ctx.now) if order.offer and due else []
    return save_order(tiffin, ctx, order, events)


def revise_eta(tiffin: Tiffin, ctx: Context, command: ReviseEta) -> Receipt:
    """Estimate anew from where the driver is and what the kitchen still needs."""
    order = tiffin.store.load(ORDER, command.order_id)
    eta = estimate_order(tiffin.positions, tiffin.regions[order.region], order, ctx.now)
    return save_order(tiffin, ctx, order, orders.revise_eta(order, eta=eta, now=ctx.now))


def complete(tiffin: Tiffin, ctx: Context, command: CompleteOrder) -> Receipt:
    """Close a delivered order; a cancelled one may have been charged, too, and stays cancelled."""
    order = tiffin.store.load(ORDER, command.order_id)
    events = orders.complete(order) if order.status is Status.DELIVERED else []
    return save_order(tiffin, ctx, order, events)


def request_review(tiffin: Tiffin, ctx: Context, command: RequestReview) -> Receipt:
    """Ask the customer how it was."""
    order = tiffin.store.load(ORDER, command.order_id)
    return save_order(tiffin, ctx, order, orders.request_review(order))
