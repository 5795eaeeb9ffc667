"""States on the way, so that a long stream need not be folded from its beginning. May be thrown away at any time."""

from hashlib import sha256
from typing import Any, Self
from uuid import UUID

import msgspec
from eventsourcing.persistence import Mapper, MapperDeserialisationError, StoredEvent

from application.kinds import KINDS
from application.store import Kind, Versioned

FOLDING = 1
"""Raise it when an `evolve` comes to another result in a state of the same shape."""


class Snapshot[S: Versioned](msgspec.Struct, frozen=True, kw_only=True):
    """An aggregate's state after `originator_version` events."""

    originator_id: UUID
    originator_version: int
    state: S

    @classmethod
    def take(cls, aggregate: S) -> Self:
        """Wrap a state; the library calls this."""
        return cls(originator_id=aggregate.id, originator_version=aggregate.version, state=aggregate)


def snapshot_topic(kind: Kind[Any]) -> str:
    """Name a state's snapshots by its shape, as in "order.snapshot.1f09a3bc": those of another shape are not found."""
    shape = msgspec.json.encode([FOLDING, msgspec.json.schema(kind.state)])
    return f"{kind.name}.snapshot.{sha256(shape).hexdigest()[:8]}"


SNAPSHOT_TOPICS: dict[type[Any], str] = {kind.state: snapshot_topic(kind) for kind in KINDS}
"""Ask the store for these only; all others are of the past."""


class SnapshotMapper(Mapper[UUID]):
    """The library's mapper between `Snapshot` and `StoredEvent`; the state is plain JSON."""

    def __init__(self) -> None:
        """Build the decoders once."""
        self._encode = msgspec.json.Encoder().encode
        self._decode = {topic: msgspec.json.Decoder(state).decode for state, topic in SNAPSHOT_TOPICS.items()}

    def to_stored_event(self, domain_event: Snapshot[Any]) -> StoredEvent:  # type: ignore[override]  # ours only
        """Encode a state."""
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=SNAPSHOT_TOPICS[type(domain_event.state)],
            state=self._encode(domain_event.state),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Snapshot[Any]:
        """Decode a state. Raises MapperDeserialisationError for one of another shape."""
        decode = self._decode.get(stored_event.topic)
        if decode is None:
            raise MapperDeserialisationError(f"{stored_event.topic} is a snapshot of another shape")
        return Snapshot(
            originator_id=stored_event.originator_id,  # type: ignore[arg-type]  # ours are UUIDs
            originator_version=stored_event.originator_version,
            state=decode(stored_event.state),
        )
