"""A process that appends: `python -m tests.application.store_writer URL NUMBER ROUNDS`.

Every thread mixes what real writers do: new streams, streams that other processes append to as well, several streams
at once, keys that come twice, and conflicts. Prints one line of JSON: the ids of the events that were appended.
"""

import json
import random
import sys
from functools import partial
from uuid import UUID

from application.event_store import PostgresEventStore
from application.ids import new_id
from application.kinds import DRIVER
from application.memory_keys import MemoryKeys
from application.store import Answer, Change, Receipt, VersionConflict
from domain.errors import NotFound
from tests.application.store_acts import META, NOON, act, at_once, key, registered, shifts, store_settings

SHARED = [UUID(int=number) for number in range(1, 5)]
"""Streams that all processes append to."""
THREADS = 4


def write(store: PostgresEventStore, seed: int, rounds: int) -> list[Receipt]:
    """Append `rounds` times; answer the receipts of what was appended, not of what was replayed."""
    choose = random.Random(seed)  # noqa: S311 - which append comes next
    receipts = []
    for number in range(rounds):
        fresh = new_id()
        name = key(f"{seed}-{number}")
        receipts.append(act(store, fresh, 0, registered(), *shifts(choose.randrange(4)), idempotency=name))
        replayed = act(store, new_id(), 0, registered(), idempotency=name)
        if replayed != Receipt(answer=receipts[-1].answer, position=receipts[-1].position, replayed=True):
            raise AssertionError(f"{name} was answered {replayed} after {receipts[-1]}")
        try:
            receipts.append(_append_to_shared(store, choose.choice(SHARED), fresh))
        except VersionConflict:
            continue
    return receipts


def _append_to_shared(store: PostgresEventStore, shared: UUID, fresh: UUID) -> Receipt:
    """One event to a stream that is contended and one to a stream that is not, both or neither."""
    version = _version(store, shared)
    event = shifts(1) if version else [registered()]
    changes = [Change(shared, version, event), Change(fresh, _version(store, fresh), shifts(1))]
    return store.append(changes, answer=Answer(id=fresh, status="", version=0), meta=META, occurred_at=NOON)


def _version(store: PostgresEventStore, stream_id: UUID) -> int:
    try:
        return store.load(DRIVER, stream_id).version
    except NotFound:
        return 0


def main() -> None:
    """Write with some threads."""
    url, number, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    store = PostgresEventStore(store_settings(url, lock_timeout_seconds=30.0, connections=THREADS), MemoryKeys())
    seeds = range(number * THREADS, number * THREADS + THREADS)
    results = at_once(*[partial(write, store, seed, rounds) for seed in seeds])
    store.close()
    for result in results:
        if isinstance(result, Exception):
            raise result
    print(json.dumps({"positions": [receipt.position for result in results for receipt in result]}))  # noqa: T201


if __name__ == "__main__":
    main()
