"""Events as they are decided (payloads), as they are recorded (with their envelope), and their registry."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

import msgspec

PERSONAL = msgspec.Meta(extra={"personal": True})
"""Marks a field that tells about a person: it is stored encrypted with that person's key."""

type PersonalText = Annotated[str, PERSONAL]


class Role(StrEnum):
    """Who acts. Every event says so in its `Meta`."""

    CUSTOMER = "customer"
    RESTAURANT = "restaurant"
    DRIVER = "driver"
    SUPPORT = "support"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SYSTEM = "system"


class Encrypted(msgspec.Struct, frozen=True, gc=False):
    """A personal value as it is stored, see `domain.encryption`."""

    encrypted: str
    kind: str


class Meta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Who caused an event, from where, and in answer to what."""

    actor_type: Role = Role.SYSTEM
    actor_id: UUID | None = None
    request_id: str | None = None
    correlation_id: str | None = None
    causation_id: UUID | None = None
    """The event that this one answers; none when a person asked."""
    ip: Annotated[str | Encrypted | None, PERSONAL] = None
    """Encrypted as it was read, but in what is read to be looked at: nothing is ever decided by it."""
    user_agent: str | None = None
    traceparent: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The payload of something that happened. Decisions return these; `evolve` folds them.

    Nothing in one can refer back to it, so none is looked through for cycles (`gc`): millions are read in a row.
    """

    TOPIC: ClassVar[str] = ""
    SCHEMA: ClassVar[int] = 1
    SUBJECT: ClassVar[str] = ""
    """The field with the id of the person whom its personal fields tell about; empty: whoever the stream is about."""


class Recorded[E: Event](msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event with its envelope: the unit that is appended, loaded and followed.

    `originator_id` and `originator_version` (1 for a stream's first event) are the library's names for
    the stream and the place in it. `occurred_at` is business time, UTC.
    """

    originator_id: UUID
    originator_version: int
    event_id: UUID
    occurred_at: datetime
    meta: Meta
    event: E


def subject_of(document: msgspec.Struct, own_id: UUID) -> UUID:
    """The person whom an event's, or a state's, personal fields tell about; `own_id` is its stream's."""
    field: str = getattr(document, "SUBJECT", "")
    subject: UUID | None = getattr(document, field) if field else None
    return subject or own_id


REGISTRY: dict[str, type[Event]] = {}
"""Every event there is, by topic."""


def topic[E: Event](name: str, *, schema: int = 1) -> Callable[[type[E]], type[E]]:
    """Register an event class under its stable topic, with the schema number it is written with."""

    def register(cls: type[E]) -> type[E]:
        if name in REGISTRY:
            raise ValueError(f"topic {name!r} is taken by {REGISTRY[name].__qualname__}")
        cls.TOPIC, cls.SCHEMA = name, schema
        REGISTRY[name] = cls
        return cls

    return register
