"""A driver as the events leave one."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from domain.driver import events
from domain.event import Event, PersonalText


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """One driver. `version` is the version of the last event folded in."""

    id: UUID
    version: int = 0
    name: PersonalText
    region: str
    capacity: int
    on_shift: bool = False
    silent_since: datetime | None = None
    """When the driver was last seen before falling silent; none while pings arrive."""
    suspended: bool = False
    deliveries: tuple[UUID, ...] = ()
    """Orders carried now."""

    @property
    def silent(self) -> bool:
        """Whether nothing is heard of the driver."""
        return self.silent_since is not None


def duty(driver: Driver) -> Literal["on_shift", "off_shift", "suspended"]:
    """Say in the API's words what the driver is doing."""
    if driver.suspended:
        return "suspended"
    return "on_shift" if driver.on_shift else "off_shift"


def evolve(driver: Driver | None, driver_id: UUID, event: Event, _at: datetime) -> Driver:
    """Fold one event into the next state; `version` is the fold's business."""
    if driver is None:
        if not isinstance(event, events.Registered):
            raise TypeError(f"a driver's stream cannot begin with {event.TOPIC}")
        return Driver(id=driver_id, name=event.name, region=event.region, capacity=event.capacity)
    match event:
        case events.DeliveryTaken():
            return replace(driver, deliveries=(*driver.deliveries, event.order_id))
        case events.DeliveryFinished() | events.DeliveryReleased():
            return replace(driver, deliveries=tuple(key for key in driver.deliveries if key != event.order_id))
        case events.WentSilent():
            return replace(driver, silent_since=event.last_seen_at)
        case events.CameBack():
            return replace(driver, silent_since=None)
        case events.ShiftStarted():
            return replace(driver, on_shift=True, silent_since=None)
        case events.ShiftEnded():
            return replace(driver, on_shift=False, silent_since=None)
        case events.Suspended():
            return replace(driver, suspended=True)
        case events.Reinstated():
            return replace(driver, suspended=False)
        case events.Rated():
            return driver
    raise TypeError(f"a driver has no event {event.TOPIC!r}")
