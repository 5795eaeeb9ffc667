"""What is noted about staff who look at personal data."""

from uuid import UUID

import msgspec


class NoteAccess(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of staff is about to be shown personal data. Answers the note's id."""

    operation: str
    subject_id: UUID | None
    asked: str
