"""Events as the chain hashes them, read by COPY in PostgreSQL's binary format: the bytes are hashed as they come.

`application.chain` computes the same from values. A row that COPY sends holds each column's length and bytes, the
chain's encoding adds the columns' types, so nothing needs to be understood and encoded again: an order of magnitude.
"""

from collections.abc import Iterator
from hashlib import sha256
from struct import Struct
from typing import Any, NamedTuple

import psycopg

from application.chain import BIGINT, BYTEA, ENCODING, GENESIS, SMALLINT, TIMESTAMPTZ, UUID_
from application.store_connections import Connection

__all__ = ["GENESIS", "Hashed", "columns", "hash_at", "head", "parse", "read"]

COPY = """COPY (SELECT position, originator_id, originator_version, topic, state, event_id, recorded_at,
                       actor_type, actor_id, correlation_id, causation_id, hash
                FROM events WHERE position BETWEEN {first} AND {last} ORDER BY position) TO STDOUT (FORMAT binary)"""
SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = len(SIGNATURE) + 8
TYPES = (BIGINT, UUID_, BIGINT, BYTEA, BYTEA, UUID_, TIMESTAMPTZ, BYTEA, UUID_, BYTEA, UUID_)
END = -1
"""In place of a row's count of columns: no more rows. In place of a column's length: NULL."""
HEAD = 8
"""What precedes each column: its type and its length."""

_count = Struct("!h").unpack_from
_length = Struct("!i").unpack_from
_position = Struct("!q").unpack_from
_OIDS = tuple(Struct("!I").pack(oid) for oid in TYPES)
_BEFORE = Struct("!iIihIi").pack(len(TYPES) + 2, SMALLINT, 2, ENCODING, BYTEA, 32)
"""The encoding's first bytes: the count of columns, the version, and the head of the hash before."""


class Hashed(NamedTuple):
    """An event's place, what is stored as its hash, and its columns as the chain encodes them."""

    position: int
    hash: bytes
    encoded: bytes

    def link(self, before: bytes) -> bytes:
        """The hash it should have."""
        return sha256(b"".join((_BEFORE, before, self.encoded))).digest()


def columns(encoded: bytes) -> list[bytes | None]:
    """An event's columns, position to causation_id, out of the chain's encoding. Raises ValueError."""
    found: list[bytes | None] = []
    at = 0
    for oid in _OIDS:
        head, value = encoded[at : at + HEAD], at + HEAD
        if len(head) != HEAD or head[:4] != oid:
            raise ValueError("these are not an event's columns")
        (length,) = _length(head, 4)
        at = value + max(length, 0)
        found.append(encoded[value:at] if length != END else None)
    if at != len(encoded):
        raise ValueError("these are not an event's columns alone")
    return found


def read(connection: Connection, first: int, last: int) -> Iterator[Hashed]:
    """The events of these positions, in order; those that are not there are left out."""
    with connection.cursor() as cursor, cursor.copy(COPY.format(first=int(first), last=int(last))) as copy:
        yield from parse(iter(copy.read, b""))


def parse(chunks: Iterator[Any]) -> Iterator[Hashed]:
    """From COPY's bytes; psycopg hands them on a row or more at a time, never less."""
    for chunk in chunks:
        data = bytes(chunk)
        at = HEADER if data.startswith(SIGNATURE) else 0
        while at < len(data):
            (columns,) = _count(data, at)
            if columns == END:
                break
            at += 2
            begin = at + 4
            parts: list[bytes] = []
            for oid in _OIDS:
                (length,) = _length(data, at)
                end = at + 4 + max(length, 0)
                parts += (oid, data[at:end])
                at = end
            hash_at = at + 4
            (length,) = _length(data, at)
            at = hash_at + length
            yield Hashed(_position(data, begin)[0], data[hash_at:at], b"".join(parts))


def hash_at(connection: Connection, position: int) -> bytes | None:
    """What is stored as an event's hash."""
    row = connection.execute("SELECT hash FROM events WHERE position = %s", (position,)).fetchone()
    return None if row is None else bytes(row[0])


def head(connection: Connection) -> int:
    """The log's last position, on disk."""
    row = connection.execute("SELECT position FROM log_head").fetchone()
    if row is None:
        raise psycopg.DataError("the log has no head")
    return int(row[0])
