"""Access: that somebody of staff looked at personal data. One stream a look, of one event."""

from domain.access.decisions import look as look
from domain.access.events import PersonalDataRead as PersonalDataRead
from domain.access.state import Access as Access
from domain.access.state import evolve as evolve
