"""What happens when staff looks at personal data."""

from uuid import UUID

from domain.event import Event, topic


@topic("access.personal_data_read")
class PersonalDataRead(Event, frozen=True, kw_only=True):
    """Staff was shown personal data; who, when and from where stands in the event's meta."""

    operation: str
    """The API's operation id."""
    subject_id: UUID | None = None
    """The order or stream that was looked at; none for a search."""
    asked: str = ""
    """The query as it was sent, what tells about a person left out: the orders that are then opened are noted."""
