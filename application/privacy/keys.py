"""The keys of data subjects: a table of its own, each key wrapped by a key-encryption key that is in no database.

A key is made when something personal is first written about somebody, and destroyed when they are forgotten; the row
stays and says so, for a key that is not there at all is a fault. Processes hold keys for a minute: so long after
forgetting, a running one could still read.
"""

import secrets
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.privacy.cipher import SubjectCipher
from application.privacy.key_file import KEY_BYTES, KeyFile, UnusableKeyFile
from application.revision import check_keys
from application.settings import Settings
from application.side import Row, SideStatements
from domain.encryption import Cipher, PersonalData, Undecipherable
from domain.errors import Conflict
from domain.mapper import JSONMapper
from projections.log import LogReader

HELD_SECONDS = 60.0
HELD = 20_000
"""Keys that one process holds at once, at most: 8 MB. As bytes, for a cipher takes 3 kB, and a microsecond to make."""
REWRAPPED_AT_ONCE = 1_000
_NONCE_BYTES = 12

FIND = """
SELECT subject_id, kek, wrapped FROM subject_keys.keys WHERE subject_id = ANY(%(subjects)s::uuid[])
"""
ANY = "SELECT subject_id, kek, wrapped FROM subject_keys.keys WHERE wrapped IS NOT NULL LIMIT 1"
# In the order of the ids, so that two processes that make the same keys cannot deadlock.
MAKE = """
INSERT INTO subject_keys.keys (subject_id, kek, wrapped)
SELECT subject_id, %(kek)s, wrapped
FROM unnest(%(subjects)s::uuid[], %(wrapped)s::bytea[]) AS made (subject_id, wrapped) ORDER BY subject_id
ON CONFLICT (subject_id) DO NOTHING
"""
DESTROY = """
INSERT INTO subject_keys.keys (subject_id, forgotten_at) VALUES (%(subject)s, clock_timestamp())
ON CONFLICT (subject_id) DO UPDATE SET kek = NULL, wrapped = NULL,
    forgotten_at = coalesce(subject_keys.keys.forgotten_at, excluded.forgotten_at)
"""
WRAPPED_BEFORE = """
SELECT subject_id, kek, wrapped FROM subject_keys.keys
WHERE wrapped IS NOT NULL AND kek <> %(kek)s AND subject_id > %(after)s::uuid ORDER BY subject_id LIMIT %(limit)s
"""
REWRAP = """
UPDATE subject_keys.keys AS k SET kek = %(kek)s, wrapped = r.after
FROM unnest(%(subjects)s::uuid[], %(before)s::bytea[], %(after)s::bytea[]) AS r (subject_id, before, after)
WHERE k.subject_id = r.subject_id AND k.wrapped = r.before
"""


class Forgotten(Conflict):
    """Somebody asked to be forgotten: nothing personal is written about them any more."""

    def __init__(self) -> None:
        """They are not named."""
        super().__init__(
            "This person was forgotten at their request; write nothing personal about them.", status="forgotten"
        )


class _Held(NamedTuple):
    """A key in memory; none: it was destroyed."""

    key: bytes | None
    until: float


