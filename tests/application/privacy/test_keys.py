"""The keys of data subjects: made once, found by every process, wrapped anew, destroyed for good."""

import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from application.cli.__main__ import tiffin
from application.ids import new_id
from application.privacy.key_file import KeyFile, UnusableKeyFile
from application.privacy.keys import Forgotten, KeyTable, open_keys
from application.revision import WrongRevision
from application.settings import PrivacySettings, Settings
from domain.encryption import Undecipherable

PLACE = bytes(24)

type Opener = Callable[..., KeyTable]


@pytest.fixture
def process(settings: Settings) -> Iterator[Opener]:
    """The keys as one more process opens them, which has none at hand yet."""
    with ExitStack() as closing:
        yield lambda own=settings: closing.enter_context(open_keys(own))


def test_a_key_is_made_once_and_every_process_finds_it(process: Opener) -> None:
    ana = new_id().bytes
    hidden = process().for_writing(ana).encrypt(b"Ana", PLACE)
    cipher = process().for_reading(ana)
    assert cipher is not None
    assert cipher.decrypt(hidden, PLACE) == b"Ana"


def test_processes_that_make_the_same_keys_agree(process: Opener) -> None:
    people = [new_id().bytes for _ in range(20)]
    tables = [process() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda keys: keys.make(people), tables))
    for one in people:
        assert len({keys.for_writing(one).encrypt(b"x", PLACE) for keys in tables}) == 1


def test_many_keys_are_one_query(process: Opener) -> None:
    people = [new_id().bytes for _ in range(50)]
    process().make(people)
    keys = process()
    assert keys.missing(people) == people
    keys.fetch([*people, new_id().bytes])
    assert keys.missing(people) == []


def test_a_destroyed_key_is_gone_for_good(process: Opener) -> None:
    ana = new_id()
    process().for_writing(ana.bytes)
    process().destroy(ana)
    later = process()
    assert later.for_reading(ana.bytes) is None
    with pytest.raises(Forgotten):
        later.for_writing(ana.bytes)
    later.destroy(ana)
    never = new_id()
    later.destroy(never)
    assert process().for_reading(never.bytes) is None, "nobody can be written about after that either"


def test_a_key_that_never_was_is_a_fault_and_not_an_erasure(process: Opener) -> None:
    with pytest.raises(Undecipherable, match="there is no key of"):
        process().for_reading(new_id().bytes)


def test_rotation_wraps_every_key_anew(process: Opener, settings: Settings, postgres_url: str) -> None:
    people = [new_id() for _ in range(5)]
    before = process()
    hidden = [before.for_writing(one.bytes).encrypt(b"x", PLACE) for one in people]
    before.destroy(people[4])
    with psycopg.connect(postgres_url) as connection:
        rows = "SELECT wrapped FROM subject_keys.keys WHERE wrapped IS NOT NULL ORDER BY subject_id"
        old = connection.execute(rows).fetchall()
        assert before.rotate() == 4
        assert not set(old) & set(connection.execute(rows).fetchall())
    assert _reads(process(), people[:4], hidden)
    assert _reads(before, people[:4], hidden), "a running process reads the file again"
    assert len(_names(settings)) == 2, "who has just read the file may still wrap with the one before"
    assert before.rotate() == 4
    assert _names(settings) == ["k2", "k3"]
    assert _reads(process(), people[:4], hidden)


def test_an_interrupted_rotation_is_finished_by_the_next(process: Opener, settings: Settings) -> None:
    ana = new_id()
    keys = process()
    hidden = keys.for_writing(ana.bytes).encrypt(b"x", PLACE)
    KeyFile(settings.privacy.key_file).add()  # and then the lights went out
    assert keys.rotate() == 1
    assert _reads(process(), [ana], [hidden])


def test_another_key_file_is_told_from_the_right_one(process: Opener, settings: Settings, tmp_path: Path) -> None:
    ana = new_id().bytes
    process().for_writing(ana)
    other = replace(settings, privacy=PrivacySettings(key_file=tmp_path / "other.json"))
    KeyFile(other.privacy.key_file).make()
    with pytest.raises(UnusableKeyFile, match="is this its key file"):
        process(other).for_reading(ana)
    KeyFile(settings.privacy.key_file).add()
    process().rotate()
    process().for_writing(new_id().bytes)
    with pytest.raises(UnusableKeyFile, match="TIFFIN_KEY_FILE"):
        process(other).for_reading(ana)


def test_a_lost_file_is_not_quietly_replaced(process: Opener, settings: Settings) -> None:
    assert not process().check()
    process().for_writing(new_id().bytes)
    assert process().check()
    settings.privacy.key_file.rename(settings.privacy.key_file.with_name("elsewhere"))
    for asked in (process().check, lambda: process().for_writing(new_id().bytes), process().rotate):
        with pytest.raises(UnusableKeyFile, match="Bring back its copy"):
            asked()
    KeyFile(settings.privacy.key_file).make()
    with pytest.raises(UnusableKeyFile, match="is this its key file"):
        process().for_writing(new_id().bytes)


def test_the_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "personal.json"
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: KeyFile(path).make(), range(8)))
    assert KeyFile(path).current()[0] == "k1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["personal.json"]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"current":"k1","keys":{}}', b'{"current":"k1","keys":{"k1":"*"}}'])
def test_a_broken_file_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "personal.json"
    path.write_bytes(content)
    with pytest.raises(UnusableKeyFile, match=r"personal\.json"):
        KeyFile(path).current()


def test_keys_may_be_in_a_database_of_their_own(process: Opener, settings: Settings, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = f"keys_{new_id().hex}"
        connection.execute(f"CREATE DATABASE {name}")
        keys_url = postgres_url.replace(f"/{connection.info.dbname}?", f"/{name}?")
        try:
            apart = replace(settings, privacy=replace(settings.privacy, keys_url=keys_url))
            with pytest.raises(WrongRevision, match="tiffin migrate"), open_keys(apart):
                pass
            for _ in range(2):
                migrated = CliRunner().invoke(tiffin, ["migrate"], env=apart.environment())
                assert migrated.exit_code == 0, migrated.output
            ana = new_id().bytes
            with open_keys(apart) as keys:
                keys.for_writing(ana)
            with open_keys(apart) as keys:
                assert keys.for_reading(ana) is not None
            with pytest.raises(Undecipherable):
                process().for_reading(ana)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _reads(keys: KeyTable, people: list[UUID], hidden: list[bytes]) -> bool:
    ciphers = [keys.for_reading(one.bytes) for one in people]
    return all(one is not None and one.decrypt(what, PLACE) == b"x" for one, what in zip(ciphers, hidden, strict=False))


def _names(settings: Settings) -> list[str]:
    file = KeyFile(settings.privacy.key_file)
    file.current()
    return sorted(file._content.keys)
