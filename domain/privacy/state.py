"""One person who was forgotten."""

from datetime import datetime
from typing import cast
from uuid import UUID

import msgspec

from domain.event import Event, Role
from domain.privacy.events import Forgotten


class Forgetting(msgspec.Struct, frozen=True, kw_only=True):
    """Who was forgotten, and when (business time)."""

    id: UUID
    version: int = 0
    subject_id: UUID
    role: Role
    at: datetime


def evolve(_state: Forgetting | None, id: UUID, event: Event, at: datetime) -> Forgetting:  # noqa: A002 - the field's name
    """Fold the only event there is."""
    forgotten = cast("Forgotten", event)
    return Forgetting(id=id, subject_id=forgotten.subject_id, role=forgotten.role, at=at)
