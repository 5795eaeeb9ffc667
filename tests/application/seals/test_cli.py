"""`tiffin audit`, as an auditor types it, and the standalone verifier as a stranger does."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from application import revision
from application.bundle import Bundle
from application.cli.__main__ import tiffin
from application.engines import embedded, postgres
from application.event_store import PostgresEventStore
from application.ids import new_id
from application.memory_keys import MemoryKeys
from application.seals import sealer
from application.seals.book import Book
from application.seals.export import events, export
from application.settings import read_settings
from application.store_connections import Connection
from tests.application.seals.conftest import ROOT, append
from tests.application.store_acts import store_settings


def run(data: Path, *arguments: str) -> Result:
    environment = {"TIFFIN_DATA": str(data), "DATABASE_URL": None, "VALKEY_URL": None}
    return CliRunner().invoke(tiffin, ["audit", *arguments], env=environment)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of running engines with a log of 40 sealed events."""
    folder = tmp_path_factory.mktemp("audit")
    with embedded.embedded(folder, durable=False) as addresses:
        revision.upgrade(addresses.database_url)
        store = PostgresEventStore(store_settings(addresses.database_url), MemoryKeys())
        append(store, 4)
        store.close()
        book = Book(read_settings({"TIFFIN_DATA": str(folder)}).seals)
        with psycopg.connect(addresses.database_url, autocommit=True) as connection:
            sealer.seal_new(connection, book, datetime.now(UTC))
        yield folder


def test_a_whole_log_verifies(data: Path) -> None:
    done = run(data, "verify", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.output.splitlines()[-1])
    assert (report["events"], report["ok"], report["faults"]) == (40, True, [])
    assert report["events_per_s"] > 0
    assert "Everything fits." in run(data, "verify", "--from", "3", "--to", "9").output


def test_what_cannot_be_asked_is_refused_in_words(data: Path) -> None:
    for arguments, said in {
        ("verify", "--from", "9", "--to", "3"): "comes before",
        ("verify", "--to", "41"): "the log ends at 40",
        ("verify", "--from", "41", "--to", "50"): "the log ends at 40",
        ("verify", "--from", "0"): "0 is not in the range",
        ("prove", "x"): "not a valid UUID",
        ("prove", "018f9c1e-7a30-7d52-9c1d-3f0a4b9d2e11"): "There is no event",
        ("verify-proof", str(data / "nothing"), "--key", "00" * 32): "does not exist",
        ("verify-proof", str(data / "nothing"), "--key", "00"): "is no public key",
        ("verify", "--key", "zz"): "is no public key",
        ("export", str(data)): "exists already",
        ("export", str(data / "late"), "--from", "41"): "no seal covers",
        ("export", str(data / "seals" / "seals.ndjson" / "here")): "Not a directory",
    }.items():
        refused = run(data, *arguments)
        assert refused.exit_code != 0
        assert said in refused.output, refused.output


@pytest.mark.parametrize("state", [b"\xff", b"{}"], ids=["no text", "no event"])
def test_an_event_that_cannot_be_read_is_told_in_words(data: Path, tmp_path: Path, state: bytes) -> None:
    with psycopg.connect(postgres.address(data / "postgres"), autocommit=True) as connection:
        found = connection.execute("SELECT originator_id, event_id, state FROM events WHERE position = 7").fetchall()
        ((stream_id, event_id, before),) = found
        try:
            _rewrite(connection, state)
            refused = [run(data, "replay", "--stream", str(stream_id))]
            if state == b"\xff":
                refused += [run(data, "prove", str(event_id)), run(data, "export", str(tmp_path / "bundle"))]
            for one in refused:
                assert "`tiffin audit verify` says" in one.output, (one.output, one.exception)
                assert one.exit_code == 1
            assert "event 7: is not what was appended" in run(data, "verify").output
        finally:
            _rewrite(connection, before)
    assert run(data, "verify").exit_code == 0


def _rewrite(connection: "psycopg.Connection[tuple[Any, ...]]", state: bytes) -> None:
    """What whoever owns the database can do."""
    connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
    connection.execute("UPDATE events SET state = %s WHERE position = 7", (state,))
    connection.execute("ALTER TABLE events ENABLE TRIGGER ALL")


