"""When food arrives: the facts gathered for `domain.eta`, before an order exists and while it is on its way."""

from datetime import datetime

from application.positions import Positions
from domain.eta import Eta, EtaFacts, estimate
from domain.geo import distance_m
from domain.order import DispatchStatus, Order, Status, preparation_left_seconds
from domain.region import Region
from domain.restaurant import Restaurant


def first_estimate(region: Region, restaurant: Restaurant, delivery_distance_m: float, now: datetime) -> Eta:
    """Estimate an order placed now: what a quote shows and a placed order promises."""
    return estimate(
        EtaFacts(
            at=now,
            timezone=region.timezone,
            travel=region.travel,
            driver_to_restaurant_m=None,
            restaurant_to_customer_m=delivery_distance_m,
            preparation_left_seconds=float(restaurant.prep_seconds),
        )
    )


def estimate_order(positions: Positions, region: Region, order: Order, now: datetime) -> Eta:
    """Estimate an order as it stands, from where its driver was seen last."""
    return estimate(
        EtaFacts(
            at=now,
            timezone=region.timezone,
            travel=region.travel,
            driver_to_restaurant_m=_approach_m(positions, order),
            restaurant_to_customer_m=order.delivery_distance_m,
            preparation_left_seconds=preparation_left_seconds(order, now),
            picked_up=order.status is Status.PICKED_UP,
        )
    )


def _approach_m(positions: Positions, order: Order) -> float | None:
    if order.dispatch is DispatchStatus.AT_RESTAURANT:
        return 0.0
    if order.driver_id is None or order.status is Status.PICKED_UP:
        return None
    seen = positions.last_position(order.region, order.driver_id)
    return None if seen is None else distance_m(seen.position, order.restaurant_position)
