"""Appends a second, ours beside the library's own recorder: `python -m benchmarks.append`.

One append is a placement: two events of a new order; ours stores an idempotency key and links the hash chain as well.
Writers are threads, at most 16 in a process; every pair of cells runs one after the other on the same embedded server,
which flushes every commit. The slow disk is imitated by `commit_delay`, which keeps each flush waiting so long.
"""

import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import click
import psycopg
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

import migrations
from application.engines.embedded import embedded
from application.event_store import PostgresEventStore
from application.ids import new_id
from application.memory_keys import MemoryKeys
from application.settings import DatabaseSettings, PoolSettings
from application.store import Answer, Change, Idempotency
from benchmarks.order_life import NOON, meta_of, placement, recorded
from domain.encryption import PersonalData
from domain.mapper import JSONMapper

WRITERS = (1, 8, 16, 64)
THREADS = 16
"""Writers in one process."""
SLOW_FLUSH_US = 2_000
PATIENCE_SECONDS = 30.0
WARM_UP_SECONDS = 0.5

type Append = Callable[[], object]


@click.command()
@click.option("--seconds", type=click.FloatRange(0.5, 60), default=3.0, show_default=True, help="Each cell's.")
@click.option("--writers", type=click.IntRange(1, 256), multiple=True, help="Instead of 1, 8, 16 and 64.")
def main(seconds: float, writers: Sequence[int]) -> None:
    """Measure, and print one JSON line last."""
    found: dict[str, Any] = {"disk": {}, "slow_flush_us": SLOW_FLUSH_US, "slow_by": "commit_delay"}
    with tempfile.TemporaryDirectory(prefix="tiffin-append-") as folder, embedded(Path(folder)) as engines:
        url = engines.database_url
        migrations.upgrade(url)
        with stock_recorder(url, 1) as recorder:
            recorder.create_table()
        for disk, delay_us in (("as_it_is", 0), ("slow", SLOW_FLUSH_US)):
            slow_down(url, delay_us)
            found["disk"][disk] = {str(count): compare(url, disk, count, seconds) for count in writers or WRITERS}
    print(json.dumps(found | {"cores": len(os.sched_getaffinity(0)), "seconds": seconds}))


def compare(url: str, disk: str, writers: int, seconds: float) -> dict[str, float]:
    """One number of writers: the stock recorder, ours, ours with the durable barrier."""
    stock, ours, barrier = (rate(kind, url, writers, seconds) for kind in (stock_writer, our_writer, barrier_writer))
    cell = {
        "ours_per_s": round(ours, 1),
        "ours_with_barrier_per_s": round(barrier, 1),
        "stock_per_s": round(stock, 1),
        "ratio": round(ours / stock, 2),
        "ratio_with_barrier": round(barrier / stock, 2),
    }
    print(f"{disk}, {writers} writers: {cell}", file=sys.stderr)
    return cell


def rate(kind: Callable[..., Any], url: str, writers: int, seconds: float) -> float:
    """Appends a second of so many writers, spread over processes, after a warm-up."""
    spawning = multiprocessing.get_context("spawn")
    processes = -(-writers // THREADS)
    threads = [writers // processes + (number < writers % processes) for number in range(processes)]
    ready, counts = spawning.Barrier(processes), spawning.SimpleQueue()
    started = [
        spawning.Process(target=run_writers, args=(kind, url, count, seconds, ready, counts)) for count in threads
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(seconds + 120)
        if process.exitcode != 0:
            raise click.ClickException(f"a writer process ended with {process.exitcode}; its error stands above")
    return float(sum(counts.get() for _ in started))


def run_writers(kind: Callable[..., Any], url: str, threads: int, seconds: float, ready: Barrier, counts: Any) -> None:  # noqa: ANN401 - a queue of the context
    """In a process of its own: append from so many threads, and tell the appends a second."""
    with kind(url, threads) as append, ThreadPoolExecutor(threads) as pool:
        ready.wait(60)
        list(pool.map(partial(repeat, append, WARM_UP_SECONDS), range(threads)))
        ready.wait(60)
        counts.put(sum(pool.map(partial(repeat, append, seconds), range(threads))))


def repeat(append: Append, seconds: float, _: int) -> float:
    """Append for so long; times a second."""
    began, times = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - began) < seconds:
        append()
        times += 1
    return times / elapsed


@contextmanager
def our_writer(url: str, threads: int, *, durable_barrier: bool = False) -> Iterator[Append]:
    """Our event store."""
    pool = PoolSettings(max_size=min(threads, 8), checkout_timeout_seconds=PATIENCE_SECONDS)
    store = PostgresEventStore(
        DatabaseSettings(
            url=url, store_pool=pool, lock_timeout_seconds=PATIENCE_SECONDS, durable_barrier=durable_barrier
        ),
        MemoryKeys(),
    )

    def append() -> None:
        stream, key, customer = new_id(), str(new_id()), new_id()
        store.append(
            [Change(stream, 0, placement(customer))],
            answer=Answer(id=stream, status="placed", version=2),
            meta=meta_of(customer),
            occurred_at=NOON,
            idempotency=Idempotency(actor="a", operation="place_order", key=key, payload_hash=bytes(32)),
        )

    try:
        yield append
    finally:
        store.close()


barrier_writer = partial(our_writer, durable_barrier=True)


@contextmanager
def stock_writer(url: str, threads: int) -> Iterator[Append]:
    """The library's recorder with our mapper: the same bytes."""
    mapper = JSONMapper(personal=PersonalData(MemoryKeys()))
    with stock_recorder(url, threads) as recorder:

        def append() -> None:
            customer = new_id()
            events = recorded(new_id(), customer, placement(customer))
            recorder.insert_events([mapper.to_stored_event(one) for one in events])

        yield append


@contextmanager
def stock_recorder(url: str, connections: int) -> Iterator[PostgresApplicationRecorder]:
    """Made as the library's own factory makes it."""
    info = conninfo_to_dict(url)
    datastore = PostgresDatastore(
        dbname=str(info["dbname"]),
        host=str(info["host"]),
        port=str(info.get("port", "5432")),
        user=str(info["user"]),
        password=str(info.get("password", "")),
        pool_size=connections,
        connect_timeout=PATIENCE_SECONDS,
    )
    try:
        yield PostgresApplicationRecorder(datastore)
    finally:
        datastore.close()


def slow_down(url: str, delay_us: int) -> None:
    """Let every flush take so much longer, whoever asks for it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET commit_delay = {int(delay_us)}")
        connection.execute("ALTER SYSTEM SET commit_siblings = 0")
        connection.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with psycopg.connect(url, autocommit=True) as connection:
            if connection.execute("SELECT current_setting('commit_delay')::int").fetchone() == (delay_us,):
                return
        time.sleep(0.05)
    raise click.ClickException("the server did not take commit_delay")


if __name__ == "__main__":
    main()