def test_a_key_that_is_not_trusted_fails(data: Path) -> None:
    refused = run(data, "verify", "--key", "00" * 32)
    assert refused.exit_code == 1
    assert "not signed by a known key" in refused.output


def test_an_event_is_proved_to_who_knows_the_key(data: Path, tmp_path: Path) -> None:
    with psycopg.connect(postgres.address(data / "postgres")) as connection:
        ((event_id,),) = connection.execute("SELECT event_id FROM events WHERE position = 7").fetchall()
    key = run(data, "keys").output.strip()
    proof = tmp_path / "proof.json"
    proof.write_text(run(data, "prove", str(event_id)).output)
    assert "Event 7" in run(data, "verify-proof", str(proof), "--key", key.upper()).output
    assert "does not hold" in run(data, "verify-proof", str(proof), "--key", "00" * 32).output
    proof.write_text("{}")
    assert "is no proof" in run(data, "verify-proof", str(proof), "--key", key).output


def test_a_stranger_verifies_an_export(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    assert run(data, "export", str(folder)).exit_code == 0
    key = run(data, "keys").output.strip()
    catalogue = [json.loads(line) for line in (folder / "catalogue.ndjson").read_text().splitlines()]
    assert "driver.registered" in {entry["topic"] for entry in catalogue}

    def verify(trusted: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-I", str(ROOT / "tools" / "verify_export.py"), str(folder), "--key", trusted]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)  # noqa: S603

    assert verify(key.upper()).stdout == "ok: 40 events (1 to 40), 1 seals\n"
    assert "invalid key value" in verify("abc").stderr
    refused = verify("00" * 32)
    assert refused.returncode == 1
    assert "not signed by a key you trust" in refused.stdout


def test_a_bundle_is_replayed_without_a_database(data: Path, tmp_path: Path) -> None:
    folder, nowhere = tmp_path / "bundle", tmp_path / "nowhere"
    assert run(data, "export", str(folder)).exit_code == 0
    done = run(nowhere, "replay", "--bundle", str(folder))
    assert done.exit_code == 0, done.output
    replayed = json.loads(done.output)
    assert (replayed["events"], replayed["streams"], replayed["older"]) == (40, {"driver": 4}, 0)
    stream = next(events(folder)).stream_id
    steps = run(nowhere, "replay", "--bundle", str(folder), "--stream", str(stream)).output
    assert "driver.registered" in steps
    assert 'name: null → "erased"' in steps, "the keys stayed where it came from"
    assert "There is no stream" in run(nowhere, "replay", "--bundle", str(folder), "--stream", str(new_id())).output
    for arguments in ((), ("--all", "--bundle", str(folder)), ("--all", "--stream", str(stream))):
        assert "Say either --stream ID or --all" in run(nowhere, "replay", *arguments).output
    assert not nowhere.exists()


def test_a_broken_bundle_is_named(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    assert run(data, "export", str(folder)).exit_code == 0
    (part,) = folder.glob("events-*.zst")
    whole = part.read_bytes()
    part.write_bytes(whole[:-9])
    assert f"{part.name} is not the file that was exported" in run(data, "replay", "--bundle", str(folder)).output
    part.unlink()
    assert f"{part.name} cannot be read" in run(data, "replay", "--bundle", str(folder)).output
    assert "holds no bundle" in run(data, "replay", "--bundle", str(tmp_path)).output


def test_events_of_older_streams_are_counted_apart(
    store: PostgresEventStore, connection: Connection, book: Book, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sealer, "EVENTS_A_SEAL", 5)
    append(store, 1)
    sealer.seal_new(connection, book, datetime.now(UTC))
    folder = tmp_path / "bundle"
    export(
        connection,
        folder,
        book.seals(),
        book.keys(),
        first=6,
        last=None,
        catalogue=b"",
        now=datetime.now(UTC),
        on_progress=lambda _: None,
    )
    found = Bundle(folder).replay()
    assert (found.first, found.last, found.events, found.older, found.streams) == (6, 10, 5, 5, {})
