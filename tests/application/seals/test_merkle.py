"""Merkle trees against RFC 6962's own, recursive definition."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.seals import merkle

LEAVES = [sha256(bytes([number])).digest() for number in range(70)]


def defined(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1" + defined(leaves[:split]) + defined(leaves[split:])).digest()


@pytest.mark.parametrize("size", range(1, 71))
def test_the_root_is_as_defined_and_every_leaf_has_its_path(size: int) -> None:
    leaves = LEAVES[:size]
    root = merkle.root(leaves)
    assert root == defined(leaves)
    for index, leaf in enumerate(leaves):
        assert merkle.root_from(leaf, index, size, merkle.path(leaves, index)) == root


@given(st.integers(1, 70), st.data())
def test_a_path_proves_nothing_else(size: int, data: st.DataObject) -> None:
    leaves = LEAVES[:size]
    index = data.draw(st.integers(0, size - 1))
    siblings = merkle.path(leaves, index)
    other = data.draw(st.integers(0, size - 1).filter(lambda found: found != index)) if size > 1 else size
    root = merkle.root(leaves)
    assert merkle.root_from(leaves[index], other, size, siblings) != root
    assert merkle.root_from(b"forged", index, size, siblings) != root
    assert merkle.root_from(leaves[index], index, size, [*siblings, b"more"]) is None
    if siblings:
        assert merkle.root_from(leaves[index], index, size, siblings[:-1]) is None


def test_no_leaves_no_tree() -> None:
    with pytest.raises(ValueError, match="leaves"):
        merkle.root([])
    with pytest.raises(IndexError):
        merkle.path(LEAVES[:3], 3)
