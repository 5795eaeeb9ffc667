"""What dashboards and `tiffin doctor` know of the sealer: how far it has come, what it did and what failed."""

import msgspec
import psycopg
from prometheus_client import Counter

from application.seals.book import Book
from application.store_connections import Connection

seals_published_total = Counter(
    "seals_published_total",
    "Seals written outside the database.",
)
seal_failures_total = Counter(
    "seal_failures_total",
    "Runs of the sealer that failed; when it goes on growing, look at the follower's log.",
)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log is sealed."""

    sealed: int
    """The last position under a seal."""
    unsealed: int
    """Events after it; below zero when the log is shorter than its seals say."""
    oldest_seconds: float
    """How long ago the first of them was recorded; 0 when there is none."""


def progress(connection: Connection, book: Book) -> Progress:
    """Compare the book's end with the log's. Raises UnreadableSeals, OSError, psycopg.Error."""
    # The book first: what is sealed and appended in between must not look like seals without a log.
    seal = book.last()
    sealed = 0 if seal is None else seal.last
    row = connection.execute(_PROGRESS, (sealed + 1,)).fetchone()
    if row is None:
        raise psycopg.DataError("the log has no head")
    return Progress(sealed=sealed, unsealed=row[0] - sealed, oldest_seconds=max(0.0, row[1]))


_PROGRESS = """
SELECT log_head.position, coalesce(extract(epoch FROM clock_timestamp() - first.recorded_at), 0)::float8
FROM log_head LEFT JOIN events AS first ON first.position = %s"""
