"""What ends or corrects an order from outside the kitchen and the road."""

from application.bootstrap import Tiffin
from application.commands.handlers.saving import Decided, decided, owned_order, save_order
from application.commands.orders import AddNote, CancelOrder, UnassignDriver
from application.context import Context
from application.kinds import DRIVER
from application.store import Receipt
from domain import driver as drivers
from domain import order as orders
from domain.order import Order


def cancel(tiffin: Tiffin, ctx: Context, command: CancelOrder) -> Receipt:
    """End the order; its driver is free again and its payment is released."""
    order = owned_order(tiffin, ctx, command.order_id)
    events = orders.cancel(order, by=ctx.role, reason=command.reason, cost_bearer=command.cost_bearer)
    return save_order(tiffin, ctx, order, events, *_released(tiffin, ctx, order, command.reason))


def unassign(tiffin: Tiffin, ctx: Context, command: UnassignDriver) -> Receipt:
    """Take the order from its driver; another one is looked for."""
    order = owned_order(tiffin, ctx, command.order_id)
    events = orders.unassign(order, reason=command.reason)
    return save_order(tiffin, ctx, order, events, *_released(tiffin, ctx, order, command.reason))


def add_note(tiffin: Tiffin, ctx: Context, command: AddNote) -> Receipt:
    """Write something down."""
    order = owned_order(tiffin, ctx, command.order_id)
    return save_order(tiffin, ctx, order, orders.add_note(order, text=command.text))


def _released(tiffin: Tiffin, ctx: Context, order: Order, reason: str) -> list[Decided]:
    if order.driver_id is None:
        return []
    driver = tiffin.store.load(DRIVER, order.driver_id)
    return [decided(DRIVER, driver, drivers.release_delivery(driver, order_id=order.id, reason=reason), ctx)]
