"""Keys of data subjects in memory, for tests that need no server: the same key for the same person each time."""

from collections.abc import Collection, Sequence
from hashlib import sha256
from uuid import UUID

from application.privacy.cipher import SubjectCipher
from application.privacy.keys import Forgotten
from domain.encryption import Cipher


class MemoryKeys:
    """Keys that follow from the ids; forgetting holds as long as this object lives."""

    def __init__(self) -> None:
        """Nobody was forgotten yet."""
        self._ciphers: dict[bytes, Cipher | None] = {}

    def for_writing(self, subject: bytes) -> Cipher:
        """The subject's key. Raises Forgotten."""
        cipher = self.for_reading(subject)
        if cipher is None:
            raise Forgotten
        return cipher

    def for_reading(self, subject: bytes) -> Cipher | None:
        """The subject's key; None once it was destroyed."""
        if subject not in self._ciphers:
            self._ciphers[subject] = SubjectCipher(sha256(b"key of " + subject).digest())
        return self._ciphers[subject]

    def fetch(self, subjects: Collection[bytes]) -> None:
        """All are at hand."""

    def missing(self, subjects: Collection[bytes]) -> Sequence[bytes]:  # noqa: ARG002 - all are at hand
        """None."""
        return ()

    def make(self, subjects: Sequence[bytes]) -> None:
        """All are there."""

    def destroy(self, subject: UUID) -> None:
        """Destroy a key for good."""
        self._ciphers[subject.bytes] = None
