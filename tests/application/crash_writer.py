"""A process that appends until the server is gone: `python -m tests.application.crash_writer URL barrier|careless`.

Prints "STREAM POSITION" for every append that was acknowledged. A careless one is acknowledged before the disk: what
the durable barrier would be without its flush.
"""

import sys
import threading
from uuid import UUID

import msgspec

from application.event_store import PostgresEventStore
from application.ids import new_id
from application.memory_keys import MemoryKeys
from application.store import StoreBusy
from tests.application.store_acts import act, key, registered, shifts, store_settings

THREADS = 8


def write(store: PostgresEventStore, ended: threading.Event) -> None:
    """Append new streams, one after the other, until one is not acknowledged."""
    while not ended.is_set():
        stream = new_id()
        try:
            receipt = act(store, stream, 0, registered(), *shifts(1), idempotency=key(str(stream)))
        except StoreBusy:
            ended.set()
            return
        tell(stream, receipt.position)


def tell(stream: UUID, position: int) -> None:
    """One line, in one piece."""
    sys.stdout.write(f"{stream} {position}\n")
    sys.stdout.flush()


def main() -> None:
    """Write with some threads."""
    url, how = sys.argv[1:]
    if how == "careless":
        url += "&options=-c%20synchronous_commit%3Doff"
    settings = store_settings(url, lock_timeout_seconds=1.0, connections=THREADS)
    store = PostgresEventStore(msgspec.structs.replace(settings, durable_barrier=how == "barrier"), MemoryKeys())
    ended = threading.Event()
    threads = [threading.Thread(target=write, args=(store, ended)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
