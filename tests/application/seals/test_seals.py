"""Sealing a log, verifying it, and proving one event of it."""

import stat
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from application.event_store import PostgresEventStore
from application.seals import proofs, sealer, verification
from application.seals.book import Book, UnreadableSeals
from application.settings import Settings
from application.store_connections import Connection
from tests.application.seals.conftest import NOW, append


def disarm(connection: Connection, *statements: str) -> None:
    """What whoever owns the database can do."""
    connection.execute("ALTER TABLE events DISABLE TRIGGER ALL")
    for statement in statements:
        connection.execute(statement)
    connection.execute("ALTER TABLE events ENABLE TRIGGER ALL")


def faults(connection: Connection, book: Book) -> list[tuple[int, int, str]]:
    report = verification.verify_log(connection, book.seals(), book.keys())
    assert report.ok == (not report.faults)
    return [(fault.first, fault.last, fault.reason) for fault in report.faults]


def test_every_event_is_in_exactly_one_seal(sealed: int, book: Book, connection: Connection) -> None:
    seals = book.seals()
    assert [(seal.first, seal.last) for seal in seals] == [
        *((first, first + 15) for first in range(1, 105, 16)),
        (113, 120),
        (121, 125),
    ]
    report = verification.verify_log(connection, seals, book.keys())
    assert (report.events, report.seals, report.unsealed, report.ok) == (sealed, 9, 0, True)


def test_half_a_line_that_a_crash_left_is_neither_read_nor_kept(
    sealed: int, book: Book, settings: Settings, store: PostgresEventStore, connection: Connection
) -> None:
    file = settings.seals.folder / "seals.ndjson"
    with file.open("ab") as torn:
        torn.write(b'{"format":"tiffin-se')
    assert [seal.last for seal in book.seals()][-1] == sealed
    append(store, 1)
    sealer.seal_new(connection, book, NOW)
    assert book.last() == book.seals()[-1]
    assert book.seals()[-1].last == sealed + 10
    assert file.read_bytes().endswith(b"}\n")
    assert faults(connection, book) == []


def test_nothing_new_nothing_sealed(sealed: int, book: Book, connection: Connection) -> None:
    assert sealer.seal_new(connection, book, NOW) == []
    assert book.seals()[-1].last == sealed


def test_the_key_is_for_its_owner_only(sealed: int, settings: Settings, book: Book) -> None:
    assert sealed
    assert stat.S_IMODE(settings.seals.key_file.stat().st_mode) == 0o600
    assert book.signer().public_key().public_bytes_raw().hex() == book.keys()[0] == book.seals()[0].key
    settings.seals.key_file.write_bytes(b"short")
    with pytest.raises(UnreadableSeals, match="TIFFIN_SEAL_KEY"):
        book.signer()


def test_a_new_key_continues_the_book(
    sealed: int, settings: Settings, book: Book, store: PostgresEventStore, connection: Connection
) -> None:
    settings.seals.key_file.unlink()
    append(store, 1)
    sealer.seal_new(connection, book, NOW)
    assert len(set(book.keys())) == 2
    assert faults(connection, book) == []
    assert book.seals()[-1].last == sealed + 10


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE events SET state = convert_to('{}', 'UTF8') WHERE position = 40", (40, 40)),
        ("UPDATE events SET topic = 'order.placed' WHERE position = 41", (41, 41)),
        ("UPDATE events SET originator_version = 99 WHERE position = 42", (42, 42)),
        ("UPDATE events SET originator_id = gen_random_uuid() WHERE position = 42", (42, 42)),
        ("UPDATE events SET event_id = gen_random_uuid() WHERE position = 42", (42, 42)),
        ("UPDATE events SET recorded_at = recorded_at + interval '1 microsecond' WHERE position = 43", (43, 43)),
        ("UPDATE events SET actor_type = 'admin' WHERE position = 44", (44, 44)),
        ("UPDATE events SET actor_id = NULL WHERE position = 45", (45, 45)),
        ("UPDATE events SET correlation_id = 'x' WHERE position = 46", (46, 46)),
        ("UPDATE events SET causation_id = NULL WHERE position = 47", (47, 47)),
        ("UPDATE events SET hash = sha256('x') WHERE position = 48", (48, 48)),
        ("DELETE FROM events WHERE position = 60", (60, 60)),
        ("DELETE FROM events WHERE position BETWEEN 60 AND 90", (60, 90)),
        ("DELETE FROM events WHERE position > 119", (120, 125)),
        ("DELETE FROM events WHERE position = 125", (125, 125)),
        ("UPDATE events SET position = 1000 WHERE position = 70", (70, 70)),
    ],
)
def test_every_change_of_a_row_is_found_where_it_was_made(
    sealed: int, book: Book, connection: Connection, statement: str, expected: tuple[int, int]
) -> None:
    assert sealed
    assert faults(connection, book) == []
    disarm(connection, statement)
    assert expected in [(first, last) for first, last, _ in faults(connection, book)]


