"""How a personal value is encrypted: AES-256-GCM-SIV, bound to where it stands."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from domain.encryption import Undecipherable

_NONCE_BYTES = 12


class SubjectCipher:
    """A data subject's key, at work.

    The nonce follows from the place, so the values of one event share it: this cipher bears that, and all that shows is
    which of them are equal. In return an event that is written again is the same again.
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        """The key has 32 bytes."""
        self._cipher = AESGCMSIV(key)

    def encrypt(self, value: bytes, place: bytes) -> bytes:
        """Ciphertext and tag."""
        return self._cipher.encrypt(place[-_NONCE_BYTES:], value, place)

    def decrypt(self, value: bytes, place: bytes) -> bytes:
        """The value. Raises Undecipherable."""
        try:
            return self._cipher.decrypt(place[-_NONCE_BYTES:], value, place)
        except InvalidTag as error:
            raise Undecipherable("a personal value does not belong here, or was changed") from error
