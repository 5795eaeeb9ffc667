"""Placing an order: price it, hold the money, append; all or nothing."""

from datetime import timedelta

from application.bootstrap import Tiffin
from application.commands.handlers.saving import begin
from application.commands.orders import PlaceOrder
from application.context import Context
from application.estimates import first_estimate
from application.ids import new_id
from application.store import Receipt
from domain import order as orders
from domain.errors import NotFound
from domain.pricing import quote
from domain.restaurant import Restaurant
from projections import restaurant_cache


def place(tiffin: Tiffin, ctx: Context, command: PlaceOrder) -> Receipt:
    """Everything that can be refused is refused before the gateway is asked.

    A hold whose order is not appended is not let go here, because a lost acknowledgement looks the same; the clock
    job that looks for holds without an order does. The same client's key gets the same hold and its order id, so a
    repeated request appends to the same stream, where only one of them can be the first.
    """
    restaurant = _restaurant(tiffin, command)
    region = tiffin.regions[restaurant.region]
    quoted = quote(
        region=region,
        restaurant=restaurant,
        lines=command.lines,
        dropoff=command.dropoff.position,
        tip_minor=command.tip_minor,
        now=ctx.now,
    )
    order_id = new_id()
    hold = tiffin.payments.authorize(
        # With the amount, because a price may change between a request that failed and the same one repeated.
        key=f"{command.customer_id}:{ctx.idempotency.key if ctx.idempotency else order_id}:{quoted.price.total_minor}",
        order_id=order_id,
        amount_minor=quoted.price.total_minor,
        currency=quoted.price.currency,
        method=command.payment_method,
    )
    eta = first_estimate(region, restaurant, quoted.delivery_distance_m, ctx.now)
    events = orders.place(
        customer_id=command.customer_id,
        customer_name=command.customer_name,
        region=region,
        restaurant=restaurant,
        lines=command.lines,
        dropoff=command.dropoff,
        tip_minor=command.tip_minor,
        now=ctx.now,
        promised_at=ctx.now + timedelta(seconds=eta.total_seconds),
        payment_id=hold.payment_id,
    )
    return begin(tiffin, ctx, hold.order_id, events, status=orders.Status.PLACED)


def _restaurant(tiffin: Tiffin, command: PlaceOrder) -> Restaurant:
    restaurant = restaurant_cache.for_placing(tiffin.valkey, tiffin.reads, command.restaurant_id)
    if restaurant is None:
        raise NotFound("restaurant", command.restaurant_id)
    return restaurant
