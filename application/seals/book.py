"""Where seals are kept: a file of JSON lines, and the signing key in another, both outside the database."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.seals.seal import Seal
from application.settings import SealSettings

BOOK = "seals.ndjson"
PUBLIC_KEYS = "public-keys"
KEY_BYTES = 32
TAIL_BYTES = 8_192
"""More than a seal is long."""

_decode = msgspec.json.Decoder(Seal).decode


class UnreadableSeals(Exception):  # noqa: N818 - names the outcome
    """The book or the key cannot be used; the message says which and what to do."""


class Book:
    """The seals of one log. One writer at a time: the follower that leads."""

    def __init__(self, settings: SealSettings) -> None:
        """Nothing is read or created yet."""
        self._settings = settings
        self._path = settings.folder / BOOK

    def seals(self) -> list[Seal]:
        """All of them, in order. Raises UnreadableSeals."""
        try:
            whole, _, _ = self._path.read_bytes().rpartition(b"\n")
        except FileNotFoundError:
            return []
        return [self._read(line, f"Line {number}") for number, line in enumerate(whole.splitlines(), 1)]

    def last(self) -> Seal | None:
        """The newest one, read from the end: a year has thirty million. Raises UnreadableSeals."""
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
                whole, _, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return None
        return self._read(whole.rpartition(b"\n")[2], "The last line") if whole else None

    def publish(self, seals: Sequence[Seal]) -> None:
        """Add seals at the end, on disk before this returns. Half a line that a crash left there is removed."""
        self._settings.folder.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - TAIL_BYTES))
            tail = file.read()
            file.truncate(end - len(tail.rpartition(b"\n")[2]))
            file.writelines(msgspec.json.encode(seal) + b"\n" for seal in seals)
            file.flush()
            os.fsync(file.fileno())

    def _read(self, line: bytes, where: str) -> Seal:
        try:
            return _decode(line)
        except msgspec.MsgspecError as error:
            raise UnreadableSeals(f"{where} of {self._path} is not a seal: {error}.") from error

    def keys(self) -> list[str]:
        """The public keys that seals may be signed with, in hexadecimal: one for each signing key there ever was."""
        try:
            return (self._settings.folder / PUBLIC_KEYS).read_text("ascii").split()
        except FileNotFoundError:
            return []

    def signer(self) -> Ed25519PrivateKey:
        """The signing key, made at the first call. Raises UnreadableSeals."""
        path = self._settings.key_file
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            secret = _make_key(path)
        if len(secret) != KEY_BYTES:
            raise UnreadableSeals(f"{path} holds no Ed25519 key of {KEY_BYTES} bytes: name another in TIFFIN_SEAL_KEY.")
        signer = Ed25519PrivateKey.from_private_bytes(secret)
        self._make_known(signer.public_key().public_bytes_raw().hex())
        return signer

    def _make_known(self, key: str) -> None:
        if key not in self.keys():
            self._settings.folder.mkdir(parents=True, exist_ok=True)
            with (self._settings.folder / PUBLIC_KEYS).open("a", encoding="ascii") as file:
                file.write(f"{key}\n")


def _make_key(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = Ed25519PrivateKey.generate().private_bytes_raw()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    return secret
