"""Any moment of any stream: its state then, what changed between two moments, and step by step.

Read from the log through the code of today; reading changes nothing and sets nothing going.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec
from msgspec.structs import replace

from application.kinds import KINDS
from application.store import Kind
from domain.errors import InvalidInput, NotFound
from domain.event import Event, Recorded

MOST_STEPS = 100_000
"""No stream is this long; a bound all the same."""


class Streams(Protocol):
    """Whatever has streams: the event store, or a bundle."""

    def stream(self, stream_id: UUID) -> Iterator[Recorded[Event]]:
        """One stream's events in order; none for an unknown one."""
        ...


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A stream after the event of that `version`, which happened at `at` (business time). `state` as its fields."""

    stream_id: UUID
    kind: str
    version: int
    at: datetime
    topic: str
    state: dict[str, Any]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A field that differs: its path (`price.total_minor`, `lines[0].quantity`), and both values; null: not there."""

    path: str
    before: Any
    after: Any


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a stream, who caused it, and what it changed."""

    recorded: Recorded[Event]
    kind: str
    changes: Sequence[Difference]


def moment(store: Streams, stream_id: UUID, *, version: int | None = None, at: datetime | None = None) -> Moment:
    """The stream at a version, or after everything that happened until `at`; as it is now without either.

    Raises NotFound for an unknown stream, InvalidInput for a moment that it does not have.
    """
    if version is not None and at is not None:
        raise InvalidInput("at", "Send a version or a time, not both.")
    last: tuple[Recorded[Event], Any] | None = None
    kind, length = "", 0
    for recorded, name, _, state in _history(store, stream_id):
        kind, length = name, length + 1
        if (version is None or length <= version) and (at is None or recorded.occurred_at <= at):
            last = recorded, state
    if version is not None and not 1 <= version <= length:
        raise InvalidInput("version", f"This stream has the versions 1 to {length}.")
    if last is None:
        raise InvalidInput("at", "This stream began later.")
    event, state = last
    return Moment(
        stream_id=stream_id,
        kind=kind,
        version=event.originator_version,
        at=event.occurred_at,
        topic=event.event.TOPIC,
        state=fields(state),
    )


def steps(store: Streams, stream_id: UUID) -> Iterator[Step]:
    """Every event of a stream with what it changed. Raises NotFound."""
    for recorded, kind, before, after in _history(store, stream_id):
        changes = differences({} if before is None else fields(before), fields(after))
        yield Step(recorded=recorded, kind=kind, changes=[one for one in changes if one.path != "version"])


def differences(before: Any, after: Any, path: str = "") -> list[Difference]:  # noqa: ANN401 - JSON is anything
    """What differs between two JSON values, field by field, in the order of the fields."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        inner = [(f"{path}.{name}".lstrip("."), before.get(name), after.get(name)) for name in names]
    elif isinstance(before, list) and isinstance(after, list):
        numbers = range(max(len(before), len(after)))
        inner = [
            (f"{path}[{n}]", before[n] if n < len(before) else None, after[n] if n < len(after) else None)
            for n in numbers
        ]
    else:
        return [Difference(path=path, before=before, after=after)]
    return [found for name, old, new in inner for found in differences(old, new, name)]


def fields(state: Any) -> dict[str, Any]:  # noqa: ANN401 - an aggregate's state
    """A state as JSON has it."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(state))
    return found


def _history(store: Streams, stream_id: UUID) -> Iterator[tuple[Recorded[Event], str, Any, Any]]:
    """Event, kind, state before and state after, one event after the other."""
    state: Any = None
    kind: Kind[Any] | None = None
    for number, recorded in enumerate(store.stream(stream_id), 1):
        if number > MOST_STEPS:
            raise InvalidInput("stream_id", f"This stream has more than {MOST_STEPS} events.")
        if kind is None:
            kind = next(one for one in KINDS if recorded.event.TOPIC.startswith(f"{one.name}."))
        before = state
        state = kind.evolve(state, stream_id, recorded.event, recorded.occurred_at)
        state = replace(state, version=recorded.originator_version)
        yield recorded, kind.name, before, state
    if kind is None:
        raise NotFound("stream", stream_id)
