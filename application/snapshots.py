"""States on the way, so that a long stream need not be folded from its beginning. May be thrown away at any time."""

from hashlib import sha256
from typing import Any, Self, cast
from uuid import UUID

import msgspec
from eventsourcing.persistence import Mapper, MapperDeserialisationError, StoredEvent

from application.kinds import KINDS
from application.store import Kind, Versioned
from domain.encryption import PersonalData, Undecipherable, place_of
from domain.event import subject_of

FOLDING = 2
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
    """The library's mapper between `Snapshot` and `StoredEvent`; the state is JSON, encrypted where it is personal."""

    def __init__(self, personal: PersonalData) -> None:
        """Build the decoders once."""
        self._personal = personal
        self._encode = msgspec.json.Encoder().encode
        self._decode = {topic: msgspec.json.Decoder(state).decode for state, topic in SNAPSHOT_TOPICS.items()}

    def to_stored_event(self, domain_event: Snapshot[Any]) -> StoredEvent:  # type: ignore[override]  # ours only
        """Encode a state. Raises Refusal where it tells about somebody who was forgotten."""
        state, stream_id, version = domain_event.state, domain_event.originator_id, domain_event.originator_version
        hidden = self._personal.hide(state, subject_of(state, stream_id), place_of(stream_id, version))
        return StoredEvent(
            originator_id=stream_id,
            originator_version=version,
            topic=SNAPSHOT_TOPICS[type(state)],
            state=self._encode(hidden),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Snapshot[Any]:
        """Decode a state. Raises MapperDeserialisationError for one of another shape, or that cannot be decrypted."""
        decode = self._decode.get(stored_event.topic)
        if decode is None:
            raise MapperDeserialisationError(f"{stored_event.topic} is a snapshot of another shape")
        stream_id, version = cast("UUID", stored_event.originator_id), stored_event.originator_version
        try:
            state = self._personal.reveal(stored_event.state, place_of(stream_id, version))
        except Undecipherable as error:
            raise MapperDeserialisationError(f"{stored_event.topic} {stream_id}/{version}: {error}") from error
        return Snapshot(originator_id=stream_id, originator_version=version, state=decode(state))
