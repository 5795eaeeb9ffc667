"""An export bundle replayed, anywhere: no database, no keys, the code of today.

Every event is decoded and folded into its stream's state. What is personal reads as erased, because the keys stayed
where the bundle came from. Whether the bundle is the one that was written is `tools/verify_export.py`'s to say.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.persistence import MapperDeserialisationError

from application.kinds import KINDS
from application.seals import export
from domain.encryption import Undecipherable
from domain.event import Event, Recorded
from domain.mapper import JSONMapper
from domain.order.state import Order, PaymentStatus


class NotReplayable(Exception):  # noqa: N818 - names the outcome
    """An event cannot be read, or does not follow from those before; the message says which and why."""


class Replayed(msgspec.Struct, kw_only=True):
    """What the log in a bundle comes to. Amounts in minor units by currency."""

    first: int
    last: int
    events: int
    streams: dict[str, int]
    """How many of each kind began in the bundle."""
    older: int
    """Events of streams that began before the bundle does: they are read, but there is no state to fold them into."""
    orders: dict[str, int]
    """By status."""
    payments: dict[str, int]
    """By status."""
    charged_minor: dict[str, int]
    """What was charged and not given back."""


class Bundle:
    """The events of a bundle in a folder."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        self._folder = folder
        self._mapper = JSONMapper()

    def stream(self, stream_id: UUID) -> Iterator[Recorded[Event]]:
        """One stream's events in order. Raises NotExportable, NotReplayable."""
        return (recorded for _, recorded in self._events(stream_id))

    def replay(self) -> Replayed:
        """Fold everything. Raises NotExportable, NotReplayable."""
        states: dict[UUID, Any] = {}
        found = Replayed(first=0, last=0, events=0, streams={}, older=0, orders={}, payments={}, charged_minor={})
        streams: Counter[str] = Counter()
        for position, recorded in self._events():
            found.first, found.last, found.events = found.first or position, position, found.events + 1
            stream_id = recorded.originator_id
            if recorded.originator_version > 1 and stream_id not in states:
                found.older += 1
                continue
            kind = next(one for one in KINDS if recorded.event.TOPIC.startswith(f"{one.name}."))
            try:
                state = kind.evolve(states.get(stream_id), stream_id, recorded.event, recorded.occurred_at)
            except (TypeError, ValueError) as error:
                raise NotReplayable(f"event {position} ({recorded.event.TOPIC}): {error}") from error
            streams[kind.name] += stream_id not in states
            states[stream_id] = state
        found.streams = dict(streams)
        _count(found, [state for state in states.values() if isinstance(state, Order)])
        return found

    def _events(self, stream_id: UUID | None = None) -> Iterator[tuple[int, Recorded[Event]]]:
        for one in export.events(self._folder):
            if stream_id is not None and one.stream_id != stream_id:
                continue
            try:
                recorded = self._mapper.read(one.stream_id, one.version, one.topic, one.state.encode())
                yield one.position, self._mapper.with_address(recorded)
            except (MapperDeserialisationError, Undecipherable) as error:
                raise NotReplayable(f"event {one.position}: {error}") from error


def _count(found: Replayed, orders: list[Order]) -> None:
    found.orders = dict(Counter(order.status.value for order in orders))
    found.payments = dict(Counter(order.payment.status.value for order in orders))
    charged: Counter[str] = Counter()
    for order in orders:
        if order.payment.status is PaymentStatus.CAPTURED:
            charged[order.price.currency] += order.payment.amount_minor
    found.charged_minor = dict(charged)
