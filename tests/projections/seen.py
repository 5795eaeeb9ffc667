"""A read model for tests: every event once, and one that fails where it is told to."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, Uuid

from projections.log import Logged
from projections.rows import insert

METADATA = MetaData(schema="seen")
SEEN = Table(
    "seen",
    METADATA,
    Column("position", BigInteger, primary_key=True),
    Column("stream_id", Uuid, nullable=False),
)


def fold_seen(connection: Connection, batch: Sequence[Logged]) -> None:
    """Note every event; the primary key refuses one that comes twice."""
    insert(connection, SEEN, [{"position": each.position, "stream_id": each.stream_id} for each in batch])


class Fragile:
    """Notes every event but one, at which it fails until mended."""

    def __init__(self, position: int) -> None:
        self.position: int | None = position

    def __call__(self, connection: Connection, batch: Sequence[Logged]) -> None:
        fold_seen(connection, batch)
        if any(logged.position == self.position for logged in batch):
            raise ValueError("cannot fold this")
