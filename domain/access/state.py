"""One look at personal data."""

from datetime import datetime
from typing import cast
from uuid import UUID

import msgspec

from domain.access.events import PersonalDataRead
from domain.event import Event


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and when (business time)."""

    id: UUID
    version: int = 0
    operation: str
    subject_id: UUID | None
    at: datetime


def evolve(_state: Access | None, id: UUID, event: Event, at: datetime) -> Access:  # noqa: A002 - the field's name
    """Fold the only event there is."""
    read = cast("PersonalDataRead", event)
    return Access(id=id, operation=read.operation, subject_id=read.subject_id, at=at)
