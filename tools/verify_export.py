"""Verify a Tiffin export bundle offline: `python verify_export.py FOLDER --key HEX [--key HEX …]`.

One file, standard library and `cryptography` (and a zstd decoder: Python 3.14's own, or `backports.zstd`). It shares no
code with Tiffin; the format is in docs/tamper-evidence.md. Prints what does not fit and exits 1, or "ok" and exits 0.
"""

import argparse
import datetime as dt
import hashlib
import json
import struct
import sys
import uuid
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
INT2, INT8, BYTEA, UUID, TIMESTAMPTZ = 21, 20, 17, 2950, 1184
FORMAT = "tiffin-export-1"
NOTHING = hashlib.sha256(b"").digest()
MOST_A_SEAL = 100_000
"""Far more events than any seal covers: whoever forges one cannot make this run out of memory."""


def column(oid, value):
    """One column of PostgreSQL's binary row format."""
    return struct.pack("!Ii", oid, -1) if value is None else struct.pack("!Ii", oid, len(value)) + value


def id_bytes(text):
    """A UUID in its one canonical spelling."""
    found = uuid.UUID(text)
    if str(found) != text:
        raise ValueError(f"{text} is no id")
    return found.bytes


def hash_bytes(text):
    """A hash in its one canonical spelling."""
    found = bytes.fromhex(text)
    if found.hex() != text:
        raise ValueError(f"{text} is no hash")
    return found


def microseconds(text):
    """A time in its one canonical spelling, since 2000-01-01 UTC."""
    found = dt.datetime.fromisoformat(text)
    if found.isoformat().replace("+00:00", "Z") != text:
        raise ValueError(f"{text} is no time in UTC")
    return (found - EPOCH) // dt.timedelta(microseconds=1)


def link(before, event):
    """The hash of an event, from its columns and the hash before."""
    texts = {name: None if event[name] is None else event[name].encode() for name in ("actor_type", "correlation_id")}
    ids = {name: None if event[name] is None else id_bytes(event[name]) for name in ("actor_id", "causation_id")}
    columns = (
        column(INT2, struct.pack("!h", 1)),
        column(BYTEA, before),
        column(INT8, struct.pack("!q", event["position"])),
        column(UUID, id_bytes(event["stream_id"])),
        column(INT8, struct.pack("!q", event["version"])),
        column(BYTEA, event["topic"].encode()),
        column(BYTEA, event["state"].encode()),
        column(UUID, id_bytes(event["event_id"])),
        column(TIMESTAMPTZ, struct.pack("!q", microseconds(event["recorded_at"]))),
        column(BYTEA, texts["actor_type"]),
        column(UUID, ids["actor_id"]),
        column(BYTEA, texts["correlation_id"]),
        column(UUID, ids["causation_id"]),
    )
    return hashlib.sha256(struct.pack("!i", len(columns)) + b"".join(columns)).digest()


def tree(leaves):
    """RFC 6962's tree hash."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree(leaves[:split]) + tree(leaves[split:])).digest()


def signed_bytes(seal):
    """What a seal's signature covers."""
    names = ("format", "number", "first", "last", "root", "head", "previous", "sealed_at", "key")
    return "".join(f"{seal[name]}\n" for name in names).encode()


def is_signed(seal, keys):
    """Whether a trusted key signed it."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal["key"])).verify(
            bytes.fromhex(seal["signature"]), signed_bytes(seal)
        )
    except (InvalidSignature, ValueError):
        return False
    return seal["key"] in keys


def is_seal(seal):
    """Whether it has a seal's fields, and covers as many events as a seal may."""
    numbers, texts = (
        ("number", "first", "last"),
        ("format", "root", "head", "previous", "sealed_at", "key", "signature"),
    )
    return (
        isinstance(seal, dict)
        and all(type(seal.get(name)) is int for name in numbers)
        and all(type(seal.get(name)) is str for name in texts)
        and 0 <= seal["last"] - seal["first"] < MOST_A_SEAL
    )


def check_seals(seals, keys):
    """Faults of the seals in themselves, as (first position, last position, reason)."""
    for number, seal in enumerate(seals):
        if not is_signed(seal, keys):
            yield seal["first"], seal["last"], f"seal {seal['number']} is not signed by a key you trust"
        if number:
            before = seals[number - 1]
            digest = hashlib.sha256(signed_bytes(before)).hexdigest()
            expected = (before["number"] + 1, before["last"] + 1, digest)
            if (seal["number"], seal["first"], seal["previous"]) != expected:
                yield before["last"] + 1, seal["last"], f"seal {seal['number']} does not follow seal {before['number']}"


