"""What happens when somebody asks to be forgotten."""

from uuid import UUID

from domain.event import Event, Role, topic


@topic("privacy.forgotten")
class Forgotten(Event, frozen=True, kw_only=True):
    """A person's data is to be erased: the key is destroyed after this, read models erase what they show."""

    subject_id: UUID
    role: Role
    """What they were to us."""
