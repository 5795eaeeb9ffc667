"""The sealer: once a second it seals what was appended since, at most 1,000 events a seal."""

from datetime import datetime
from itertools import batched

from application.seals import rows
from application.seals.book import Book
from application.seals.seal import Seal, make
from application.store_connections import Connection
from projections.log import FLUSH

EVENTS_A_SEAL = 1_000
AT_ONCE = 50_000
"""Events sealed in one run; a log that is far ahead is caught up run by run."""


class NotTheLog(Exception):  # noqa: N818 - names the outcome
    """The log is not the one that was sealed so far: nothing more is sealed until somebody has looked."""


def seal_new(connection: Connection, book: Book, now: datetime) -> list[Seal]:
    """Seal what was appended since the last seal. `now` is machine time. Raises NotTheLog, UnreadableSeals."""
    before = book.last()
    end = rows.head(connection)
    first, link = (1, rows.GENESIS) if before is None else (before.last + 1, bytes.fromhex(before.head))
    if end < first:
        if before is not None and end < before.last:
            raise NotTheLog(f"seal {before.number} covers events up to {before.last}; the log ends at {end}.")
        return []
    if before is not None and rows.hash_at(connection, before.last) != link:
        raise NotTheLog(f"event {before.last} is not the one that seal {before.number} was made for.")
    # Nothing is sealed that a crash could still take back.
    connection.execute(FLUSH)
    hashes: list[bytes] = []
    for position, row in enumerate(rows.read(connection, first, min(end, first + AT_ONCE - 1)), first):
        link = row.link(link)
        if row.position != position or row.hash != link:
            raise NotTheLog(f"event {position} does not continue the hash chain.")
        hashes.append(link)
    signer, seals = book.signer(), []
    for stretch in batched(hashes, EVENTS_A_SEAL):
        before = make(list(stretch), first=first, before=before, signer=signer, now=now)
        first = before.last + 1
        seals.append(before)
    book.publish(seals)
    return seals