def check_events(events, seals, before):
    """Faults of the events: their chain, and each seal's root. `before` is the hash before the first one."""
    position, hashes = seals[0]["first"], {}
    chain = bytes.fromhex(before)
    for event in events:
        at = event.get("position") if isinstance(event, dict) else None
        if type(at) is not int:
            yield position, position, "cannot be read: it has no position"
        elif at != position:
            # Located where the order breaks: what is there, or what should be.
            yield min(at, position), max(at, position), f"event {at} stands where event {position} should"
        try:
            computed = link(chain, event)
            stored = hash_bytes(event["hash"])
        except (ValueError, TypeError, KeyError, AttributeError, struct.error, OverflowError) as error:
            yield position, position, f"cannot be read: {error}"
            computed = stored = b""
        if computed != stored:
            yield position, position, "is not what was appended: its hash does not fit"
        chain = hashes[position] = stored
        position += 1
    last = seals[-1]["last"]
    if position <= last:
        yield position, last, "missing at the end"
    elif position > last + 1:
        yield last + 1, position - 1, "more events than were sealed"
    for seal in seals:
        leaves = [hashes.get(at) for at in range(seal["first"], seal["last"] + 1)]
        if None in leaves or not all(leaves) or tree(leaves).hex() != seal["root"] or leaves[-1].hex() != seal["head"]:
            yield seal["first"], seal["last"], f"seal {seal['number']}: its root does not fit these events"


def verify(events, seals, before, keys):
    """All faults of a stretch of the log, as (first position, last position, reason), in order."""
    if not seals:
        return [(0, 0, "there are no seals")]
    faults = list(check_seals(seals, keys))
    if seals[0]["first"] == 1 and (bytes.fromhex(before) != NOTHING or seals[0]["previous"] != NOTHING.hex()):
        faults.append((1, 1, "the log does not begin here"))
    return sorted(faults + list(check_events(events, seals, before)))


def read_bundle(folder):
    """Events and seals of a bundle, and the hash before; raises SystemExit with the reason."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        seals = [json.loads(line) for line in checked(folder, manifest["seals"]).splitlines()]
        events = [
            json.loads(line)
            for part in manifest["parts"]
            for line in decompressed(checked(folder, part)).split(b"\n")
            if line
        ]
        checked(folder, manifest["catalogue"])
        hash_bytes(manifest["before"])
        check_shape(manifest, seals)
        return events, seals, manifest["before"]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SystemExit(f"{folder} is no whole bundle: {error}") from None
    except KeyError as error:
        raise SystemExit(f"{folder} is no whole bundle: its manifest lacks {error}") from None


def check_shape(manifest, seals):
    """Raise ValueError for seals that are none, and for a manifest that tells of others."""
    for number, seal in enumerate(seals, 1):
        if not is_seal(seal):
            raise ValueError(f"line {number} of its seals is not a seal")
    told = (manifest["format"], manifest["first"], manifest["last"])
    if seals and told != (FORMAT, seals[0]["first"], seals[-1]["last"]):
        raise ValueError("its manifest names another format, or other events than its seals")


def checked(folder, part):
    """A file of the bundle, as its manifest says it is."""
    data = (folder / Path(part["file"]).name).read_bytes()
    if hashlib.sha256(data).hexdigest() != part["sha256"]:
        raise ValueError(f"{part['file']} is not the file that the manifest names")
    return data


def decompressed(data):
    """Plain bytes of a .zst file."""
    try:
        from compression import zstd
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            raise SystemExit("Reading .zst needs Python 3.14, or: pip install backports.zstd") from None
    try:
        return zstd.decompress(data)
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from error


def key(text):
    """A public key as seals spell it."""
    if len(bytes.fromhex(text)) != 32:
        raise ValueError(f"{text} is no key")
    return text.lower()


def main():
    """Say what fits and what does not."""
    parser = argparse.ArgumentParser(description="Verify a Tiffin export bundle offline.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--key", action="append", required=True, type=key, help="a public key you trust, in hexadecimal"
    )
    options = parser.parse_args()
    events, seals, before = read_bundle(options.folder)
    faults = verify(events, seals, before, set(options.key))
    for first, last, reason in faults:
        print(f"event {first}: {reason}" if first == last else f"events {first} to {last}: {reason}")
    if faults:
        sys.exit(1)
    print(f"ok: {len(events)} events ({seals[0]['first']} to {seals[-1]['last']}), {len(seals)} seals")


if __name__ == "__main__":
    main()
