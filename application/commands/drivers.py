"""What is asked of a driver's record. Positions are no commands."""

from datetime import datetime
from uuid import UUID

import msgspec


class RegisterDriver(msgspec.Struct, frozen=True, kw_only=True):
    """A driver joins. Answers "off_shift"."""

    driver_id: UUID
    name: str
    phone: str
    region: str
    vehicle: str
    capacity: int = 2
    earnings_goal: int = 20


class StartShift(msgspec.Struct, frozen=True, kw_only=True):
    """On duty."""

    driver_id: UUID


class EndShift(msgspec.Struct, frozen=True, kw_only=True):
    """Off duty; refused while carrying orders."""

    driver_id: UUID


class ReportSilent(msgspec.Struct, frozen=True, kw_only=True):
    """No ping since `last_seen_at` (business time)."""

    driver_id: UUID
    last_seen_at: datetime


class ReportBack(msgspec.Struct, frozen=True, kw_only=True):
    """Pings arrive again."""

    driver_id: UUID


class SuspendDriver(msgspec.Struct, frozen=True, kw_only=True):
    """The driver may not work until reinstated."""

    driver_id: UUID
    reason: str


class ReinstateDriver(msgspec.Struct, frozen=True, kw_only=True):
    """The driver may work again."""

    driver_id: UUID
