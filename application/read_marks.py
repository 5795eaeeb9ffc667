"""How far each subject has read its inbox: not derived from events, so primary."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, text

_MARK = text("""
    INSERT INTO public.inbox_read_marks AS mark (subject_id, position, read_at)
    VALUES (:subject_id, :position, :read_at)
    ON CONFLICT (subject_id) DO UPDATE
    SET position = greatest(mark.position, excluded.position), read_at = excluded.read_at
    RETURNING position
""")


def mark(engine: Engine, subject_id: UUID, position: int, read_at: datetime) -> int:
    """Mark everything up to `position` as read and answer the mark; it never goes back, so repeating is harmless."""
    with engine.begin() as connection:
        values = {"subject_id": subject_id, "position": position, "read_at": read_at}
        return int(connection.execute(_MARK, values).scalar_one())
