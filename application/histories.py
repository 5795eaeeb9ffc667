"""How a stream is loaded: the newest snapshot that can be used and the events after it, folded into its state."""

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

from eventsourcing.persistence import EventStore, Mapper, StoredEvent
from msgspec.structs import replace

from application.recorder import LogRecorder
from application.snapshots import SNAPSHOT_TOPICS, Snapshot, SnapshotMapper
from application.store import Kind, Versioned
from domain.event import Event, Recorded
from domain.mapper import JSONMapper


class Histories(EventStore[UUID]):
    """Streams as the library's repository asks for them: without bounds other than `lte`, snapshot first."""

    recorder: LogRecorder

    def __init__(self, events: JSONMapper, snapshots: SnapshotMapper, recorder: LogRecorder) -> None:
        """Both in one query from one recorder."""
        super().__init__(HistoryMapper(events, snapshots), recorder)
        self._events = events
        self._topics = tuple(SNAPSHOT_TOPICS.values())

    def get(
        self,
        originator_id: UUID,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Iterator[Any]:
        """One query."""
        if gt is not None or desc or limit is not None:
            return super().get(originator_id, gt=gt, lte=lte, desc=desc, limit=limit)
        history = self.recorder.select_history(originator_id, lte=lte, snapshot_topics=self._topics)
        self._events.fetch_keys([one.state for one in history])
        return map(self.mapper.to_domain_event, history)

    def several(self, originator_ids: Collection[UUID]) -> dict[UUID, Iterator[Any]]:
        """The same for several streams, in one query altogether; those there are not are left out."""
        found = self.recorder.select_histories(set(originator_ids), snapshot_topics=self._topics)
        self._events.fetch_keys([one.state for one in found])
        return {
            cast("UUID", stream_id): map(self.mapper.to_domain_event, list(history))
            for stream_id, history in groupby(found, key=attrgetter("originator_id"))
        }


class HistoryMapper(Mapper[UUID]):
    """Reads events and snapshots, each by its own mapper."""

    def __init__(self, events: JSONMapper, snapshots: SnapshotMapper) -> None:
        """Told apart by topic."""
        self._events = events
        self._snapshots = snapshots
        self._snapshot_topics = frozenset(SNAPSHOT_TOPICS.values())

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded[Event] | Snapshot[Any]:
        """Raise MapperDeserialisationError for what cannot be read."""
        mapper = self._snapshots if stored_event.topic in self._snapshot_topics else self._events
        return mapper.to_domain_event(stored_event)


def project[S: Versioned](kind: Kind[S], state: S | None, history: Iterable[Recorded[Event] | Snapshot[S]]) -> S | None:
    """Fold a history; None for an empty one, or that of a stream of another kind."""
    version = 0
    for item in history:
        if isinstance(item, Snapshot):
            if not isinstance(item.state, kind.state):
                return None
            state = item.state
        elif state is None and not item.event.TOPIC.startswith(f"{kind.name}."):
            return None
        else:
            state = kind.evolve(state, item.originator_id, item.event, item.occurred_at)
        version = item.originator_version
    return None if state is None else cast("S", replace(cast("Any", state), version=version))