def test_a_log_whose_chain_was_computed_anew_does_not_fit_its_seals(
    sealed: int, book: Book, connection: Connection
) -> None:
    assert sealed
    disarm(
        connection,
        "UPDATE events SET topic = 'order.cancelled' WHERE position = 50",
        """DO $$
        DECLARE e events; before bytea;
        BEGIN
            SELECT hash INTO before FROM events WHERE position = 49;
            FOR e IN SELECT * FROM events WHERE position >= 50 ORDER BY position LOOP
                before := link(before, e.position, e.originator_id, e.originator_version, e.topic, e.state, e.event_id,
                               e.recorded_at, e.actor_type, e.actor_id, e.correlation_id, e.causation_id);
                UPDATE events SET hash = before WHERE position = e.position;
            END LOOP;
            UPDATE log_head SET hash = before;
        END $$""",
    )
    found = faults(connection, book)
    assert found[0] == (49, 64, "seal 4: its root does not fit these events")
    assert len(found) == 6, "and every later seal"


def test_seals_that_were_changed_left_out_or_cut_off_are_found(
    sealed: int, book: Book, connection: Connection, settings: Settings
) -> None:
    seals, keys = book.seals(), book.keys()

    def ranges(*changed: object) -> list[tuple[int, int]]:
        report = verification.verify_log(connection, changed, keys)  # type: ignore[arg-type]
        return [(first, last) for first, last, _ in report.faults]

    forged = msgspec.structs.replace(seals[3], root="00" * 32)
    assert (49, 64) in ranges(*seals[:3], forged, *seals[4:])
    assert (49, 80) in ranges(*seals[:3], *seals[4:])
    assert (113, sealed) not in ranges(*seals)
    assert verification.verify_log(connection, seals, ["00" * 32]).faults
    disarm(connection, "UPDATE events SET recorded_at = recorded_at - interval '1 hour' WHERE position = 113")
    assert (113, sealed) in ranges(*seals[:7]), "seals of old events are missing"
    (settings.seals.folder / "seals.ndjson").write_text("{}\n")
    with pytest.raises(UnreadableSeals, match="Line 1"):
        book.seals()


def test_the_sealer_does_not_seal_what_does_not_fit(
    sealed: int, book: Book, store: PostgresEventStore, connection: Connection
) -> None:
    append(store, 1)
    disarm(connection, "UPDATE events SET actor_type = 'admin' WHERE position = 128")
    with pytest.raises(sealer.NotTheLog, match=f"event {sealed + 3}"):
        sealer.seal_new(connection, book, NOW)
    disarm(connection, "UPDATE events SET hash = sha256('x') WHERE position = 125")
    with pytest.raises(sealer.NotTheLog, match=f"event {sealed}"):
        sealer.seal_new(connection, book, NOW)
    connection.execute("UPDATE log_head SET position = 3")
    with pytest.raises(sealer.NotTheLog, match="ends at 3"):
        sealer.seal_new(connection, book, NOW)
    assert book.seals()[-1].last == sealed


