"""What the restaurant does with an order."""

from application.bootstrap import Tiffin
from application.commands.handlers.saving import owned_order, save_order
from application.commands.orders import ConfirmOrder, MarkReady, RejectOrder, StartPreparation
from application.context import Context
from application.store import Receipt
from domain import order as orders


def confirm(tiffin: Tiffin, ctx: Context, command: ConfirmOrder) -> Receipt:
    """The restaurant takes the order; the search for a driver follows."""
    order = owned_order(tiffin, ctx, command.order_id)
    prep_seconds = order.prep_seconds if command.prep_seconds is None else command.prep_seconds
    return save_order(tiffin, ctx, order, orders.confirm(order, prep_seconds=prep_seconds))


def reject(tiffin: Tiffin, ctx: Context, command: RejectOrder) -> Receipt:
    """The restaurant refuses the order; its payment is released."""
    order = owned_order(tiffin, ctx, command.order_id)
    return save_order(tiffin, ctx, order, orders.reject(order, reason=command.reason))


def start_preparation(tiffin: Tiffin, ctx: Context, command: StartPreparation) -> Receipt:
    """The kitchen begins."""
    order = owned_order(tiffin, ctx, command.order_id)
    return save_order(tiffin, ctx, order, orders.start_preparation(order))


def mark_ready(tiffin: Tiffin, ctx: Context, command: MarkReady) -> Receipt:
    """The food waits for its driver."""
    order = owned_order(tiffin, ctx, command.order_id)
    return save_order(tiffin, ctx, order, orders.mark_ready(order))
