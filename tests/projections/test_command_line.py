"""`tiffin projector` as a process, `tiffin projections` as an operator sees it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import Connection

from application.cli.projections import command
from application.privacy.keys import open_keys
from application.settings import Settings
from domain.encryption import PersonalData
from domain.mapper import JSONMapper
from domain.order import events as order
from projections import dead_letters, inbox, positions
from projections.registry import PROJECTIONS
from tests.projections.history import CUSTOMER, DRIVER, History, joined, placed
from tests.waiting import eventually

DRAIN_SECONDS = 10


@pytest.fixture
def projector(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The real process on the test's own database, counting into a folder of the test's own."""
    metrics = settings.data_dir / "metrics"
    metrics.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "application.cli", "projector"],
        env=os.environ | settings.environment() | {"PROMETHEUS_MULTIPROC_DIR": str(metrics)},
    )
    yield process
    process.kill()
    process.wait(5)


def ask(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, env=settings.environment() | {"COLUMNS": "200"})


def store(settings: Settings, connection: Connection, history: History) -> int:
    """With keys that another process finds."""
    with open_keys(settings) as keys:
        return history.store(connection, JSONMapper(personal=PersonalData(keys)))


def test_the_process_feeds_everything_and_ends_when_told(
    projector: subprocess.Popen[bytes], settings: Settings, connection: Connection, history: History
) -> None:
    history.tell(DRIVER, joined())
    last = store(settings, connection, history)
    names = [*(projection.name for projection in PROJECTIONS), "dispatchable", "live"]

    def all_there() -> bool:
        with connection.begin():
            return positions.of(connection, names) >= last

    eventually(all_there)
    shown = ask(settings)
    assert shown.exit_code == 0
    for name in names:
        assert name in shown.output
    assert ask(settings, "rebuild", "dispatchable").exit_code == 0
    eventually(all_there)
    projector.send_signal(signal.SIGTERM)
    assert projector.wait(DRAIN_SECONDS) == 0
    counted = CollectorRegistry()
    MultiProcessCollector(counted, path=str(settings.data_dir / "metrics"))  # type: ignore[no-untyped-call]
    assert counted.get_sample_value("projection_events_total", {"projection": "inbox"}) == last
    assert counted.get_sample_value("projection_batch_seconds_count", {"lane": "tables"}) == 1


def test_a_stopped_projection_shows_why_and_can_be_retried(settings: Settings, connection: Connection) -> None:
    with connection.begin():
        positions.stop(connection, "inbox", "event 3 (order.placed): KeyError: 'x'")
    assert "event 3 (order.placed): KeyError: 'x'" in ask(settings).output
    assert ask(settings, "retry", "inbox").exit_code == 0
    again = ask(settings, "retry", "inbox")
    assert again.exit_code == 1
    assert "has not stopped" in again.output


@pytest.mark.usefixtures("connection")
def test_a_projection_is_paused_and_resumed(settings: Settings) -> None:
    assert ask(settings, "pause", "inbox").exit_code == 0
    assert "paused" in ask(settings).output
    assert "no live read model nonsense" in ask(settings, "pause", "nonsense").output
    assert ask(settings, "resume", "inbox").exit_code == 0
    again = ask(settings, "resume", "inbox")
    assert again.exit_code == 1
    assert "inbox is not paused" in again.output


def test_dead_letters_are_listed(settings: Settings, connection: Connection, history: History) -> None:
    history.tell(DRIVER, joined())
    with connection.begin():
        dead_letters.record(connection, "inbox", history.events[0], "event 1 (driver.registered): KeyError: 'x'")
    listed = ask(settings, "dead", "inbox").output
    assert "driver.registered" in listed
    assert "KeyError" in listed
    assert "driver.registered" not in ask(settings, "dead", "order_details").output


def test_dead_letters_are_retried_one_by_one_and_all(
    settings: Settings, connection: Connection, history: History
) -> None:
    history.tell(UUID(int=100), order.Confirmed(prep_seconds=900))
    history.tell(UUID(int=101), placed(), order.Confirmed(prep_seconds=900))
    store(settings, connection, history)
    with connection.begin():
        for event in history.events:
            dead_letters.record(connection, "inbox", event, "event: cannot fold this")
        positions.move(connection, positions.hold(connection, ["inbox"]), 3)
    assert "2 is folded." in ask(settings, "retry", "inbox", "2").output
    gone = ask(settings, "retry", "inbox", "2")
    assert gone.exit_code == 1
    assert "inbox has no dead letter at position 2; `tiffin projections dead inbox` lists" in gone.output
    rest = ask(settings, "retry", "inbox", "--all")
    assert rest.exit_code == 1
    assert "1 stays a dead letter: event 1 (order.confirmed): KeyError" in rest.output
    assert "3 is folded." in rest.output
    assert "1 of 2 failed again" in rest.output
    assert "KeyError" in ask(settings, "dead", "inbox").output
    assert [entry.kind for entry in inbox.entries(connection, CUSTOMER).items] == ["order_confirmed", "order_placed"]
    assert "has no dead letters" in ask(settings, "retry", "order_lists", "--all").output
    unknown = ask(settings, "retry", "nonsense", "3")
    assert unknown.exit_code == 1
    assert "there are: order_details" in unknown.output
    assert ask(settings, "retry", "inbox", "3", "--all").exit_code == 2


def test_rebuilding_says_how_far_it_came(settings: Settings, connection: Connection, history: History) -> None:
    history.tell(DRIVER, joined())
    store(settings, connection, history)
    rebuilt = ask(settings, "rebuild", "driver_board")
    assert "driver_board is rebuilt up to position 1" in rebuilt.output
    unknown = ask(settings, "rebuild", "nonsense")
    assert unknown.exit_code == 1
    assert "there are: order_details" in unknown.output


def test_a_rebuild_that_cannot_read_the_log_says_where(
    settings: Settings, connection: Connection, history: History
) -> None:
    history.tell(DRIVER, joined())
    history.store(connection)  # with keys that nobody else has
    stuck = ask(settings, "rebuild", "driver_board")
    assert (stuck.exit_code, "The event after position 0 cannot be read" in stuck.output) == (1, True), stuck.output
