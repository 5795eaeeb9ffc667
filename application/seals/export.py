"""An export bundle: a stretch of the log with its seals, to be verified and replayed elsewhere.

A folder: `manifest.json`, the events in `events-NNNNNNNN.ndjson.zst` of at most 100,000 lines, `seals.ndjson`, and
`catalogue.ndjson`, which says what each event means. The format is documented in `docs/tamper-evidence.md`;
`tools/verify_export.py` checks a bundle without any of this code.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import batched
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from application.seals import rows
from application.seals.seal import Seal
from application.store_connections import Connection

try:
    from compression import zstd  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from backports import zstd

FORMAT = "tiffin-export-1"
EVENTS_A_PART = 100_000
READ_AT_ONCE = 10_000
MANIFEST, SEALS, CATALOGUE = "manifest.json", "seals.ndjson", "catalogue.ndjson"

_READ = """
SELECT position, originator_id, originator_version, topic, convert_from(state, 'UTF8'), event_id, recorded_at,
       actor_type, actor_id, correlation_id, causation_id, encode(hash, 'hex')
FROM events WHERE position BETWEEN %s AND %s ORDER BY position"""
_encode = msgspec.json.Encoder().encode


class ExportedEvent(msgspec.Struct, frozen=True):
    """One line: every stored column. `state` is the stored JSON, character by character; times in microseconds UTC."""

    position: int
    stream_id: UUID
    version: int
    topic: str
    state: str
    event_id: UUID
    recorded_at: datetime
    actor_type: str
    actor_id: UUID | None
    correlation_id: str | None
    causation_id: UUID | None
    hash: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the bundle."""

    file: str
    first: int
    last: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle holds. `before` is the hash before the first event, in hexadecimal."""

    format: str = FORMAT
    created_at: datetime
    first: int
    last: int
    before: str
    parts: list[Part]
    seals: Part
    catalogue: Part
    keys: list[str]


class NotExportable(Exception):  # noqa: N818 - names the outcome
    """The bundle cannot be made; the message says why."""


def export(
    connection: Connection,
    folder: Path,
    seals: Sequence[Seal],
    keys: Sequence[str],
    *,
    first: int,
    last: int | None,
    catalogue: bytes,
    now: datetime,
    on_progress: Callable[[int], None],
) -> Manifest:
    """Write a bundle into a new folder, widened to whole seals. `catalogue` are JSON lines. Raises NotExportable."""
    covering = [seal for seal in seals if seal.last >= first and (last is None or seal.first <= last)]
    end = rows.head(connection)
    if not covering:
        raise NotExportable(f"no seal covers events from {first} on; the log ends at {end}, a seal comes every second")
    if last is not None and last > covering[-1].last:
        raise NotExportable(f"events up to {covering[-1].last} are sealed; name an event up to there")
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise NotExportable(f"{folder} exists already; name a new folder") from None
    first, last = covering[0].first, covering[-1].last
    before = rows.hash_at(connection, first - 1) or rows.GENESIS
    parts = []
    for low in range(first, last + 1, EVENTS_A_PART):
        high = min(last, low + EVENTS_A_PART - 1)
        packed = zstd.compress(_lines(connection, low, high))
        parts.append(_write(folder, f"events-{low:08d}.ndjson.zst", low, high, packed))
        on_progress(high)
    book = b"".join(_encode(seal) + b"\n" for seal in covering)
    sealed = _write(folder, SEALS, first, last, book)
    manifest = Manifest(
        created_at=now,
        first=first,
        last=last,
        before=before.hex(),
        parts=parts,
        seals=sealed,
        catalogue=_write(folder, CATALOGUE, first, last, catalogue),
        keys=list(keys),
    )
    (folder / MANIFEST).write_bytes(msgspec.json.format(_encode(manifest)))
    return manifest


def events(folder: Path) -> Iterator[ExportedEvent]:
    """The events of a bundle. Raises NotExportable where it is none, or not whole."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise NotExportable(f"{folder} holds no bundle: {error}") from error
    decode = msgspec.json.Decoder(ExportedEvent).decode
    for part in manifest.parts:
        for line in zstd.decompress(_whole(folder, part)).splitlines():
            yield decode(line)


def _whole(folder: Path, part: Part) -> bytes:
    try:
        data = (folder / part.file).read_bytes()
    except OSError as error:
        raise NotExportable(f"{folder} is no whole bundle: {part.file} cannot be read ({error.strerror})") from error
    if sha256(data).hexdigest() != part.sha256:
        raise NotExportable(f"{part.file} is not the file that was exported: fetch the bundle again")
    return data


def _lines(connection: Connection, low: int, high: int) -> bytes:
    lines: list[bytes] = []
    for stretch in batched(range(low, high + 1), READ_AT_ONCE):
        found: list[Any] = connection.execute(_READ, (stretch[0], stretch[-1])).fetchall()
        lines += [_encode(ExportedEvent(*row)) for row in found]
    return b"\n".join(lines) + b"\n"


def _write(folder: Path, name: str, first: int, last: int, data: bytes) -> Part:
    with (folder / name).open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Part(file=name, first=first, last=last, sha256=sha256(data).hexdigest())
