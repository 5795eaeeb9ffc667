"""An inclusion proof: one event was in the log when its seal was signed, shown without the rest of the log."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from application.seals import merkle, rows
from application.seals.seal import Seal, is_signed
from application.store_connections import Connection

FORMAT = "tiffin-proof-1"


class NotProvable(Exception):  # noqa: N818 - names the outcome
    """There is no such event, or no seal covers it yet; the message says which."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Enough for somebody who knows the public key. Hashes and bytes in hexadecimal.

    `encoded` are the event's columns as the chain encodes them; with `before` they make its hash, a leaf of the tree
    whose root the seal signs.
    """

    format: str = FORMAT
    position: int
    event_id: UUID
    topic: str
    state: str
    """The event itself, JSON as it was stored."""
    before: str
    encoded: str
    path: list[str]
    seal: Seal


def prove(connection: Connection, seals: Sequence[Seal], event_id: UUID) -> Proof:
    """Make the proof of an event. Raises NotProvable."""
    found = connection.execute(
        "SELECT position, topic, convert_from(state, 'UTF8') FROM events WHERE event_id = %s", (event_id,)
    ).fetchone()
    if found is None:
        raise NotProvable(f"There is no event {event_id}: `tiffin audit` takes an event's id, not an order's.")
    position, topic, state = found
    seal = next((seal for seal in seals if seal.first <= position <= seal.last), None)
    if seal is None:
        raise NotProvable(f"Event {position} is not sealed yet; ask again in a second.")
    stretch = list(rows.read(connection, seal.first, seal.last))
    index = position - seal.first
    before = stretch[index - 1].hash if index else rows.hash_at(connection, position - 1) or rows.GENESIS
    return Proof(
        position=position,
        event_id=event_id,
        topic=topic,
        state=state,
        before=before.hex(),
        encoded=stretch[index].encoded.hex(),
        path=[sibling.hex() for sibling in merkle.path([row.hash for row in stretch], index)],
        seal=seal,
    )


def check(proof: Proof, keys: Sequence[str]) -> str | None:
    """Why a proof proves nothing; None when it holds."""
    seal = proof.seal
    if not is_signed(seal, keys):
        return "its seal is not signed by a known key"
    try:
        before, encoded = bytes.fromhex(proof.before), bytes.fromhex(proof.encoded)
        siblings = [bytes.fromhex(sibling) for sibling in proof.path]
    except ValueError:
        return "it holds something that is not hexadecimal"
    try:
        position, _stream, _version, topic, state, event_id, *_rest = rows.columns(encoded)
    except ValueError as error:
        return str(error)
    told = (proof.position, proof.topic.encode(), proof.state.encode(), proof.event_id.bytes)
    if (int.from_bytes(position or b"", signed=True), topic, state, event_id) != told:
        return "the event is not the one whose bytes it holds"
    row = rows.Hashed(proof.position, b"", encoded)
    size = seal.last - seal.first + 1
    root = merkle.root_from(row.link(before), proof.position - seal.first, size, siblings)
    return None if root is not None and root.hex() == seal.root else "its path does not lead to the seal's root"
