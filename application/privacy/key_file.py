"""The key-encryption keys: a file outside the databases, without which the keys of the data subjects are useless."""

import base64
import binascii
import os
import secrets
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32


class UnusableKeyFile(Exception):  # noqa: N818 - names the outcome
    """The file cannot be used; the message says why and what to do."""


class _Content(msgspec.Struct):
    """`keys` by their names, base64; new things are encrypted with `current`, the others are read still."""

    current: str
    keys: dict[str, str]


class KeyFile:
    """Readable by its owner only. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._content = _Content("", {})
        self._ciphers: dict[str, AESGCM] = {}

    def current(self) -> tuple[str, AESGCM]:
        """Name and cipher of the key that new things are encrypted with. Raises UnusableKeyFile."""
        self._read()
        return self._content.current, self._ciphers[self._content.current]

    def named(self, name: str) -> AESGCM:
        """The key of that name. Raises UnusableKeyFile where there is none."""
        if name not in self._ciphers:
            self._read()
        if name not in self._ciphers:
            raise UnusableKeyFile(
                f"{self._path} has no key {name!r}, which the database's were encrypted with: "
                "bring back the file that belongs to this database, or name it in TIFFIN_KEY_FILE."
            )
        return self._ciphers[name]

    def add(self) -> str:
        """Make a new key the current one and keep the one before; those before that are dropped. Answers its name."""
        self._read()
        before = self._content.current
        name = f"k{int(before[1:]) + 1}"
        kept = {before: self._content.keys[before], name: _new_key()}
        self._write(_Content(name, kept))
        return name

    def _read(self) -> None:
        """Read the file where it is new or has changed."""
        try:
            status = self._path.stat()
        except OSError as error:
            raise UnusableKeyFile(
                f"{self._path} cannot be read ({error.strerror}): the keys of personal data are wrapped with it. "
                "Bring back its copy, or name the file that belongs to this database in TIFFIN_KEY_FILE."
            ) from error
        seen = status.st_mtime_ns, status.st_ino
        if seen == self._read_at:
            return
        try:
            content = msgspec.json.decode(self._path.read_bytes(), type=_Content)
            ciphers = {name: AESGCM(base64.b64decode(text, validate=True)) for name, text in content.keys.items()}
        except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
            raise UnusableKeyFile(f"{self._path} holds no keys: {error}. Bring back the file from its copy.") from error
        if content.current not in ciphers:
            raise UnusableKeyFile(f"{self._path} lacks its current key, {content.current!r}: bring back its copy.")
        self._content, self._ciphers, self._read_at = content, ciphers, seen

    def exists(self) -> bool:
        """Whether there is a file."""
        return self._path.exists()

    def make(self) -> None:
        """Make the file; who comes second uses the first one's. Only where nothing was wrapped with another yet."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._draft(_Content("k1", {"k1": _new_key()}))
        try:
            os.link(draft, self._path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()

    def _write(self, content: _Content) -> None:
        self._draft(content).replace(self._path)
        self._read()

    def _draft(self, content: _Content) -> Path:
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(content))
            file.flush()
            os.fsync(file.fileno())
        return draft


def _new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
