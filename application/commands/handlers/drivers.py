"""What is asked of a driver's record."""

from application.bootstrap import Tiffin
from application.commands.drivers import (
    EndShift,
    RegisterDriver,
    ReinstateDriver,
    ReportBack,
    ReportSilent,
    StartShift,
    SuspendDriver,
)
from application.commands.handlers.regions import known_region
from application.commands.handlers.saving import begin, driver_as_self, save_driver
from application.context import Context
from application.store import Receipt
from domain import driver as drivers


def register(tiffin: Tiffin, ctx: Context, command: RegisterDriver) -> Receipt:
    """A driver joins a region."""
    events = drivers.register(
        name=command.name,
        phone=command.phone,
        region=known_region(tiffin, command.region).id,
        vehicle=command.vehicle,
        capacity=command.capacity,
        earnings_goal=command.earnings_goal,
    )
    return begin(tiffin, ctx, command.driver_id, events, status="off_shift")


def start_shift(tiffin: Tiffin, ctx: Context, command: StartShift) -> Receipt:
    """On duty."""
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    return save_driver(tiffin, ctx, driver, drivers.start_shift(driver))


def end_shift(tiffin: Tiffin, ctx: Context, command: EndShift) -> Receipt:
    """Off duty."""
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    return save_driver(tiffin, ctx, driver, drivers.end_shift(driver))


def report_silent(tiffin: Tiffin, ctx: Context, command: ReportSilent) -> Receipt:
    """Pings stopped; the driver's orders are taken over in answer to the event."""
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    return save_driver(tiffin, ctx, driver, drivers.go_silent(driver, last_seen_at=command.last_seen_at))


def report_back(tiffin: Tiffin, ctx: Context, command: ReportBack) -> Receipt:
    """Pings arrive again."""
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    return save_driver(tiffin, ctx, driver, drivers.come_back(driver))


def suspend(tiffin: Tiffin, ctx: Context, command: SuspendDriver) -> Receipt:
    """No new orders from now on."""
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    return save_driver(tiffin, ctx, driver, drivers.suspend(driver, reason=command.reason))


def reinstate(tiffin: Tiffin, ctx: Context, command: ReinstateDriver) -> Receipt:
    """Work again."""
    driver = driver_as_self(tiffin, ctx, command.driver_id)
    return save_driver(tiffin, ctx, driver, drivers.reinstate(driver))
