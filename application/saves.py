"""What one append asks of the log and what it gets: the SQL types `save` and `save_outcome`, and their bytes.

A save travels in PostgreSQL's binary format, packed here by hand: the client spends a tenth of the time that
adapting nested composites would take, and all writers of a process share one interpreter lock.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Literal, NamedTuple, cast
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent

from application.store import Answer, Closing, Idempotency, Receipt
from domain.errors import InvalidInput
from domain.event import Meta

MAX_EVENTS = 1_000
"""In one save: very large statements can hang on a unix socket."""


class Outcome(NamedTuple):
    """What became of a save; the columns of `save_outcome`.

    `appended`: at `position`, the last of its events, or the last its streams had when it brought none.
    `replayed`: the key's `answer_…` and its position. `conflict`: `stream_id` is at `version`.
    """

    result: Literal["appended", "replayed", "key_reused", "conflict", "fenced"]
    position: int = 0
    answer_id: UUID | None = None
    answer_status: str | None = None
    answer_version: int | None = None
    stream_id: UUID | None = None
    version: int | None = None


class Save(msgspec.Struct, kw_only=True, eq=False):
    """One append: what must still be so, the events, the answer under the client's key, the reaction to close.

    The recorder fills in `events` as they are stored, and the `outcome`.
    """

    expected: Sequence[tuple[UUID, int]]
    """Streams and the versions they were decided at."""
    event_ids: Sequence[UUID]
    meta: Meta
    answer: Answer
    idempotency: Idempotency | None = None
    closing: Closing | None = None
    events: Sequence[StoredEvent] = ()
    outcome: Outcome | None = None

    @property
    def queues(self) -> bool:
        """Whether it needs the log's lock: it brings events, or an answer to keep."""
        return bool(self.events) or self.idempotency is not None

    def receipt(self) -> Receipt:
        """What a save that was appended or replayed answers."""
        outcome = self.outcome
        if outcome is None:
            raise LookupError("this save was not recorded")
        if outcome.result == "replayed":
            answer = msgspec.convert(
                {"id": outcome.answer_id, "status": outcome.answer_status, "version": outcome.answer_version}, Answer
            )
            return Receipt(answer=answer, position=outcome.position, replayed=True)
        return Receipt(answer=self.answer, position=outcome.position)


BIGINT, BYTEA, TEXT, TIMESTAMPTZ, UUID_ = 20, 17, 25, 1184, 2950
BIGINT_ARRAY, BYTEA_ARRAY, TEXT_ARRAY, UUID_ARRAY = 1016, 1001, 1009, 2951
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
COLUMNS = 23

_int = Struct("!i").pack
_column = Struct("!Ii").pack
_array = Struct("!iiIii").pack
_bigint_column = Struct("!Iiq").pack
_bigint_item = Struct("!iq").pack
_UUID_HEAD = _column(UUID_, 16)
_UUID_ITEM = _int(16)
_NULL = -1


def pack(saves: Sequence[Save], *, save_oid: int) -> bytes:
    """Pack saves into the value of a parameter of type `save[]`; `save_oid` is the type `save` in this database.

    Raises InvalidInput for a text with a NUL character, which PostgreSQL cannot hold.
    """
    parts = [_array(1, 0, save_oid, len(saves), 1)]
    for save in saves:
        row = b"".join(_columns(save))
        parts += (_int(len(row) + 4), _int(COLUMNS), row)
    return b"".join(parts)


def pack_texts(texts: Sequence[str]) -> bytes:
    """Pack the value of a parameter of type `text[]`."""
    return _texts(texts)[8:]


def pack_uuids(values: Sequence[UUID]) -> bytes:
    """Pack the value of a parameter of type `uuid[]`."""
    return _uuids(values)[8:]


def _columns(save: Save) -> list[bytes]:
    """In the order of the SQL type's columns."""
    events, meta, answer, key, closing = save.events, save.meta, save.answer, save.idempotency, save.closing
    return [
        _uuids([stream_id for stream_id, _ in save.expected]),
        _bigints([version for _, version in save.expected]),
        _uuids([cast("UUID", event.originator_id) for event in events]),
        _bigints([event.originator_version for event in events]),
        _texts([event.topic for event in events]),
        _blobs(BYTEA_ARRAY, BYTEA, [event.state for event in events]),
        _uuids(save.event_ids),
        _text(meta.actor_type.value),
        _uuid(meta.actor_id),
        _text(meta.correlation_id),
        _uuid(meta.causation_id),
        _uuid(answer.id),
        _text(answer.status),
        _bigint_column(BIGINT, 8, answer.version),
        *(
            (_text(key.actor), _text(key.operation), _text(key.key), _bytea(key.payload_hash))
            if key is not None
            else _NO_KEY
        ),
        *(
            (
                _bigint_column(BIGINT, 8, closing.position),
                _text(closing.actor_name),
                _uuid(closing.lease_token),
                _text(closing.outcome),
                _timestamp(closing.due_at),
            )
            if closing is not None
            else _NO_CLOSING
        ),
    ]


def _uuid(value: UUID | None) -> bytes:
    return _column(UUID_, _NULL) if value is None else _UUID_HEAD + value.bytes


def _text(value: str | None) -> bytes:
    if value is None:
        return _column(TEXT, _NULL)
    if "\0" in value:
        raise InvalidInput("text", "A text holds a NUL character (U+0000); leave it out.")
    data = value.encode()
    return _column(TEXT, len(data)) + data


def _bytea(value: bytes) -> bytes:
    return _column(BYTEA, len(value)) + value


def _timestamp(value: datetime | None) -> bytes:
    if value is None:
        return _column(TIMESTAMPTZ, _NULL)
    return _bigint_column(TIMESTAMPTZ, 8, (value - POSTGRES_EPOCH) // timedelta(microseconds=1))


def _uuids(values: Sequence[UUID]) -> bytes:
    return _items(UUID_ARRAY, UUID_, len(values), b"".join([_UUID_ITEM + value.bytes for value in values]))


def _bigints(values: Sequence[int]) -> bytes:
    return _items(BIGINT_ARRAY, BIGINT, len(values), b"".join([_bigint_item(8, value) for value in values]))


def _texts(values: Sequence[str]) -> bytes:
    return _blobs(TEXT_ARRAY, TEXT, [value.encode() for value in values])


def _blobs(array_type: int, item_type: int, values: Sequence[bytes]) -> bytes:
    return _items(array_type, item_type, len(values), b"".join([_int(len(value)) + value for value in values]))


def _items(array_type: int, item_type: int, count: int, items: bytes) -> bytes:
    head = _array(1, 0, item_type, count, 1) if count else _array(0, 0, item_type, 0, 0)[:12]
    return _column(array_type, len(head) + len(items)) + head + items


_NO_KEY = (_column(TEXT, _NULL), _column(TEXT, _NULL), _column(TEXT, _NULL), _column(BYTEA, _NULL))
_NO_CLOSING = (
    _column(BIGINT, _NULL),
    _column(TEXT, _NULL),
    _column(UUID_, _NULL),
    _column(TEXT, _NULL),
    _column(TIMESTAMPTZ, _NULL),
)
