"""What an order costs. Integer minor units throughout; every line is rounded half up for itself, then summed."""

from collections.abc import Sequence
from datetime import datetime
from math import floor
from uuid import UUID

import msgspec

from domain.errors import InvalidInput
from domain.event import PersonalText
from domain.geo import Position, distance_m
from domain.region import Fees, Region
from domain.restaurant import (
    ItemUnavailable,
    OutOfDeliveryArea,
    Restaurant,
    RestaurantClosed,
    is_open,
    opening,
)

MAX_LINES = 100
MAX_QUANTITY = 50
MAX_TIP_MINOR = 1_000_000
WHOLE_BPS = 10_000


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One item as asked for."""

    item_id: UUID
    quantity: int
    notes: PersonalText = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One item as sold: name and price stay what they were."""

    item_id: UUID
    name: str
    unit_price_minor: int
    quantity: int
    total_minor: int
    notes: PersonalText = ""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What an order costs, in minor units of `currency`. Tax is on subtotal and fees, never on the tip."""

    currency: str
    subtotal_minor: int
    delivery_fee_minor: int
    service_fee_minor: int
    tax_minor: int
    tip_minor: int
    total_minor: int


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a basket would cost if it were ordered now."""

    lines: tuple[Line, ...]
    price: Price
    delivery_distance_m: float


def quote(
    *,
    region: Region,
    restaurant: Restaurant,
    lines: Sequence[OrderLine],
    dropoff: Position,
    tip_minor: int,
    now: datetime,
) -> Quote:
    """Price a basket, or refuse it for the reason that placing it would be refused for.

    Raises RestaurantClosed, OutOfDeliveryArea, ItemUnavailable, InvalidInput.
    """
    if not is_open(restaurant, now):
        raise RestaurantClosed(restaurant.name, status=opening(restaurant, now))
    distance = distance_m(restaurant.position, dropoff)
    if distance > restaurant.delivery_radius_m:
        raise OutOfDeliveryArea(distance, restaurant.delivery_radius_m)
    sold = priced_lines(restaurant, lines)
    return Quote(
        lines=sold,
        price=price(region=region, lines=sold, distance_m=distance, tip_minor=tip_minor),
        delivery_distance_m=distance,
    )


def priced_lines(restaurant: Restaurant, lines: Sequence[OrderLine]) -> tuple[Line, ...]:
    """Give each line its name and price from the menu. Raises ItemUnavailable (names the item), InvalidInput."""
    if not 1 <= len(lines) <= MAX_LINES:
        raise InvalidInput("lines", f"An order has 1 to {MAX_LINES} lines; this one has {len(lines)}.")
    return tuple(_priced(restaurant, index, line) for index, line in enumerate(lines))


def _priced(restaurant: Restaurant, index: int, line: OrderLine) -> Line:
    if not 1 <= line.quantity <= MAX_QUANTITY:
        raise InvalidInput(f"lines[{index}].quantity", f"Order 1 to {MAX_QUANTITY} of an item, not {line.quantity}.")
    item = restaurant.menu.get(line.item_id)
    if item is None:
        raise ItemUnavailable(f"lines[{index}].item_id", line.item_id, name=None)
    if not item.available:
        raise ItemUnavailable(f"lines[{index}].item_id", line.item_id, name=item.name)
    return Line(
        item_id=item.item_id,
        name=item.name,
        unit_price_minor=item.price_minor,
        quantity=line.quantity,
        total_minor=item.price_minor * line.quantity,
        notes=line.notes,
    )


def price(*, region: Region, lines: Sequence[Line], distance_m: float, tip_minor: int) -> Price:
    """Add fees, tax and tip to the lines. `distance_m` is restaurant to customer as the crow flies.

    Tax is taken of each line, of the delivery fee and of the service fee, each rounded for itself, so that a
    receipt which shows tax per line adds up. Raises InvalidInput for a tip that is negative or absurd.
    """
    if not 0 <= tip_minor <= MAX_TIP_MINOR:
        raise InvalidInput("tip_minor", f"A tip is 0 to {MAX_TIP_MINOR} minor units.")
    fees = region.fees
    subtotal = sum(line.total_minor for line in lines)
    delivery = delivery_fee_minor(fees, distance_m)
    service = share_minor(subtotal, fees.service_bps)
    taxed = [*(line.total_minor for line in lines), delivery, service]
    tax = sum(share_minor(amount, fees.tax_bps) for amount in taxed)
    return Price(
        currency=region.currency,
        subtotal_minor=subtotal,
        delivery_fee_minor=delivery,
        service_fee_minor=service,
        tax_minor=tax,
        tip_minor=tip_minor,
        total_minor=subtotal + delivery + service + tax + tip_minor,
    )


def delivery_fee_minor(fees: Fees, distance_m: float) -> int:
    """Base and a rate per kilometre, of the distance in whole metres, up to the maximum."""
    by_distance = half_up(fees.delivery_per_km_minor * floor(distance_m + 0.5), 1000)
    return min(fees.delivery_base_minor + by_distance, fees.delivery_max_minor)


def driver_fee_minor(fees: Fees, delivery_fee_minor: int) -> int:
    """Compute the driver's part of the delivery fee; the tip comes on top, whole."""
    return share_minor(delivery_fee_minor, fees.driver_share_bps)


def share_minor(amount_minor: int, bps: int) -> int:
    """`bps` basis points of an amount, rounded half up."""
    return half_up(amount_minor * bps, WHOLE_BPS)


def half_up(numerator: int, denominator: int) -> int:
    """Divide non-negative integers, halves up, without passing through a float."""
    return (2 * numerator + denominator) // (2 * denominator)
