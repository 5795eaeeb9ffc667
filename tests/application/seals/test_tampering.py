"""An export in the hands of whoever wants another history: every change is found, and found where it was made."""

import copy
import json
import os
import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from application.seals import export
from application.seals.book import Book
from application.store_connections import Connection
from tests.application.seals.conftest import NOW

PLACES = int(os.environ.get("TIFFIN_TAMPERINGS", "60"))

type Event = dict[str, Any]
type Tampering = Callable[[random.Random, list[Event], int], tuple[int, int]]
"""Changes the events at an index; answers the positions where it shows."""


def flip(choose: random.Random, events: list[Event], at: int) -> tuple[int, int]:
    """One character of one column."""
    event = events[at]
    name = choose.choice([name for name, value in event.items() if isinstance(value, str)])
    value = event[name]
    place = choose.randrange(len(value))
    event[name] = value[:place] + choose.choice("0123456789abcdef".replace(value[place], "")) + value[place + 1 :]
    position = at + 1
    return position, position


def delete(_: random.Random, events: list[Event], at: int) -> tuple[int, int]:
    del events[at]
    return at + 1, at + 1


def insert(choose: random.Random, events: list[Event], at: int) -> tuple[int, int]:
    """Once computed anew, a copy of an event before it is one after it: then that is where it shows."""
    new = copy.deepcopy(choose.choice(events))
    last = at + 2 if new == events[at] else at + 1
    events.insert(at, new)
    return at + 1, last


def reorder(choose: random.Random, events: list[Event], at: int) -> tuple[int, int]:
    other = choose.choice([number for number in range(len(events)) if number != at])
    events[at], events[other] = events[other], events[at]
    return min(at, other) + 1, min(at, other) + 1


def truncate(_: random.Random, events: list[Event], at: int) -> tuple[int, int]:
    del events[at:]
    return at + 1, at + 1


TAMPERINGS: tuple[Tampering, ...] = (flip, delete, insert, reorder, truncate)


