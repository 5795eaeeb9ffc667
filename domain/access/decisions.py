"""Nothing is refused here: whether somebody may look is decided before."""

from uuid import UUID

from domain.access.events import PersonalDataRead
from domain.event import Event


def look(*, operation: str, subject_id: UUID | None, asked: str) -> list[Event]:
    """Note a look at personal data."""
    return [PersonalDataRead(operation=operation, subject_id=subject_id, asked=asked)]
