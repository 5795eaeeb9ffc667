"""The subcommands that operators type, on embedded engines in a folder of their own."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner, Result

from application import revision
from application.cli.__main__ import SUBCOMMANDS, tiffin
from application.engines import embedded
from application.engines.failure import EngineFailed
from application.event_store import PostgresEventStore
from application.memory_keys import MemoryKeys
from application.reactions import follower
from application.seals import sealer
from application.seals.book import Book
from application.settings import read_settings
from application.supervise import NotReady
from tests.application.store_acts import join, store_settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def engines_running(data: Path) -> Iterator[str]:
    """The folder's engines, held as a running `up` holds them, so that each command finds them there."""
    with embedded.embedded(data, durable=False) as addresses:
        yield addresses.database_url


def run(data: Path, *arguments: str, stdin: str | None = None, **variables: str) -> Result:
    environment = {"TIFFIN_DATA": str(data), "DATABASE_URL": None, "VALKEY_URL": None, "TIFFIN_PORT": "18999"}
    return CliRunner().invoke(tiffin, arguments, input=stdin, env=environment | variables)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_explains_itself(data: Path, name: str) -> None:
    shown = run(data, name, "--help")
    assert shown.exit_code == 0, shown.output
    assert not data.exists(), "asking for help starts nothing"


def test_migrating_twice_does_it_once(data: Path, engines_running: str) -> None:
    for _ in range(2):
        assert run(data, "migrate").output == f"The database is at revision {revision.needed()}.\n"
    assert revision.found(engines_running) == revision.needed()


def test_all_that_reads_the_database_refuses_one_that_was_not_migrated(
    data: Path, engines_running: str, tmp_path: Path
) -> None:
    assert revision.found(engines_running) is None
    nobody = str(UUID(int=1))
    for arguments in (
        ("projector",),
        ("projections",),
        ("reactions",),
        ("dispatch", "explain", nobody),
        ("events", "--correlation", "some-request"),
        ("audit", "verify"),
        ("audit", "prove", nobody),
        ("audit", "export", str(tmp_path / "bundle")),
        ("audit", "replay", "--all"),
        ("audit", "replay", "--stream", nobody),
        ("privacy", "forget", "--yes", nobody),
        ("privacy", "rotate"),
    ):
        refused = run(data, *arguments)
        assert isinstance(refused.exception, revision.WrongRevision), arguments
        assert "tiffin migrate" in str(refused.exception)


def test_staff_is_appointed_with_a_password_from_outside_the_arguments(data: Path, engines_running: str) -> None:
    run(data, "migrate")
    create = ("accounts", "create", "--role", "support", "--email", "Ada@Example.com")
    assert run(data, *create, stdin="correct horse battery\n").exit_code == 0
    again = run(data, *create, TIFFIN_PASSWORD="correct horse battery")
    assert again.exit_code == 1
    assert "has an account already" in again.output
    with psycopg.connect(engines_running) as connection:
        rows = connection.execute("SELECT email, role, id = subject_id, password_hash FROM accounts").fetchall()
    assert [row[:3] for row in rows] == [("ada@example.com", "support", True)]
    assert rows[0][3].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    ("email", "password", "said"),
    [("ada", "correct horse battery", "ada@example.com"), ("ada@example.com", "short", "12 to 200 characters")],
)
def test_staff_that_cannot_be_is_refused_with_the_remedy(data: Path, email: str, password: str, said: str) -> None:
    refused = run(data, "accounts", "create", "--role", "admin", "--email", email, stdin=f"{password}\n")
    assert refused.exit_code != 0
    assert said in refused.output
    assert not data.exists()


def test_doctor_finds_nothing_wrong_with_what_works_and_leaves_nothing_running(data: Path) -> None:
    seen = run(data, "doctor")
    assert seen.exit_code == 0, seen.output
    assert "Nothing is wrong." in seen.output
    assert not embedded.healthy(data)


def test_doctor_names_the_server_that_does_not_answer_and_the_remedy(data: Path) -> None:
    seen = run(data, "doctor", DATABASE_URL="postgresql://ada@127.0.0.1:1/tiffin", VALKEY_URL="redis://127.0.0.1:1/0")
    assert seen.exit_code == 1
    assert "Start the server that DATABASE_URL names" in seen.output
    assert "Start the server that VALKEY_URL names" in seen.output


def test_doctor_says_when_the_sealer_is_behind(data: Path) -> None:
    with embedded.embedded(data) as addresses:
        revision.upgrade(addresses.database_url)
        store = PostgresEventStore(store_settings(addresses.database_url), MemoryKeys())
        join(store)
        store.close()
        with psycopg.connect(addresses.database_url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = 'replica'")
            ((recorded_at,),) = connection.execute("SELECT recorded_at FROM events").fetchall()

            def seals(age: timedelta = timedelta()) -> str:
                connection.execute("UPDATE events SET recorded_at = %s", (recorded_at - age,))
                return run(data, "doctor").output.partition("seals: ")[2]

            assert seals().startswith("up to event 0; unsealed until `tiffin follower` runs: 1\nok ")
            connection.execute("SELECT pg_advisory_lock(%s)", (follower.LOCK,))
            assert seals(-timedelta(hours=1)).startswith("up to event 0\n"), "young ones may wait"
            late = seals(timedelta(hours=1))
            assert late.startswith("unsealed events: 1, the oldest for 36")
            assert "→ Look for" in late
            connection.execute("UPDATE events SET recorded_at = %s", (recorded_at,))
            sealer.seal_new(connection, Book(read_settings({"TIFFIN_DATA": str(data)}).seals), recorded_at)
            assert seals().startswith("up to event 1\n")
            connection.execute("UPDATE log_head SET position = 0")
            assert seals().startswith("up to event 1, but the log ends at 0\n")


def test_doctor_names_the_variable_that_cannot_be_used(data: Path) -> None:
    seen = run(data, "doctor", LOG_LEVEL="loud")
    assert seen.exit_code == 1
    assert "LOG_LEVEL is 'loud'" in seen.output


def test_a_folder_that_cannot_be_is_named_with_the_remedy(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.touch()
    for name in ("up", "migrate", "projections"):
        refused = run(occupied / "data", name)
        assert isinstance(refused.exception, EngineFailed), name
        assert "TIFFIN_DATA" in str(refused.exception)
    looked = run(occupied / "data", "doctor")
    assert (looked.exit_code, type(looked.exception)) == (1, SystemExit)
    assert "WRONG  data folder:" in looked.output


def test_a_port_that_is_taken_is_told_before_anything_starts(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = run(data, "up", f"--port={port}")
    assert isinstance(refused.exception, NotReady)
    assert f"127.0.0.1:{port} cannot be used" in str(refused.exception)
    assert not (data / "postgres").exists()


def test_reset_empties_the_embedded_engines(data: Path) -> None:
    with embedded.embedded(data, durable=False):
        busy = run(data, "reset", "--yes")
        assert busy.exit_code == 1
        assert "Still running" in busy.output
    assert (data / "postgres").exists()
    assert run(data, "reset", stdin="n\n").exit_code == 1
    assert (data / "postgres").exists()
    assert run(data, "reset", "--yes").exit_code == 0
    assert not (data / "postgres").exists()
    assert not (data / "valkey").exists()


def test_reset_never_empties_an_outside_server(data: Path) -> None:
    refused = run(data, "reset", "--yes", DATABASE_URL="postgresql://ada@there/tiffin")
    assert refused.exit_code == 1
    assert "DATABASE_URL names an outside server" in refused.output
