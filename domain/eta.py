"""When the food arrives: a formula that can be read and explained.

max(travel to restaurant, preparation left) + travel to customer + 3 min pick-up + 2 min drop-off, with travel times
multiplied by the rush hour's traffic.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from domain.region import Travel

PICKUP_BUFFER_SECONDS = 180.0
DROPOFF_BUFFER_SECONDS = 120.0
ASSUMED_APPROACH_M = 1_500.0
"""How far the driver is taken to be from the restaurant while there is none."""

RUSH_HOURS = {7: 1.5, 8: 1.5, 11: 1.3, 12: 1.3, 17: 1.5, 18: 1.5}
"""Traffic by local hour; 1 in all others."""

CONFIDENT_SEARCHING = 0.6
CONFIDENT_ASSIGNED = 0.8
CONFIDENT_PICKED_UP = 0.95
HORIZON_SECONDS = 7_200.0
"""An estimate this far ahead, or farther, is worth half of one for now."""


class EtaFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that an estimate depends on."""

    at: datetime
    """Business time, aware; the estimate counts from here."""
    timezone: str
    """IANA name: rush hours are local."""
    travel: Travel
    driver_to_restaurant_m: float | None
    """As the crow flies; none while no driver is assigned (or where the driver is is not known)."""
    restaurant_to_customer_m: float
    preparation_left_seconds: float
    picked_up: bool = False


class EtaBreakdown(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an ETA, in seconds; travel to the restaurant and preparation run side by side."""

    to_restaurant_seconds: float
    preparation_seconds: float
    to_customer_seconds: float
    pickup_buffer_seconds: float
    dropoff_buffer_seconds: float
    traffic_multiplier: float
    total_seconds: float


class Eta(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from `EtaFacts.at` to the door, how sure (0 to 1), and why."""

    total_seconds: float
    confidence: float
    breakdown: EtaBreakdown


def estimate(facts: EtaFacts) -> Eta:
    """Apply the formula. Once picked up, the way to the restaurant, preparation and pick-up are behind us."""
    approach_m = ASSUMED_APPROACH_M if facts.driver_to_restaurant_m is None else facts.driver_to_restaurant_m
    waiting = not facts.picked_up
    to_restaurant = travel_seconds(approach_m, facts.travel, facts.at, facts.timezone) if waiting else 0.0
    preparation = max(0.0, facts.preparation_left_seconds) if waiting else 0.0
    to_customer = travel_seconds(facts.restaurant_to_customer_m, facts.travel, facts.at, facts.timezone)
    pickup_buffer = PICKUP_BUFFER_SECONDS if waiting else 0.0
    total = max(to_restaurant, preparation) + to_customer + pickup_buffer + DROPOFF_BUFFER_SECONDS
    return Eta(
        total_seconds=total,
        confidence=confidence(facts, total),
        breakdown=EtaBreakdown(
            to_restaurant_seconds=to_restaurant,
            preparation_seconds=preparation,
            to_customer_seconds=to_customer,
            pickup_buffer_seconds=pickup_buffer,
            dropoff_buffer_seconds=DROPOFF_BUFFER_SECONDS,
            traffic_multiplier=traffic_multiplier(facts.at, facts.timezone),
            total_seconds=total,
        ),
    )


def confidence(facts: EtaFacts, total_seconds: float) -> float:
    """Say how sure an estimate is, 0 to 1: a rule of thumb until promise and fact are compared.

    0.6 without a driver, 0.8 with one, 0.95 once picked up, falling in a straight line to half of that for an
    estimate two hours ahead or more.
    """
    if facts.picked_up:
        base = CONFIDENT_PICKED_UP
    else:
        base = CONFIDENT_SEARCHING if facts.driver_to_restaurant_m is None else CONFIDENT_ASSIGNED
    return round(base * (1 - 0.5 * min(total_seconds, HORIZON_SECONDS) / HORIZON_SECONDS), 3)


def travel_seconds(distance_m: float, travel: Travel, at: datetime, timezone: str) -> float:
    """Drive `distance_m` as the crow flies: by road, at the region's speed, in the traffic of the hour."""
    return distance_m * travel.detour_factor / travel.speed_mps * traffic_multiplier(at, timezone)


def traffic_multiplier(at: datetime, timezone: str) -> float:
    """1.5 at 7–9 and 17–19 h, 1.3 at 11–13 h, else 1, by the local clock (summer time included)."""
    return RUSH_HOURS.get(at.astimezone(ZoneInfo(timezone)).hour, 1.0)
