"""The log as projections get it: events in commit order, each decoded once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent
from sqlalchemy import Connection

from domain.event import Event, Recorded
from domain.mapper import JSONMapper

_READ = """
SELECT position, originator_id, originator_version, topic, state, recorded_at
FROM public.events WHERE position > %s ORDER BY position LIMIT %s
"""


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the log. `recorded_at` is machine time, `recorded.occurred_at` business time."""

    position: int
    topic: str
    recorded_at: datetime
    recorded: Recorded[Event]

    @property
    def event(self) -> Event:
        """What happened."""
        return self.recorded.event

    @property
    def stream_id(self) -> UUID:
        """The order, driver or restaurant that it happened to."""
        return self.recorded.originator_id

    @property
    def version(self) -> int:
        """Its place in the stream, from 1."""
        return self.recorded.originator_version

    @property
    def occurred_at(self) -> datetime:
        """Business time."""
        return self.recorded.occurred_at
