"""The event store as commands see it: load a stream, append to several at once, all or nothing."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from domain.errors import Refusal
from domain.event import Event, Meta, Recorded


class Versioned(Protocol):
    """What every aggregate's state has."""

    @property
    def id(self) -> UUID:
        """The stream."""
        ...

    @property
    def version(self) -> int:
        """The version of the last event folded in."""
        ...


class Kind[S: Versioned](msgspec.Struct, frozen=True):
    """An aggregate as the store needs it; each aggregate's package offers its own as `KIND`.

    `evolve(state, id, event, occurred_at)` folds one event into the next state, version aside.
    """

    name: str
    state: type[S]
    evolve: Callable[[S | None, UUID, Event, datetime], S]


class Change(msgspec.Struct, frozen=True):
    """Events to append to one stream, whose version was `expected_version` when they were decided (0: new)."""

    stream_id: UUID
    expected_version: int
    events: Sequence[Event]


class Idempotency(msgspec.Struct, frozen=True, kw_only=True):
    """A client's key: unique per actor and operation, with a hash of what was asked."""

    actor: str
    """Account id, as text."""
    operation: str
    """The API's operation id."""
    key: str
    payload_hash: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a command answers, made before the append and stored with it under the idempotency key."""

    id: UUID
    status: str
    version: int


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """The reaction that an append closes: `again` sets the same row to a later time."""

    position: int
    actor_name: str
    lease_token: UUID
    outcome: Literal["done", "again"] = "done"
    due_at: datetime | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What an append did. `position` is the log position to wait for; 0 when nothing was ever appended for it."""

    answer: Answer
    position: int
    replayed: bool = False


class VersionConflict(Refusal):
    """Somebody else appended first; load again and decide anew."""

    def __init__(self, stream_id: UUID, current_version: int) -> None:
        """`current_version` is what the stream is at now."""
        super().__init__(f"Stream {stream_id} has moved on to version {current_version}.")
        self.stream_id = stream_id
        self.current_version = current_version


class KeyReused(Refusal):
    """The idempotency key was used for another payload."""


class Fenced(Exception):  # noqa: N818 - names the outcome
    """The reaction's lease was lost: somebody else has it, nothing was appended."""


class StoreBusy(Exception):  # noqa: N818 - names the outcome
    """The store did not take the append in time; nothing was appended, try again after `retry_after_seconds`."""

    def __init__(self, retry_after_seconds: int = 1) -> None:
        """Whole seconds, as HTTP's Retry-After counts."""
        super().__init__(f"The event store is busy; try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class Unconfirmed(StoreBusy):
    """The database went away during an append: it did happen or it did not. The same idempotency key will tell."""


class EventStore(Protocol):
    """Both stores, PostgreSQL and in-memory, keep this contract (`tests/application/test_store_contract.py`)."""

    def load[S: Versioned](self, kind: Kind[S], stream_id: UUID, *, version: int | None = None) -> S:
        """Fold the stream (up to `version`) into its state. Raises NotFound."""
        ...

    def load_many[S: Versioned](self, kind: Kind[S], stream_ids: Collection[UUID]) -> Mapping[UUID, S]:
        """Fold several streams of one kind, at the price of one; those that are not found are left out."""
        ...

    def append(
        self,
        changes: Sequence[Change],
        *,
        answer: Answer,
        meta: Meta,
        occurred_at: datetime,
        idempotency: Idempotency | None = None,
        closing: Closing | None = None,
        snapshots: Mapping[UUID, Versioned] | None = None,
    ) -> Receipt:
        """Append all changes with the key's answer and the reaction's closing, or nothing.

        A known key with the same payload answers what it answered before (`replayed`).
        Raises VersionConflict, KeyReused, Fenced, StoreBusy.
        """
        ...

    async def append_async(
        self,
        changes: Sequence[Change],
        *,
        answer: Answer,
        meta: Meta,
        occurred_at: datetime,
        idempotency: Idempotency | None = None,
    ) -> Receipt:
        """Append from a coroutine, without holding a thread. Takes no snapshots."""
        ...

    def answered(self, idempotency: Idempotency) -> Receipt | None:
        """What the key answered within its 24 h, if it did. Raises KeyReused."""
        ...

    def read(self, *, after: int, limit: int) -> Sequence[tuple[int, Recorded[Event]]]:
        """Read the log in commit order: (position, event) with position > `after`, gap-free."""
        ...

    def stream(self, stream_id: UUID, *, after_version: int = 0) -> Iterator[Recorded[Event]]:
        """One stream's events in order, as they are to be looked at: with the addresses that requests came from."""
        ...
