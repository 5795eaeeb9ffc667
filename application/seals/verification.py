"""Is the log the one that was written? Chain, roots and signatures, and where they do not fit."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic

import msgspec

from application.seals import merkle, rows
from application.seals.rows import Hashed
from application.seals.seal import Fault, Seal, check_chain
from application.store_connections import Connection

MOST_FAULTS = 100
UNSEALED_SECONDS = 30.0
"""An event older than this without a seal is a fault: the sealer seals every second."""

type Read = Callable[[int, int], Iterator[Hashed]]
"""The events from one position to another, in order."""


class Report(msgspec.Struct, kw_only=True):
    """What a verification found. `unsealed` events are younger than the last seal: only their chain was checked."""

    first: int
    last: int
    events: int
    seals: int
    unsealed: int
    ok: bool
    faults: list[Fault]
    seconds: float
    events_per_s: float


class Verifier:
    """Checks one stretch of a log against its seals."""

    def __init__(self, read: Read, seals: Sequence[Seal], keys: Sequence[str]) -> None:
        """`keys` are the public keys that are trusted, in hexadecimal."""
        self._read = read
        self._seals = seals
        self._keys = keys
        self._faults: list[Fault] = []

    def verify(
        self, first: int, last: int, *, before: bytes | None = None, on_progress: Callable[[int], None] | None = None
    ) -> Report:
        """Check events `first` to `last`, widened to whole seals. `before` is the hash stored before `first`.

        Raises ValueError for a stretch that does not exist.
        """
        if not 1 <= first <= max(last, 1):
            raise ValueError(f"events {first} to {last} do not exist")
        began = monotonic()
        self._faults = check_chain(self._seals, self._keys)
        covering = [seal for seal in self._seals if seal.last >= first and seal.first <= last]
        first = min([first, *(seal.first for seal in covering)])
        sealed = covering[-1].last if covering else first - 1
        if before is None:
            before = self._hash_before(first)
        events = self._walk(first, max(last, sealed), before, covering, on_progress or (lambda _: None))
        seconds = monotonic() - began
        return Report(
            first=first,
            last=last,
            events=events,
            seals=len(covering),
            unsealed=max(0, last - max(sealed, first - 1)),
            ok=not self._faults,
            faults=sorted(self._faults)[:MOST_FAULTS],
            seconds=round(seconds, 3),
            events_per_s=round(events / max(seconds, 1e-9), 1),
        )

    def _hash_before(self, first: int) -> bytes:
        """The seal before says it best; without one the chain begins, or is taken as it is."""
        sealed = next((seal for seal in self._seals if seal.last == first - 1), None)
        if sealed is not None:
            return bytes.fromhex(sealed.head)
        if first == 1:
            return rows.GENESIS
        row = next(self._read(first - 1, first - 1), None)
        if row is None:
            self._fault(first - 1, first - 1, "is missing")
            return rows.GENESIS
        return row.hash

    def _walk(
        self, first: int, last: int, link: bytes, seals: Sequence[Seal], on_progress: Callable[[int], None]
    ) -> int:
        """Follow the chain; the hashes of each seal's stretch make its root."""
        waiting, hashes, position, events = list(reversed(seals)), [], first, 0
        for row in self._read(first, last):
            if row.position != position:
                if row.position < position:
                    self._fault(row.position, row.position, "is there twice or out of order")
                    continue
                self._fault(position, row.position - 1, "is missing" if row.position == position + 1 else "are missing")
                position = row.position
                # The chain goes on from what is stored, so that one gap is one fault.
                link = b""
            computed = row.link(link) if link else row.hash
            if computed != row.hash:
                self._fault(position, position, "is not what was appended: its hash does not fit")
            link = row.hash
            hashes.append(row.hash)
            events += 1
            position += 1
            if waiting and row.position >= waiting[-1].last:
                self._compare(waiting.pop(), hashes)
                hashes = []
                on_progress(row.position)
        if position <= last:
            self._fault(position, last, "is missing at the end" if position == last else "are missing at the end")
        return events

    def _compare(self, seal: Seal, hashes: list[bytes]) -> None:
        if len(hashes) != seal.last - seal.first + 1:
            self._fault(seal.first, seal.last, f"seal {seal.number}: {len(hashes)} events instead of all")
        elif merkle.root(hashes).hex() != seal.root or hashes[-1].hex() != seal.head:
            self._fault(seal.first, seal.last, f"seal {seal.number}: its root does not fit these events")

    def _fault(self, first: int, last: int, reason: str) -> None:
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(Fault(first, last, reason))


def verify_log(
    connection: Connection,
    seals: Sequence[Seal],
    keys: Sequence[str],
    *,
    first: int = 1,
    last: int | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Report:
    """Verify the log in the database. Raises ValueError for a stretch beyond its end."""
    end = rows.head(connection)
    if last is not None and last > max(end, seals[-1].last if seals else 0):
        raise ValueError(f"the log ends at {end}; name an event up to there")
    verifier = Verifier(lambda low, high: rows.read(connection, low, high), seals, keys)
    report = verifier.verify(first, end if last is None else last, on_progress=on_progress)
    if last is None:
        report.faults += end_faults(connection, seals, end)
        report.ok = not report.faults
    return report


def end_faults(connection: Connection, seals: Sequence[Seal], end: int) -> list[Fault]:
    """What is wrong with the log's end: it was cut off, or the sealing was."""
    sealed = seals[-1].last if seals else 0
    ((count, last, oldest),) = connection.execute(
        "SELECT count(*), coalesce(max(position), 0), min(recorded_at) FROM events WHERE position > %s", (sealed,)
    ).fetchall()
    faults = []
    if max(last, sealed) != end or (last > sealed and count != last - sealed):
        faults.append(Fault(min(last, end) + 1, max(last, end), "the log's end is not where its head says"))
    if oldest is not None and datetime.now(UTC) - oldest > timedelta(seconds=UNSEALED_SECONDS):
        faults.append(Fault(sealed + 1, end, f"unsealed for more than {UNSEALED_SECONDS:g} s: seals are missing"))
    return faults
