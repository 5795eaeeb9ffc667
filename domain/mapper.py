"""Events as stored: UTF-8 JSON `{"v", "event_id", "occurred_at", "meta", "data"}`, its exact bytes kept for hashing.

Personal values in it are encrypted, see `domain.encryption`: what is hashed, copied and exported is never in the clear.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, MapperDeserialisationError, StoredEvent
from msgspec.structs import replace

# The aggregates are imported so that the registry is complete.
from domain import driver as _driver  # noqa: F401
from domain import order as _order  # noqa: F401
from domain import restaurant as _restaurant  # noqa: F401
from domain.encryption import NoKeys, PersonalData, Undecipherable, has_personal, place_of
from domain.event import REGISTRY, Encrypted, Event, Meta, Recorded, subject_of
from domain.personal import personal_places
from domain.upcasters import UPCASTERS, Upcaster

_DATA = b',"data":'
"""Where the payload begins: no text before it can hold this, its quotes are escaped."""


class Envelope[D](msgspec.Struct, frozen=True, gc=False):
    """The stored document. `v` is the schema that `data` was written with."""

    v: int
    event_id: UUID
    occurred_at: datetime
    meta: Meta
    data: D


class _Unreadable(Exception):  # noqa: N818 - names the outcome
    """Why a document is no event."""


class JSONMapper(Mapper[UUID]):
    """The library's mapper between `Recorded` and `StoredEvent`.

    An event is read in one pass by a decoder of its class, built once; only one of an older schema takes the slow
    way through its upcasters.
    """

    def __init__(
        self,
        transcoder: object = None,  # noqa: ARG002 - the library's factory hands it over
        compressor: object = None,
        cipher: object = None,
        *,
        personal: PersonalData | None = None,
        registry: Mapping[str, type[Event]] = REGISTRY,
        upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS,
    ) -> None:
        """Refuse a compressor and a cipher: auditors read and hash the bytes as they are.

        Without `personal` everything personal reads as erased, and nothing personal can be written.
        """
        if compressor is not None or cipher is not None:
            raise ValueError("events are stored as plain JSON: unset COMPRESSOR_TOPIC and CIPHER_TOPIC")
        self._personal = personal or PersonalData(NoKeys())
        self._registry = registry
        self._upcasters = upcasters
        self._encode = msgspec.json.Encoder().encode
        self._decoders: dict[str, msgspec.json.Decoder[Envelope[Event]]] = {}

    def fetch_keys(self, states: Iterable[bytes]) -> None:
        """Have the keys at hand that these events are read with: one question for all, not one for each."""
        starts = [(state, state.find(_DATA)) for state in states]
        self._personal.fetch([state[start:] for state, start in starts if has_personal(state, start)])

    def subjects(self, recorded: Recorded[Event]) -> set[bytes]:
        """The keys that this event may be written with."""
        found = (
            {subject_of(recorded.event, recorded.originator_id).bytes}
            if personal_places(type(recorded.event))
            else set()
        )
        return found | {(recorded.meta.actor_id or recorded.originator_id).bytes} if recorded.meta.ip else found

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Encode a `Recorded` event. Raises Refusal where it tells about somebody who was forgotten."""
        recorded = cast("Recorded[Event]", domain_event)
        event, stream_id = recorded.event, recorded.originator_id
        place = place_of(stream_id, recorded.originator_version)
        meta = self._personal.hide(recorded.meta, recorded.meta.actor_id or stream_id, place)
        hidden = self._personal.hide(event, subject_of(event, stream_id), place)
        document = Envelope(event.SCHEMA, recorded.event_id, recorded.occurred_at, meta, hidden)
        return StoredEvent(
            originator_id=stream_id,
            originator_version=recorded.originator_version,
            topic=event.TOPIC,
            state=self._encode(document),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Recorded[Event]:
        """Decode, upcasting what an older schema wrote. Raises MapperDeserialisationError, naming the event."""
        stream_id = cast("UUID", stored_event.originator_id)
        return self.read(stream_id, stored_event.originator_version, stored_event.topic, stored_event.state)

    def read(self, stream_id: UUID, version: int, topic: str, state: bytes) -> Recorded[Event]:
        """Decode, as `to_domain_event` does, from the columns themselves."""
        try:
            decoder = self._decoders.get(topic) or self._decoder(topic)
            start = state.find(_DATA)
            if has_personal(state, start):
                state = self._personal.reveal(state, place_of(stream_id, version), start)
            try:
                envelope = decoder.decode(state)
                if envelope.v != envelope.data.SCHEMA:
                    envelope = self._upcast(topic, state)
            except msgspec.ValidationError:
                envelope = self._upcast(topic, state)
        except (_Unreadable, Undecipherable, msgspec.DecodeError) as error:
            raise MapperDeserialisationError(f"{topic} {stream_id}/{version}: {error}") from error
        return Recorded(
            originator_id=stream_id,
            originator_version=version,
            event_id=envelope.event_id,
            occurred_at=envelope.occurred_at,
            meta=envelope.meta,
            event=envelope.data,
        )

    def with_address(self, recorded: Recorded[Event]) -> Recorded[Event]:
        """The event with the address that its request came from in the clear. Raises Undecipherable."""
        if not isinstance(recorded.meta.ip, Encrypted):
            return recorded
        place = place_of(recorded.originator_id, recorded.originator_version)
        ip = msgspec.json.decode(self._personal.reveal(self._encode(recorded.meta.ip), place), type=str)
        return replace(recorded, meta=replace(recorded.meta, ip=ip))

    def _decoder(self, topic: str) -> "msgspec.json.Decoder[Envelope[Event]]":
        cls = self._registry.get(topic)
        if cls is None:
            raise _Unreadable("no such topic is known")
        decoder = msgspec.json.Decoder(Envelope[cls])  # type: ignore[valid-type]  # the class is only known now
        self._decoders[topic] = decoder
        return decoder

    def _upcast(self, topic: str, state: bytes) -> Envelope[Event]:
        """Read by way of plain data: an older schema, or a document that no schema explains."""
        cls = self._registry[topic]
        try:
            old = msgspec.json.decode(state, type=Envelope[dict[str, Any]])
            data = old.data
            for schema in range(old.v, cls.SCHEMA):
                data = self._upcasters[topic, schema](data)
            if old.v > cls.SCHEMA:
                raise _Unreadable(f"schema {old.v} is newer than the {cls.SCHEMA} known here")
            return Envelope(cls.SCHEMA, old.event_id, old.occurred_at, old.meta, msgspec.convert(data, cls))
        except msgspec.ValidationError as error:
            raise _Unreadable(str(error)) from error
        except KeyError as error:
            raise _Unreadable(f"upcasting failed for want of {error}") from error
