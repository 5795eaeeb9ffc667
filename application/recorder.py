"""What the library's application needs of a log, brought down to the few methods that a log must have."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    NotSupportedError,
    StoredEvent,
    Subscription,
)

from application.saves import Outcome, Save
from application.store import Answer, Fenced, Idempotency, KeyReused, Receipt, VersionConflict
from domain.errors import InvalidInput

NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""As JSON writes it; after an even number of back-slashes, or it is a text about NUL. jsonb cannot hold it."""


class LogRecorder(ApplicationRecorder, ABC):
    """What the library's application needs of a log, brought down to a few methods a log must have."""

    @abstractmethod
    def record(self, saves: Sequence[Save]) -> Sequence[Outcome]:
        """Append each save, all or nothing, one outcome each. Raises StoreBusy: none was appended."""

    def record_one(self, save: Save) -> Outcome:
        """Append one save; blocks. Raises StoreBusy."""
        (outcome,) = self.record([save])
        return outcome

    async def record_one_async(self, save: Save) -> Outcome:
        """Append one save from a coroutine. Raises StoreBusy."""
        return self.record_one(save)

    @abstractmethod
    def answered(self, idempotency: Idempotency) -> Receipt | None:
        """What the key answered within its 24 h, if it did. Raises KeyReused."""

    @abstractmethod
    def select_history(
        self, originator_id: UUID, *, lte: int | None, snapshot_topics: Sequence[str]
    ) -> list[StoredEvent]:
        """The newest snapshot of these topics up to version `lte`, if there is one, and the events after it."""

    def select_histories(
        self, originator_ids: Collection[UUID], *, snapshot_topics: Sequence[str]
    ) -> Sequence[StoredEvent]:
        """The histories of several streams, one after the other; nothing of those there are not."""
        histories = (self.select_history(one, lte=None, snapshot_topics=snapshot_topics) for one in originator_ids)
        return [stored for history in histories for stored in history]

    def insert_events(  # type: ignore[override]  # the library hands on what its `save` was given
        self, stored_events: Sequence[StoredEvent], *, save: Save, **_: object
    ) -> Sequence[int]:
        """Append one save and answer its events' positions: none when the key was answered before.

        Raises VersionConflict, KeyReused, Fenced, StoreBusy.
        """
        return judged(save, self.record_one(prepared(save, stored_events)))

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Followers listen for `tiffin_log` and read by position instead."""
        raise NotSupportedError(f"follow the log by position (after {gt}, topics {topics}), not by subscription")


def prepared(save: Save, stored_events: Sequence[StoredEvent]) -> Save:
    """The save with its events. Raises InvalidInput for a NUL character."""
    for one in stored_events:
        if b"u0000" in one.state and NUL.search(one.state):
            raise InvalidInput("text", f"A text in {one.topic} holds a NUL character (U+0000); leave it out.")
    save.events = stored_events
    return save


def judged(save: Save, outcome: Outcome) -> Sequence[int]:
    """The positions of its events; none when the key was answered before. Raises VersionConflict, KeyReused, Fenced."""
    save.outcome = outcome
    match outcome.result:
        case "appended":
            return range(outcome.position - len(save.events) + 1, outcome.position + 1)
        case "replayed":
            return ()
        case "conflict" if outcome.stream_id is not None and outcome.version is not None:
            raise VersionConflict(outcome.stream_id, outcome.version)
        case "key_reused":
            raise KeyReused(KEY_REUSED)
        case _:
            raise Fenced(f"the lease on reaction {save.closing} was lost")


KEY_REUSED = "This idempotency key was used for another request; send a new key, or the same request."


def receipt_of(idempotency: Idempotency, payload_hash: bytes, position: int, answer: Answer) -> Receipt:
    """What is answered when a key comes again. Raises KeyReused."""
    if payload_hash != idempotency.payload_hash:
        raise KeyReused(KEY_REUSED)
    return Receipt(answer=answer, position=position, replayed=True)
