"""A seal: one stretch of the log, its Merkle root and the seal before, signed with Ed25519."""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from application.seals import merkle

FORMAT = "tiffin-seal-1"
FIRST_PREVIOUS = sha256(b"").hexdigest()
"""What stands for the seal before the first."""


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """Events `first` to `last`; hashes, key and signature in hexadecimal. A line of JSON in the book of seals.

    `head` is the hash chain's at `last`; `previous` the SHA-256 of the seal before, as it was signed.
    """

    format: str = FORMAT
    number: int
    first: int
    last: int
    root: str
    head: str
    previous: str
    sealed_at: str
    """Machine time, RFC 3339."""
    key: str
    """The public key that the signature is checked with; who checks must know it from elsewhere."""
    signature: str = ""

    def signed(self) -> bytes:
        """The bytes that are signed: the fields but the signature, a line each."""
        parts = (
            self.format,
            self.number,
            self.first,
            self.last,
            self.root,
            self.head,
            self.previous,
            self.sealed_at,
            self.key,
        )
        return "".join(f"{part}\n" for part in parts).encode()

    def digest(self) -> str:
        """What the next seal names as its previous one."""
        return sha256(self.signed()).hexdigest()


class Fault(NamedTuple):
    """What does not fit, and where: log positions, the same for a single event."""

    first: int
    last: int
    reason: str


def make(hashes: list[bytes], *, first: int, before: Seal | None, signer: Ed25519PrivateKey, now: datetime) -> Seal:
    """Seal the events whose chain hashes these are; `before` is the last seal there is."""
    seal = Seal(
        number=before.number + 1 if before else 1,
        first=first,
        last=first + len(hashes) - 1,
        root=merkle.root(hashes).hex(),
        head=hashes[-1].hex(),
        previous=before.digest() if before else FIRST_PREVIOUS,
        sealed_at=now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        key=signer.public_key().public_bytes_raw().hex(),
    )
    return msgspec.structs.replace(seal, signature=signer.sign(seal.signed()).hex())


def is_signed(seal: Seal, keys: Iterable[str]) -> bool:
    """Whether one of the known keys signed it."""
    if seal.key not in keys:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal.key)).verify(bytes.fromhex(seal.signature), seal.signed())
    except (InvalidSignature, ValueError):
        return False
    return True


def check_chain(seals: Iterable[Seal], keys: Iterable[str]) -> list[Fault]:
    """What is wrong with a book of seals in itself: signatures, numbers, gaps, links."""
    known, faults = frozenset(keys), []
    number, last, previous = 0, 0, FIRST_PREVIOUS
    for seal in seals:
        if not is_signed(seal, known):
            faults.append(Fault(seal.first, seal.last, f"seal {seal.number} is not signed by a known key"))
        elif (seal.number, seal.first, seal.previous) != (number + 1, last + 1, previous):
            faults.append(Fault(last + 1, seal.last, f"seal {seal.number} does not follow seal {number}"))
        number, last, previous = seal.number, seal.last, seal.digest()
    return faults
