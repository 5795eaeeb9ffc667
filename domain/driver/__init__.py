"""A driver: shifts, deliveries carried, silence."""

from domain.driver.decisions import (
    come_back,
    end_shift,
    finish_delivery,
    go_silent,
    register,
    reinstate,
    release_delivery,
    start_shift,
    suspend,
    take_delivery,
)
from domain.driver.errors import (
    AtCapacity,
    CarryingOrders,
    DriverRefused,
    DriverSuspended,
    NotOnShift,
)
from domain.driver.events import (
    CameBack,
    DeliveryFinished,
    DeliveryReleased,
    DeliveryTaken,
    Registered,
    Reinstated,
    ShiftEnded,
    ShiftStarted,
    Suspended,
    WentSilent,
)
from domain.driver.state import (
    Driver,
    duty,
    evolve,
)

__all__ = [
    "AtCapacity",
    "CameBack",
    "CarryingOrders",
    "DeliveryFinished",
    "DeliveryReleased",
    "DeliveryTaken",
    "Driver",
    "DriverRefused",
    "DriverSuspended",
    "NotOnShift",
    "Registered",
    "Reinstated",
    "ShiftEnded",
    "ShiftStarted",
    "Suspended",
    "WentSilent",
    "come_back",
    "duty",
    "end_shift",
    "evolve",
    "finish_delivery",
    "go_silent",
    "register",
    "reinstate",
    "release_delivery",
    "start_shift",
    "suspend",
    "take_delivery",
]
