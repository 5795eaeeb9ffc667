"""The event store on the `eventsourcing` library: its application, repository and snapshots, our mapper and recorder.

`LibraryStore` is the whole of it; `PostgresEventStore` gives it a log in PostgreSQL, `memory_store` one in memory.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, cast
from uuid import UUID

import psycopg
from eventsourcing.application import (
    AggregateNotFoundError,
    Application,
    ProjectorFunction,
    Repository,
    project_aggregate,
)
from eventsourcing.persistence import AggregateRecorder
from eventsourcing.persistence import EventStore as StoredEvents
from eventsourcing.utils import Environment, EnvType

from application.gathering import Gathering
from application.group_commit import MAX_SAVES
from application.histories import Histories, project
from application.ids import new_id
from application.kinds import KINDS
from application.postgres_recorder import STATEMENTS, PostgresRecorder, PostgresSnapshots
from application.recorder import LogRecorder, judged, prepared
from application.saves import MAX_EVENTS, Save
from application.settings import DatabaseSettings
from application.snapshots import Snapshot, SnapshotMapper
from application.store import Answer, Change, Closing, Idempotency, Kind, Receipt, StoreBusy, Versioned
from application.store_connections import StoreConnections
from domain.encryption import NoKeys, PersonalData, SubjectKeys
from domain.errors import InvalidInput, NotFound
from domain.event import Event, Meta, Recorded
from domain.mapper import JSONMapper

logger = logging.getLogger(__name__)

SNAPSHOT_EVERY = 100
"""Events of a stream between two snapshots."""


class StoreApplication(Application[UUID]):
    """The library's application with a recorder of ours; no environment variable changes it."""

    name = "tiffin"
    is_snapshotting_enabled = True
    snapshot_class = Snapshot
    snapshotting_intervals: ClassVar[dict[Any, int]] = {kind.state: SNAPSHOT_EVERY for kind in KINDS}
    snapshotting_projectors: ClassVar[dict[Any, ProjectorFunction[Any, Any]]] = {
        kind.state: partial(project, cast("Kind[Any]", kind)) for kind in KINDS
    }

    mapper: JSONMapper
    recorder: LogRecorder

    def __init__(self, recorder: LogRecorder, snapshot_recorder: AggregateRecorder, personal: PersonalData) -> None:
        """Recorders and keys are closed by who made them."""
        self._given = recorder, snapshot_recorder
        self._personal = personal
        super().__init__()

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:
        """Settings come by argument only."""
        return Environment(name, {"IS_SNAPSHOTTING_ENABLED": "y", **(env or {})})

    def construct_mapper(self) -> JSONMapper:
        """Events as JSON, encrypted where it is personal."""
        return JSONMapper(personal=self._personal)

    def construct_recorder(self) -> LogRecorder:
        """Ours, which takes the library's factories' place."""
        return self._given[0]

    def construct_snapshot_store(self) -> StoredEvents[UUID]:
        """Where snapshots are put; they are read with the events."""
        return StoredEvents(mapper=SnapshotMapper(self._personal), recorder=self._given[1])

    def construct_repository(self) -> Repository[UUID]:
        """Load snapshot and events in one query, without a cache of aggregates."""
        self.histories = Histories(self.mapper, SnapshotMapper(self._personal), self.recorder)
        return Repository(event_store=self.histories)

    def take_snapshot(
        self,
        aggregate_id: UUID,
        version: int | None = None,
        projector_func: ProjectorFunction[Any, Any] = project_aggregate,
    ) -> None:
        """Take one after an append; the append stands whether this works or not."""
        try:
            super().take_snapshot(aggregate_id, version, projector_func)
        except (StoreBusy, psycopg.Error):
            logger.warning("no snapshot of %s at version %s", aggregate_id, version, exc_info=True)


