"""What the runner runs: projections into PostgreSQL, and followers that keep their rows elsewhere."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

import msgspec
from sqlalchemy import Connection, MetaData

from domain.privacy import Forgotten
from projections.log import Logged

type Apply = Callable[[Connection, Sequence[Logged]], None]


class Projection(msgspec.Struct, frozen=True):
    """A read model in PostgreSQL.

    `metadata` holds its tables, all in the schema called `name`; `apply` folds a batch of events, in order and
    of any topic, into them. The runner commits rows and position together, so `apply` sees every event once.
    """

    name: str
    metadata: MetaData
    apply: Apply
    skips_failures: bool = False
    """An event that fails is put aside as a dead letter and the next one comes: for what rather misses one than all."""
    scrub: Callable[[Connection, UUID], None] | None = None
    """Erases a person who was forgotten; none where nothing personal is kept."""
    unfold: Apply | None = None
    """Removes what a stream's whole past, these events, left in the rows, so that it can be folded anew together with
    one that was skipped. None where rows depend on more than their stream: then nothing is taken out of its order."""
    before_commit: Callable[[Sequence[Logged]], None] | None = None
    """Told of each batch just before it becomes visible, to purge a cache; failing here stops nothing."""

    def take(self, connection: Connection, events: Sequence[Logged]) -> None:
        """Fold a batch, and erase whoever was forgotten in it. Their key is destroyed: later events name nobody."""
        self.apply(connection, events)
        for logged in events:
            if isinstance(logged.event, Forgotten) and self.scrub is not None:
                self.scrub(connection, logged.event.subject_id)


class Follower(Protocol):
    """A projection whose rows and position live together outside PostgreSQL (Valkey, or nowhere).

    The runner gives each follower a thread of its own. Connection errors (redis.ConnectionError, redis.TimeoutError,
    OSError) are retried with back-off; any other error stops this follower alone and is recorded.
    """

    @property
    def name(self) -> str:
        """Unique among all projections."""
        ...

    def position(self, connection: Connection) -> int:
        """Tell after which log position to go on.

        Asked before every batch and every second while idle. Where rows are missing (FLUSHALL, a new server) it
        reloads first, from other read models through `connection`; one that wants no history answers
        `projections.positions.head(connection)` the first time.
        """
        ...

    def apply(self, events: Sequence[Logged]) -> None:
        """Write the events' effects and the last one's position, at once. Repeating a batch must do no harm."""
        ...

    def forget(self) -> None:
        """Throw the rows away, so that `position` reloads them: how a follower is rebuilt."""
        ...
