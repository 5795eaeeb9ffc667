"""Whether a second order still goes with the one that its driver carries: asked again when the driver accepts.

Half a minute may lie between offer and acceptance, in which the first order went its way without waiting for this one.
"""

from datetime import datetime

import redis

from application.bootstrap import Tiffin
from application.carrying import carried_by, errand
from application.matching import second_order, travelling
from domain.batching import Batched, Refused, batch
from domain.driver import Driver
from domain.order import Order


def reconsidered(tiffin: Tiffin, driver: Driver, order: Order, now: datetime) -> Batched | Refused | None:
    """The rule as matching asked it, of where everything is now. `now` is business time.

    None when the order goes alone by now: the first one was cancelled or taken off the driver, or all food is in the
    car and this one comes after it. That is no worse for anybody: not for who ordered first, nor for the driver, who
    was told the restaurant and the door.
    """
    carried = carried_by(tiffin.store, now)(driver.id)
    if all(one.picked_up for one in carried):
        return None
    region = tiffin.regions[order.region]
    try:
        last = tiffin.positions.last_position(region.id, driver.id)
    except redis.RedisError:
        last = None
    # Where nobody knows the place, the driver is taken to wait at the first restaurant: accepting needs no Valkey.
    start = last.position if last is not None else carried[0].restaurant
    found = batch(start, carried, errand(order, now), travelling(region, now))
    return found if isinstance(found, Refused) else second_order(found, order, region)
