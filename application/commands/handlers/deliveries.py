"""What drivers do with offers and orders. Where both change, order and driver are one append."""

from uuid import UUID

from msgspec.structs import replace

from application import metrics
from application.bootstrap import Tiffin
from application.commands.handlers.saving import decided, driver_as_self, fold, owned_order, save_offer, save_order
from application.commands.orders import (
    AcceptOffer,
    ArriveAtRestaurant,
    DeclineOffer,
    DeliverOrder,
    PickUpOrder,
    RateDelivery,
)
from application.context import Context
from application.kinds import DRIVER, ORDER
from application.second_orders import reconsidered
from application.store import Receipt
from domain import driver as drivers
from domain import order as orders
from domain.batching import Batched, Refused
from domain.driver import Driver
from domain.order import Order
from domain.pricing import driver_fee_minor


def accept_offer(tiffin: Tiffin, ctx: Context, command: AcceptOffer) -> Receipt:
    """The driver takes the order: two versions guard against a second driver and a third order.

    One that was offered beside another is looked at again; where the two go together no more, the offer is withdrawn,
    the search goes on, and the driver is told (OfferOutdated).
    """
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    order = tiffin.store.load(ORDER, command.order_id)
    batch = _second_order(tiffin, ctx, driver, order, command.offer_id)
    if isinstance(batch, Refused):
        raise orders.OfferOutdated(_taken_back(tiffin, ctx, driver, order))
    events = orders.accept_offer(
        order, offer_id=command.offer_id, driver_id=driver.id, driver_name=driver.name, batch=batch, now=ctx.now
    )
    most_orders = tiffin.regions[order.region].dispatch.most_orders
    taken = drivers.take_delivery(driver, order_id=order.id, most_orders=most_orders) if events else []
    receipt = save_offer(tiffin, ctx, order, events, decided(DRIVER, driver, taken, ctx))
    if events and not receipt.replayed and order.driver_needed_at is not None:
        seconds = (ctx.now - order.driver_needed_at).total_seconds()
        metrics.driver_match_duration_seconds.observe(max(0.0, seconds))
    return receipt


def _second_order(
    tiffin: Tiffin, ctx: Context, driver: Driver, order: Order, offer_id: UUID
) -> Batched | Refused | None:
    standing = next((one for one in order.offers if one.offer_id == offer_id), None)
    if standing is None or not standing.batched or standing.driver_id != driver.id or ctx.now >= standing.expires_at:
        return None
    return reconsidered(tiffin, driver, order, ctx.now)


def _taken_back(tiffin: Tiffin, ctx: Context, driver: Driver, order: Order) -> Order:
    """Append what the refusal means for the order: no answer is kept under the driver's key, for nothing was taken."""
    events = orders.withdraw_offer(order, reason=orders.OUTDATED, driver_id=driver.id)
    save_offer(tiffin, replace(ctx, idempotency=None), order, events)
    return fold(ORDER, order, events, ctx.now)


def decline_offer(tiffin: Tiffin, ctx: Context, command: DeclineOffer) -> Receipt:
    """The driver says no; the next one is asked at once."""
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    order = tiffin.store.load(ORDER, command.order_id)
    events = orders.decline_offer(order, offer_id=command.offer_id, driver_id=driver.id, reason=command.reason)
    return save_offer(tiffin, ctx, order, events)


def arrive(tiffin: Tiffin, ctx: Context, command: ArriveAtRestaurant) -> Receipt:
    """The driver stands at the restaurant."""
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    order = tiffin.store.load(ORDER, command.order_id)
    return save_order(tiffin, ctx, order, orders.arrive(order, driver_id=driver.id))


def pick_up(tiffin: Tiffin, ctx: Context, command: PickUpOrder) -> Receipt:
    """The driver has the food."""
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    order = tiffin.store.load(ORDER, command.order_id)
    return save_order(tiffin, ctx, order, orders.pick_up(order, driver_id=driver.id))


def deliver(tiffin: Tiffin, ctx: Context, command: DeliverOrder) -> Receipt:
    """The customer has the food and the driver has earned the fee's share and the tip."""
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    order = tiffin.store.load(ORDER, command.order_id)
    events = orders.deliver(order, driver_id=driver.id)
    price, fees = order.price, tiffin.regions[order.region].fees
    earned = drivers.finish_delivery(
        driver,
        order_id=order.id,
        currency=price.currency,
        fee_minor=driver_fee_minor(fees, price.delivery_fee_minor),
        tip_minor=price.tip_minor,
    )
    receipt = save_order(tiffin, ctx, order, events, decided(DRIVER, driver, earned, ctx))
    if events and not receipt.replayed:
        metrics.delivery_duration_minutes.observe((ctx.now - order.placed_at).total_seconds() / 60)
        metrics.eta_accuracy_minutes.observe((ctx.now - order.promised_at).total_seconds() / 60)
    return receipt


def rate(tiffin: Tiffin, ctx: Context, command: RateDelivery) -> Receipt:
    """The customer says how it was: matching weighs it from now on."""
    order = owned_order(tiffin, ctx, command.order_id)
    events = orders.rate(order, stars=command.stars)
    if not events or order.driver_id is None:
        return save_order(tiffin, ctx, order, events)
    driver = tiffin.store.load(DRIVER, order.driver_id)
    rated = drivers.rate(driver, order_id=order.id, stars=command.stars)
    return save_order(tiffin, ctx, order, events, decided(DRIVER, driver, rated, ctx))
