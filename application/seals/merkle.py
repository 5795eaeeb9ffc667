"""Merkle trees over event hashes, as RFC 6962 (Certificate Transparency) defines tree hash and audit path.

A leaf's hash is SHA-256 of 0x00 and the event's hash, an inner node's of 0x01 and both children. A tree of n leaves
splits at the largest power of two below n.
"""

from collections.abc import Sequence
from hashlib import sha256

LEAF, NODE = b"\x00", b"\x01"


def root(hashes: Sequence[bytes]) -> bytes:
    """The tree's hash. Raises ValueError for no leaves."""
    if not hashes:
        raise ValueError("a tree needs leaves")
    level = [sha256(LEAF + one).digest() for one in hashes]
    while len(level) > 1:
        paired = [sha256(NODE + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
        # An odd one out rises as it is: the same tree as splitting at powers of two makes.
        level = paired + level[len(level) - len(level) % 2 :]
    return level[0]


def path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings that lead from a leaf to the root, the leaf's own first. Raises IndexError."""
    if not 0 <= index < len(hashes):
        raise IndexError(f"leaf {index} of {len(hashes)}")
    level, siblings = [sha256(LEAF + one).digest() for one in hashes], []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            siblings.append(level[sibling])
        paired = [sha256(NODE + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) - len(level) % 2 :]
        index //= 2
    return siblings


def root_from(leaf: bytes, index: int, size: int, siblings: Sequence[bytes]) -> bytes | None:
    """The root that a path proves for an event's hash; None where the path does not fit the tree's size."""
    if not 0 <= index < size:
        return None
    found, left, width = sha256(LEAF + leaf).digest(), list(siblings), size
    while width > 1:
        sibling = index ^ 1
        if sibling < width:
            if not left:
                return None
            other = left.pop(0)
            found = sha256(NODE + (other + found if sibling < index else found + other)).digest()
        index, width = index // 2, (width + 1) // 2
    return None if left else found