class LibraryStore:
    """The contract of `application.store.EventStore` on any log."""

    def __init__(self, recorder: LogRecorder, snapshot_recorder: AggregateRecorder, keys: SubjectKeys) -> None:
        """Recorders and keys are closed by who made them."""
        self._recorder = recorder
        self._keys = keys
        self._keys_to_make = Gathering(self._make_keys, most=MAX_SAVES)
        self._application = StoreApplication(recorder, snapshot_recorder, PersonalData(keys))

    def load[S: Versioned](self, kind: Kind[S], stream_id: UUID, *, version: int | None = None) -> S:
        """Fold the stream (up to `version`) into its state. Raises NotFound, also for a stream of another kind."""
        try:
            state: Any = self._application.repository.get(
                stream_id, version=version, projector_func=cast("Any", partial(project, kind))
            )
        except AggregateNotFoundError:
            raise NotFound(kind.name, stream_id) from None
        return cast("S", state)

    def load_many[S: Versioned](self, kind: Kind[S], stream_ids: Collection[UUID]) -> dict[UUID, S]:
        """Fold several streams of one kind, at the price of one; those that are not found are left out."""
        histories = self._application.histories.several(stream_ids) if stream_ids else {}
        states = {stream_id: project(kind, None, history) for stream_id, history in histories.items()}
        return {stream_id: state for stream_id, state in states.items() if state is not None}

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

        A change without events only checks its version. `snapshots` names the streams, by any state of theirs, that
        get a snapshot when they pass a multiple of SNAPSHOT_EVERY. At most MAX_EVENTS events.
        Raises VersionConflict, KeyReused, Fenced, StoreBusy; InvalidInput for too many events or a NUL character.
        """
        recorded, save = _to_save(changes, answer, meta, occurred_at, idempotency, closing)
        self._application.save(*cast("Any", (snapshots or {}).values()), *cast("Any", recorded), save=save)
        return save.receipt()

    async def append_async(
        self,
        changes: Sequence[Change],
        *,
        answer: Answer,
        meta: Meta,
        occurred_at: datetime,
        idempotency: Idempotency | None = None,
    ) -> Receipt:
        """Append from a coroutine, as `append` does; takes no snapshot, so it is for short streams."""
        recorded, save = _to_save(changes, answer, meta, occurred_at, idempotency, None)
        mapper = self._application.mapper
        if missing := self._keys.missing(set().union(*map(mapper.subjects, recorded))):
            await self._keys_to_make.ask(missing)
        prepared(save, [mapper.to_stored_event(one) for one in recorded])
        judged(save, await self._recorder.record_one_async(save))
        return save.receipt()

    def answered(self, idempotency: Idempotency) -> Receipt | None:
        """What the key answered within its 24 h, if it did. Raises KeyReused."""
        return self._recorder.answered(idempotency)

    def read(self, *, after: int, limit: int) -> Sequence[tuple[int, Recorded[Event]]]:
        """Read the log in commit order: (position, event) with position > `after`, gap-free."""
        found = self._recorder.select_notifications(after, limit, inclusive_of_start=False)
        mapper = self._application.mapper
        mapper.fetch_keys([one.state for one in found])
        return [(one.id, mapper.to_domain_event(one)) for one in found]

    def stream(self, stream_id: UUID, *, after_version: int = 0) -> Iterator[Recorded[Event]]:
        """One stream's events in order, as they are to be looked at: with the addresses that requests came from."""
        found = cast("Iterator[Recorded[Event]]", self._application.events.get(stream_id, gt=after_version))
        return map(self._application.mapper.with_address, found)

    def _make_keys(self, asked: Sequence[Sequence[bytes]]) -> list[None]:
        self._keys.make(sorted({subject for subjects in asked for subject in subjects}))
        return [None] * len(asked)


class PostgresEventStore(LibraryStore):
    """The event store in PostgreSQL. Thread-safe; connects when made, `close` it in the end."""

    def __init__(self, settings: DatabaseSettings, keys: SubjectKeys | None = None) -> None:
        """`settings.url` names a migrated database; `settings.store_pool` says how many connections.

        Without `keys` what is personal reads as erased, and cannot be written.
        """
        self._connections = StoreConnections(settings, STATEMENTS)
        self._log = PostgresRecorder(self._connections, settings)
        super().__init__(self._log, PostgresSnapshots(self._connections), keys or NoKeys())

    def close(self) -> None:
        """Append what is queued and close the connections."""
        self._log.close()
        self._connections.close()


def _to_save(
    changes: Sequence[Change],
    answer: Answer,
    meta: Meta,
    occurred_at: datetime,
    idempotency: Idempotency | None,
    closing: Closing | None,
) -> tuple[list[Recorded[Event]], Save]:
    """The events to store and the save that they belong to. Raises InvalidInput for too many."""
    recorded = [
        Recorded(
            originator_id=change.stream_id,
            originator_version=version,
            event_id=new_id(),
            occurred_at=occurred_at,
            meta=meta,
            event=event,
        )
        for change in changes
        for version, event in enumerate(change.events, change.expected_version + 1)
    ]
    if len(recorded) > MAX_EVENTS:
        raise InvalidInput("events", f"{len(recorded)} events at once are too many; send at most {MAX_EVENTS}.")
    return recorded, Save(
        expected=[(change.stream_id, change.expected_version) for change in changes],
        event_ids=[one.event_id for one in recorded],
        meta=meta,
        answer=answer,
        idempotency=idempotency,
        closing=closing,
    )
