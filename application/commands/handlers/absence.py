"""What becomes of a driver's offers and orders when the driver is not there any more."""

from application.bootstrap import Tiffin
from application.commands.followups import ReleaseAbsentDriver
from application.commands.handlers.saving import Decided, decided, save_driver
from application.context import Context
from application.kinds import DRIVER, ORDER
from application.store import Receipt
from domain import driver as drivers
from domain import order as orders
from domain.driver import Driver
from domain.event import Event
from domain.order.dispatching import WAITED_FOR
from domain.order.state import Status
from projections import order_lists

SILENT = "The driver cannot be reached."
OFF_SHIFT = "The driver left the shift."


def release_absent(tiffin: Tiffin, ctx: Context, command: ReleaseAbsentDriver) -> Receipt:
    """One append for the driver and all orders concerned; whoever came back meanwhile keeps everything.

    The food that a silent driver has is nobody else's to bring: that order stays, and is told of.
    """
    driver = tiffin.store.load(DRIVER, command.driver_id)
    if driver.on_shift and not driver.silent:
        return save_driver(tiffin, ctx, driver, [])
    reason = SILENT if driver.silent else OFF_SHIFT
    released: list[Event] = []
    lost: list[Decided] = []
    for order_id in driver.deliveries:
        order = tiffin.store.load(ORDER, order_id)
        if order.driver_id != driver.id:
            continue
        if order.status is Status.PICKED_UP and driver.silent_since is not None:
            told = orders.lose_contact(order, driver_id=driver.id, last_seen_at=driver.silent_since)
            lost.append(decided(ORDER, order, told, ctx))
        elif order.dispatch in WAITED_FOR:
            lost.append(decided(ORDER, order, orders.unassign(order, reason=reason), ctx))
            released += drivers.release_delivery(driver, order_id=order_id, reason=reason)
    lost += _withdrawn(tiffin, ctx, driver, reason)
    return save_driver(tiffin, ctx, driver, released, *lost)


def _withdrawn(tiffin: Tiffin, ctx: Context, driver: Driver, reason: str) -> list[Decided]:
    """Find the offers in the read model; one that it does not show yet expires by itself."""
    with tiffin.reads.connect() as connection:
        offers = order_lists.offers_for(connection, driver.id)
    found = [tiffin.store.load(ORDER, offer.order_id) for offer in offers]
    return [
        decided(ORDER, order, orders.withdraw_offer(order, reason=reason, driver_id=driver.id), ctx)
        for order in found
        if any(offer.driver_id == driver.id for offer in order.offers)
    ]
