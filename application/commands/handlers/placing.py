"""Placing an order: price it, hold the money, append; all or nothing."""

from datetime import timedelta

from application.bootstrap import Tiffin
from application.commands.orders import PlaceOrder
from application.context import Context
from application.estimates import first_estimate
from application.ids import new_id
from application.store import Answer, Change, Receipt
from domain import order as orders
from domain.errors import NotFound
from domain.pricing import quote


async def place(tiffin: Tiffin, ctx: Context, command: PlaceOrder) -> Receipt:
    """On the event loop: a slow gateway keeps one customer waiting, and no thread.

    Everything that can be refused is refused before the gateway is asked.

    A hold whose order is not appended is not let go here, because a lost acknowledgement looks the same; the clock
    job that looks for holds without an order does. The same client's key gets the same hold and its order id, so a
    repeated request appends to the same stream, where only one of them can be the first.
    """
    restaurant = await tiffin.restaurants.get(command.restaurant_id)
    if restaurant is None:
        raise NotFound("restaurant", command.restaurant_id)
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
    hold = await tiffin.payments.authorize(
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
    return await tiffin.store.append_async(
        [Change(hold.order_id, 0, events)],
        answer=Answer(id=hold.order_id, status=orders.Status.PLACED, version=len(events)),
        meta=ctx.meta,
        occurred_at=ctx.now,
        idempotency=ctx.idempotency,
    )
