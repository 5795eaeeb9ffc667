"""What a basket would cost and when it would arrive: the same prices and refusals as placing it, without placing it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from application.bootstrap import Tiffin
from application.estimates import first_estimate
from domain import pricing
from domain.errors import NotFound
from domain.eta import Eta
from domain.geo import Position


class Quoted(msgspec.Struct, frozen=True, kw_only=True):
    """Price and estimate."""

    quote: pricing.Quote
    eta: Eta


async def quote(
    tiffin: Tiffin,
    restaurant_id: UUID,
    lines: Sequence[pricing.OrderLine],
    dropoff: Position,
    tip_minor: int,
    now: datetime,
) -> Quoted:
    """Price a basket as of now. Raises NotFound and what `domain.pricing.quote` refuses."""
    restaurant = await tiffin.restaurants.get(restaurant_id)
    if restaurant is None:
        raise NotFound("restaurant", restaurant_id)
    region = tiffin.regions[restaurant.region]
    quoted = pricing.quote(
        region=region, restaurant=restaurant, lines=lines, dropoff=dropoff, tip_minor=tip_minor, now=now
    )
    return Quoted(quote=quoted, eta=first_estimate(region, restaurant, quoted.delivery_distance_m, now))