class KeyTable:
    """The keys in PostgreSQL. Thread-safe. Raises psycopg.OperationalError while the database is away."""

    def __init__(self, statements: SideStatements, file: KeyFile) -> None:
        """The connections are closed by who opened them."""
        self._run = statements.run
        self._file = file
        self._held: dict[bytes, _Held] = {}
        self._lock = threading.Lock()
        self._checked = False

    def for_writing(self, subject: bytes) -> Cipher:
        """The subject's key, made where there is none. Raises Forgotten."""
        held = self._at_hand(subject)
        if held is None:
            self.make([subject])
            held = self._at_hand(subject)
        if held is None or held.key is None:
            raise Forgotten
        return SubjectCipher(held.key)

    def for_reading(self, subject: bytes) -> Cipher | None:
        """The subject's key; None once it was destroyed. Raises Undecipherable where there never was one."""
        held = self._at_hand(subject)
        if held is None:
            self.fetch([subject])
            held = self._at_hand(subject)
        if held is None:
            raise Undecipherable(f"there is no key of {UUID(bytes=subject)}: is this the keys' database?")
        return None if held.key is None else SubjectCipher(held.key)

    def fetch(self, subjects: Collection[bytes]) -> None:
        """Have those keys at hand that there are, with one query."""
        missing = self.missing(subjects)
        if missing:
            self._hold(self._run(FIND, {"subjects": [UUID(bytes=subject) for subject in missing]}))

    def missing(self, subjects: Collection[bytes]) -> list[bytes]:
        """Those that are not at hand."""
        return [subject for subject in subjects if self._at_hand(subject) is None]

    def make(self, subjects: Sequence[bytes]) -> None:
        """Have these keys at hand, made where there are none."""
        self.fetch(subjects)
        missing = sorted(set(self.missing(subjects)))
        if not missing:
            return
        self._ensure_file()
        name, wrapping = self._file.current()
        wrapped = [_wrap(wrapping, subject, secrets.token_bytes(KEY_BYTES)) for subject in missing]
        self._run(MAKE, {"kek": name, "subjects": [UUID(bytes=one) for one in missing], "wrapped": wrapped})
        self.fetch(missing)

    def check(self) -> bool:
        """Whether there is a key yet; where there is, the file can unwrap it. Raises UnusableKeyFile."""
        rows = self._run(ANY, {})
        for row in rows:
            self._unwrap(*row)
        return bool(rows)

    def _ensure_file(self) -> None:
        """Once a process, before it wraps anything: a second file beside a lost one would split the keys in two."""
        if not self._checked:
            if not self.check() and not self._file.exists():
                self._file.make()
            self._checked = True

    def destroy(self, subject: UUID) -> None:
        """Destroy a key for good; once more does no harm."""
        self._run(DESTROY, {"subject": subject})
        with self._lock:
            self._held[subject.bytes] = _Held(None, monotonic() + HELD_SECONDS)

    def rotate(self) -> int:
        """Make a new key-encryption key and wrap every key with it; answers how many. Run it again when interrupted.

        The one before stays in the file until the next time, for who has just read it; so first nothing may need older.
        """
        self._ensure_file()
        self._rewrap()
        self._file.add()
        return self._rewrap()

    def _rewrap(self) -> int:
        """Wrap with the current key-encryption key what is wrapped with another."""
        name, wrapping = self._file.current()
        done, after = 0, UUID(int=0)
        while rows := self._run(WRAPPED_BEFORE, {"kek": name, "after": after, "limit": REWRAPPED_AT_ONCE}):
            anew = [_wrap(wrapping, one.bytes, self._unwrap(one, kek, wrapped)) for one, kek, wrapped in rows]
            ids, before = [row[0] for row in rows], [row[2] for row in rows]
            self._run(REWRAP, {"kek": name, "subjects": ids, "before": before, "after": anew})
            done, after = done + len(rows), ids[-1]
        return done

    def _at_hand(self, subject: bytes) -> _Held | None:
        held = self._held.get(subject)
        return held if held is not None and held.until > monotonic() else None

    def _hold(self, rows: Sequence[Row]) -> None:
        until = monotonic() + HELD_SECONDS
        held = {
            subject.bytes: _Held(None if wrapped is None else self._unwrap(subject, kek, wrapped), until)
            for subject, kek, wrapped in rows
        }
        with self._lock:
            if len(self._held) + len(held) > HELD:
                self._held = {}
            self._held.update(held)

    def _unwrap(self, subject: UUID, kek: str, wrapped: bytes) -> bytes:
        try:
            return self._file.named(kek).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], subject.bytes)
        except InvalidTag:
            raise UnusableKeyFile(
                f"the key of {subject} was wrapped by another {kek!r}: is this its key file?"
            ) from None


def _wrap(wrapping: AESGCM, subject: bytes, key: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + wrapping.encrypt(nonce, key, subject)


@contextmanager
def open_keys(settings: Settings, side: SideStatements | None = None) -> Iterator[KeyTable]:
    """The keys that the settings name; `side`, connections to the log's database, serves where they are there too.

    In the log's own database a key need not wait for the disk: the event that is encrypted with it comes after it in
    the same write-ahead log. In one of their own they wait.
    """
    file = KeyFile(settings.privacy.key_file)
    if not settings.privacy.keys_url and side is not None:
        yield KeyTable(side, file)
        return
    database = settings.database
    if settings.privacy.keys_url:
        check_keys(settings.privacy.keys_url)
        database = msgspec.structs.replace(database, url=settings.privacy.keys_url)
    with SideStatements(database, durable=bool(settings.privacy.keys_url)) as statements:
        yield KeyTable(statements, file)


def log_reader(settings: Settings, keys: KeyTable) -> LogReader:
    """The log as projections read it."""
    return LogReader(JSONMapper(personal=PersonalData(keys)), flush=settings.database.durable_barrier)
