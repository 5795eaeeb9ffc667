"""Whether somebody may be forgotten now is decided before: it depends on their orders, not on this stream."""

from uuid import UUID

from domain.event import Event, Role
from domain.privacy.events import Forgotten


def forget(*, subject_id: UUID, role: Role) -> list[Event]:
    """Forget a person."""
    return [Forgotten(subject_id=subject_id, role=role)]
