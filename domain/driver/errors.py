"""Why a driver is refused."""

from domain.driver.state import Driver, duty
from domain.errors import Conflict


class DriverRefused(Conflict):
    """The driver's state does not allow it."""

    message = "This is not possible now."

    def __init__(self, driver: Driver) -> None:
        """The message is the class's own; `status` is the driver's."""
        super().__init__(self.message, status=duty(driver))


class AtCapacity(DriverRefused):
    """Carries as many orders as allowed."""

    message = "You carry as many orders as you can take; deliver one first."


class NotOnShift(DriverRefused):
    """Off duty."""

    message = "You are not on shift; start your shift first."


class DriverSuspended(DriverRefused):
    """May not work."""

    message = "You are suspended; support can tell you why."


class CarryingOrders(DriverRefused):
    """Has orders to deliver."""

    message = "You still have orders; deliver them, or ask support to take them over, before you end your shift."