@pytest.fixture
def bundle(sealed: int, connection: Connection, book: Book, tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    manifest = export.export(
        connection,
        folder,
        book.seals(),
        book.keys(),
        first=1,
        last=None,
        catalogue=b"{}\n",
        now=NOW,
        on_progress=lambda _: None,
    )
    assert (manifest.first, manifest.last) == (1, sealed)
    return folder


def test_an_untouched_bundle_fits(bundle: Path, book: Book, verifier: ModuleType) -> None:
    events, seals, before = verifier.read_bundle(bundle)
    assert len(events) == 125
    assert verifier.verify(events, seals, before, set(book.keys())) == []
    assert [event.position for event in export.events(bundle)] == list(range(1, 126))


def test_every_tampering_is_found_where_it_was_made(bundle: Path, book: Book, verifier: ModuleType) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - no secret
    choose, number, found = random.Random(seed), 0, 0  # noqa: S311 - no secret
    whole, seals, before = verifier.read_bundle(bundle)
    while found < PLACES:
        number += 1
        tamper = TAMPERINGS[number % len(TAMPERINGS)]
        events = copy.deepcopy(whole)
        first, last = tamper(choose, events, choose.randrange(len(events)))
        clever = number // len(TAMPERINGS) % 2 == 1
        if clever:
            relink(verifier, events, before)
        if events == whole:  # a flipped hash that was computed anew
            continue
        faults = verifier.verify(events, seals, before, set(book.keys()))
        said = f"seed {seed}, number {number}, {tamper.__name__} at {first}, clever: {clever}: {faults[:3]}"
        assert faults, said
        located = [fault for fault in faults if fault[0] <= last and fault[1] >= first]
        assert located, said
        if not clever:
            assert faults[0][0] == first or located[0] == faults[0], said
        found += 1
    print(f"{found} tamperings, all found and located (seed {seed})")  # noqa: T201 - what a long run has done


def relink(verifier: ModuleType, events: list[Event], before: str) -> None:
    """Number and chain the events anew, as who has the database and this code would."""
    chain = bytes.fromhex(before)
    for position, event in enumerate(events, 1):
        event["position"] = position
        try:
            chain = verifier.link(chain, event)
        except (ValueError, TypeError):
            return
        event["hash"] = chain.hex()


def test_a_bundle_that_is_not_whole_is_refused(bundle: Path, verifier: ModuleType, book: Book) -> None:
    part = bundle / "events-00000001.ndjson.zst"
    data = part.read_bytes()
    part.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(SystemExit, match="not the file"):
        verifier.read_bundle(bundle)
    part.unlink()
    with pytest.raises(SystemExit, match="no whole bundle"):
        verifier.read_bundle(bundle)
    (bundle / "manifest.json").write_text("{")
    with pytest.raises(export.NotExportable, match="holds no bundle"):
        list(export.events(bundle))
    with pytest.raises(SystemExit, match="no whole bundle"):
        verifier.read_bundle(bundle)
    assert book.keys()


def forged(bundle: Path, manifest: Event, seals: bytes) -> Path:
    """Write a manifest and a book of seals that fit each other."""
    (bundle / "seals.ndjson").write_bytes(seals)
    manifest["seals"]["sha256"] = sha256(seals).hexdigest()
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    return bundle


def test_a_forged_bundle_is_refused_in_words_and_in_bounded_memory(bundle: Path, verifier: ModuleType) -> None:
    manifest, seals = json.loads((bundle / "manifest.json").read_text()), (bundle / "seals.ndjson").read_bytes()
    first, *rest = seals.splitlines(keepends=True)
    for changes in (
        {"last": 10**30},
        {"first": -(10**12)},
        {"last": "16"},
        {"first": None},
        {"key": 1},
        {"root": None},
    ):
        line = json.dumps(json.loads(first) | changes).encode() + b"\n"
        with pytest.raises(SystemExit, match="line 1 of its seals is not a seal"):
            verifier.read_bundle(forged(bundle, manifest, b"".join([line, *rest])))
    for line in (b"[]\n", b'{"number":1}\n'):
        with pytest.raises(SystemExit, match="line 1 of its seals is not a seal"):
            verifier.read_bundle(forged(bundle, manifest, b"".join([line, *rest])))
    for changes in ({"first": 2}, {"last": 10**9}, {"format": "tiffin-export-2"}):
        with pytest.raises(SystemExit, match="names another format, or other events"):
            verifier.read_bundle(forged(bundle, manifest | changes, seals))
    with pytest.raises(SystemExit, match="lacks 'parts'"):
        verifier.read_bundle(forged(bundle, {name: one for name, one in manifest.items() if name != "parts"}, seals))
    for before in (None, "zz", 7):
        with pytest.raises(SystemExit, match="no whole bundle"):
            verifier.read_bundle(forged(bundle, manifest | {"before": before}, seals))
    verifier.read_bundle(forged(bundle, manifest, seals))


def test_lines_that_are_no_events_are_faults(bundle: Path, book: Book, verifier: ModuleType) -> None:
    events, seals, before = verifier.read_bundle(bundle)
    lines: tuple[Any, ...] = ([], None, {}, events[9] | {"position": "10"}, events[9] | {"position": None})
    for line in lines:
        faults = verifier.verify([*events[:9], line, *events[10:]], seals, before, set(book.keys()))
        assert (10, 10, "cannot be read: it has no position") in faults, line


def test_a_forged_book_of_seals_is_found(bundle: Path, book: Book, verifier: ModuleType) -> None:
    events, seals, before = verifier.read_bundle(bundle)
    keys = set(book.keys())
    assert verifier.verify(events, seals, before, {"00" * 32})
    assert verifier.verify(events, seals[1:], before, keys)
    assert verifier.verify(events, [*seals[:2], *seals[3:]], before, keys)
    assert verifier.verify(events, [], before, keys)
    other = seals[-1] | {"root": "00" * 32}
    assert verifier.verify(events, [*seals[:-1], other], before, keys)
