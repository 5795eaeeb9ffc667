"""What metrics say of the sealer."""

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from application import clock_jobs, metrics
from application.bootstrap import Tiffin
from application.event_store import PostgresEventStore
from application.seals import figures
from application.seals.book import Book
from application.settings import Settings
from application.store_connections import Connection
from projections import generations
from projections.connections import open_engine
from projections.registry import PROJECTIONS
from tests.application.seals.conftest import append
from tests.application.seals.test_seals import disarm

HOUR_AGO = "UPDATE events SET recorded_at = clock_timestamp() - interval '1 hour' WHERE position = 126"


@pytest.fixture
def behind(sealed: int, store: PostgresEventStore, connection: Connection) -> int:
    """A log with ten events after its seals, the first of them an hour old."""
    append(store, 1)
    disarm(connection, HOUR_AGO)
    return sealed


def counted() -> tuple[float, float]:
    names = ("seals_published_total", "seal_failures_total")
    return tuple(REGISTRY.get_sample_value(name) or 0.0 for name in names)  # type: ignore[return-value]


def test_how_far_the_log_is_sealed(behind: int, connection: Connection, book: Book) -> None:
    found = figures.progress(connection, book)
    assert (found.sealed, found.unsealed) == (behind, 10)
    assert 3_600 <= found.oldest_seconds < 3_700


def test_a_log_without_seals_or_events(connection: Connection, book: Book) -> None:
    assert figures.progress(connection, book) == figures.Progress(sealed=0, unsealed=0, oldest_seconds=0.0)


def test_the_metrics_say_it(behind: int, tiffin: Tiffin, book: Book, settings: Settings) -> None:
    def exposed() -> dict[str, float]:
        families = text_string_to_metric_families(metrics.render(tiffin.reads, book)[0].decode())
        return {sample.name: sample.value for family in families for sample in family.samples}

    with open_engine(settings.database.url).connect() as writer:
        generations.ensure(writer, PROJECTIONS)
    found = exposed()
    assert (found["seals_last_position"], found["seals_unsealed_events"]) == (behind, 10)
    assert found["seals_oldest_unsealed_seconds"] >= 3_600
    (settings.seals.folder / "seals.ndjson").write_text("{}\n")
    found = exposed()
    assert "seals_last_position" not in found
    assert found["database_up"] == 1


def test_the_clock_job_counts_seals_and_failures(
    sealed: int, tiffin: Tiffin, store: PostgresEventStore, connection: Connection, book: Book
) -> None:
    append(store, 4)
    published, failed = counted()
    clock_jobs.seal_log(tiffin)
    assert book.last() is not None
    assert counted() == (published + 3, failed), "forty events make three seals of at most 16"
    clock_jobs.seal_log(tiffin)
    assert counted() == (published + 3, failed)
    append(store, 1)
    assert sealed + 43 == 168
    disarm(connection, "UPDATE events SET actor_type = 'admin' WHERE position = 168")
    clock_jobs.seal_log(tiffin)
    assert counted() == (published + 3, failed + 1)


def test_a_folder_that_cannot_be_written_is_a_failure_too(
    tiffin: Tiffin, store: PostgresEventStore, settings: Settings
) -> None:
    append(store, 1)
    published, failed = counted()
    settings.seals.folder.parent.mkdir(parents=True, exist_ok=True)
    settings.seals.folder.write_text("a file, not a folder")
    with pytest.raises(OSError, match="seals"):
        clock_jobs.seal_log(tiffin)
    assert counted() == (published, failed + 1)
