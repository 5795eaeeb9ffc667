"""What a driver may do. Each decision returns events, or none when it is already so, or raises a Refusal."""

from datetime import datetime
from uuid import UUID

from domain.driver.errors import AtCapacity, CarryingOrders, DriverSuspended, NotOnShift
from domain.driver.events import (
    CameBack,
    DeliveryFinished,
    DeliveryReleased,
    DeliveryTaken,
    Rated,
    Registered,
    Reinstated,
    ShiftEnded,
    ShiftStarted,
    Suspended,
    WentSilent,
)
from domain.driver.state import Driver
from domain.errors import InvalidInput
from domain.event import Event

MAX_CAPACITY = 10
MAX_EARNINGS_GOAL = 1_000


def register(*, name: str, phone: str, region: str, vehicle: str, capacity: int, earnings_goal: int) -> list[Event]:
    """Join, off duty. Raises InvalidInput."""
    if not name.strip():
        raise InvalidInput("name", "A driver has a name.")
    if not 1 <= capacity <= MAX_CAPACITY:
        raise InvalidInput("capacity", f"A driver carries 1 to {MAX_CAPACITY} orders.")
    if not 0 <= earnings_goal <= MAX_EARNINGS_GOAL:
        raise InvalidInput("earnings_goal", f"The goal is 0 to {MAX_EARNINGS_GOAL} deliveries a day.")
    return [
        Registered(
            name=name, phone=phone, region=region, vehicle=vehicle, capacity=capacity, earnings_goal=earnings_goal
        )
    ]


def start_shift(driver: Driver) -> list[Event]:
    """Go on duty. Raises DriverSuspended."""
    if driver.suspended:
        raise DriverSuspended(driver)
    return [] if driver.on_shift else [ShiftStarted()]


def end_shift(driver: Driver) -> list[Event]:
    """Go off duty. Raises CarryingOrders."""
    if driver.deliveries:
        raise CarryingOrders(driver)
    return [ShiftEnded()] if driver.on_shift else []


def take_delivery(driver: Driver, *, order_id: UUID, most_orders: int) -> list[Event]:
    """Take an order on, in one append with `order.accept_offer`. Who answers is not silent: CameBack goes first.

    `most_orders` is the region's, for drivers who would carry more. Raises DriverSuspended, NotOnShift, AtCapacity.
    """
    if order_id in driver.deliveries:
        return []
    if driver.suspended:
        raise DriverSuspended(driver)
    if not driver.on_shift:
        raise NotOnShift(driver)
    if len(driver.deliveries) >= min(driver.capacity, most_orders):
        raise AtCapacity(driver)
    return [*come_back(driver), DeliveryTaken(order_id=order_id)]


def release_delivery(driver: Driver, *, order_id: UUID, reason: str) -> list[Event]:
    """Give an order up, in one append with `order.unassign` or `order.cancel`; quiet when not carried."""
    return [DeliveryReleased(order_id=order_id, reason=reason)] if order_id in driver.deliveries else []


def finish_delivery(driver: Driver, *, order_id: UUID, currency: str, fee_minor: int, tip_minor: int) -> list[Event]:
    """Earn fee and tip, in one append with `order.deliver`; quiet when not carried, so that nothing is paid twice."""
    if order_id not in driver.deliveries:
        return []
    return [DeliveryFinished(order_id=order_id, currency=currency, fee_minor=fee_minor, tip_minor=tip_minor)]


def rate(_driver: Driver, *, order_id: UUID, stars: int) -> list[Event]:
    """Be told how a delivery was, in one append with `order.rate`, which sees to it that each is rated once."""
    return [Rated(order_id=order_id, stars=stars)]


def go_silent(driver: Driver, *, last_seen_at: datetime) -> list[Event]:
    """Note that pings stopped; quiet when known, or off duty."""
    return [WentSilent(last_seen_at=last_seen_at)] if driver.on_shift and not driver.silent else []


def come_back(driver: Driver) -> list[Event]:
    """Note that pings arrive again."""
    return [CameBack()] if driver.silent else []


def suspend(driver: Driver, *, reason: str) -> list[Event]:
    """Take no new orders from now on; those carried may be finished."""
    return [] if driver.suspended else [Suspended(reason=reason)]


def reinstate(driver: Driver) -> list[Event]:
    """Let the driver work again."""
    return [Reinstated()] if driver.suspended else []
