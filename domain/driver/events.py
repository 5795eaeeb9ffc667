"""What can happen to a driver. Positions are not events."""

from datetime import datetime
from uuid import UUID

from domain.event import Event, PersonalText, topic


@topic("driver.registered")
class Registered(Event, frozen=True, kw_only=True):
    """A driver joined."""

    name: PersonalText
    phone: PersonalText
    region: str
    vehicle: str
    capacity: int
    """Most orders carried at once."""
    earnings_goal: int
    """Deliveries a day the driver aims at; below it matching adds its fairness bonus."""


@topic("driver.shift_started")
class ShiftStarted(Event, frozen=True, kw_only=True):
    """On duty."""


@topic("driver.shift_ended")
class ShiftEnded(Event, frozen=True, kw_only=True):
    """Off duty."""


@topic("driver.delivery_taken")
class DeliveryTaken(Event, frozen=True, kw_only=True):
    """The driver accepted an order."""

    order_id: UUID


@topic("driver.delivery_released")
class DeliveryReleased(Event, frozen=True, kw_only=True):
    """The driver no longer has the order: un-assigned, or the order was cancelled."""

    order_id: UUID
    reason: str


@topic("driver.delivery_finished")
class DeliveryFinished(Event, frozen=True, kw_only=True):
    """The driver handed the order over and earned the fee and the tip (minor units)."""

    order_id: UUID
    currency: str
    fee_minor: int
    tip_minor: int


@topic("driver.rated")
class Rated(Event, frozen=True, kw_only=True):
    """A customer said how a delivery was."""

    order_id: UUID
    stars: int
    """1 to 5."""


@topic("driver.went_silent")
class WentSilent(Event, frozen=True, kw_only=True):
    """No ping for too long while carrying or being offered orders."""

    last_seen_at: datetime


@topic("driver.came_back")
class CameBack(Event, frozen=True, kw_only=True):
    """Pings arrive again."""


@topic("driver.suspended")
class Suspended(Event, frozen=True, kw_only=True):
    """May not work until reinstated."""

    reason: str


@topic("driver.reinstated")
class Reinstated(Event, frozen=True, kw_only=True):
    """May work again."""