def test_a_stretch_is_widened_to_whole_seals(sealed: int, book: Book, connection: Connection) -> None:
    report = verification.verify_log(connection, book.seals(), book.keys(), first=40, last=50)
    assert (report.first, report.events, report.seals, report.ok) == (33, 32, 2, True)
    for first, last in ((1, sealed + 1), (sealed + 2, sealed + 3)):
        with pytest.raises(ValueError, match="ends at 125"):
            verification.verify_log(connection, book.seals(), book.keys(), first=first, last=last)


def test_what_is_not_sealed_yet_is_counted(
    sealed: int, book: Book, store: PostgresEventStore, connection: Connection
) -> None:
    append(store, 2)
    report = verification.verify_log(connection, book.seals(), book.keys())
    assert (report.unsealed, report.events, report.ok) == (20, sealed + 20, True)


@pytest.mark.parametrize("position", [1, 16, 17, 112, 113, 125])
def test_one_event_is_proved_without_the_others(sealed: int, book: Book, connection: Connection, position: int) -> None:
    assert sealed
    ((event_id,),) = connection.execute("SELECT event_id FROM events WHERE position = %s", (position,)).fetchall()
    proof = proofs.prove(connection, book.seals(), event_id)
    again = msgspec.json.decode(msgspec.json.encode(proof), type=proofs.Proof)
    assert proofs.check(again, book.keys()) is None
    assert "known key" in str(proofs.check(again, ["00" * 32]))
    forged = again.state.replace("2026-03-14", "2026-03-15")
    assert forged != again.state
    for field, value in {
        "state": forged,
        "position": position + 1,
        "topic": "order.paid",
        "before": "00" * 32,
        "encoded": again.encoded.replace("32303236", "32303237"),
        "path": ["00" * 32, *again.path[1:]],
        "event_id": book_id(connection, position),
        "seal": msgspec.structs.replace(again.seal, root="00" * 32),
    }.items():
        assert proofs.check(msgspec.structs.replace(again, **{field: value}), book.keys()) is not None, field


def test_a_proof_shows_the_whole_event_and_nothing_else(sealed: int, book: Book, connection: Connection) -> None:
    assert sealed
    found = connection.execute("SELECT event_id, originator_id FROM events WHERE position = 17").fetchall()
    ((event_id, stream_id),) = found
    proof = proofs.prove(connection, book.seals(), event_id)
    inner = proof.state[proof.state.index('"data"') :]
    for field, value in {
        "topic": proof.topic[:3],
        "state": inner[inner.index("{") : inner.index("}") + 1],
        "event_id": stream_id,
        "position": 2**64,
        "encoded": proof.encoded + "00",
    }.items():
        assert proofs.check(msgspec.structs.replace(proof, **{field: value}), book.keys()) is not None, field
    for empty in ("topic", "state", "encoded"):
        assert proofs.check(msgspec.structs.replace(proof, **{empty: ""}), book.keys()) is not None, empty


def book_id(connection: Connection, position: int) -> object:
    """Another event's id."""
    return connection.execute("SELECT event_id FROM events WHERE position <> %s", (position,)).fetchall()[0][0]


def test_what_cannot_be_proved(sealed: int, book: Book, store: PostgresEventStore, connection: Connection) -> None:
    append(store, 1)
    ((late,),) = connection.execute("SELECT event_id FROM events WHERE position = %s", (sealed + 1,)).fetchall()
    with pytest.raises(proofs.NotProvable, match="not sealed yet"):
        proofs.prove(connection, book.seals(), late)
    ((stream,),) = connection.execute("SELECT originator_id FROM events WHERE position = 1").fetchall()
    with pytest.raises(proofs.NotProvable, match="no event"):
        proofs.prove(connection, book.seals(), stream)


def test_seals_are_dated_in_machine_time(sealed: int, book: Book) -> None:
    assert sealed
    assert {seal.sealed_at for seal in book.seals()} == {"2026-03-14T12:00:00.000Z"}
    assert datetime.fromisoformat(book.seals()[0].sealed_at) - datetime(2026, 3, 14, 12, tzinfo=UTC) == timedelta(0)
