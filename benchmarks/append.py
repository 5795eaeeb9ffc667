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
from datetime import UTC, datetime
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import click
import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

import migrations
from application.engines.embedded import embedded
from application.event_store import PostgresEventStore
from application.ids import new_id
from application.settings import DatabaseSettings, PoolSettings
from application.store import Answer, Change, Idempotency
from domain import order
from domain.event import Event, Meta, Recorded, Role
from domain.geo import Position
from domain.mapper import JSONMapper

WRITERS = (1, 8, 16, 64)
THREADS = 16
"""Writers in one process."""
SLOW_FLUSH_US = 2_000
PATIENCE_SECONDS = 30.0
WARM_UP_SECONDS = 0.5
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
PLACE = Position(lat=41.15, lon=-8.61)
ID = new_id()
META = Meta(actor_type=Role.CUSTOMER, actor_id=ID, correlation_id="benchmark", ip="127.0.0.1")

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
        )
    )

    def append() -> None:
        stream, key = new_id(), str(new_id())
        store.append(
            [Change(stream, 0, placed())],
            answer=Answer(id=stream, status="placed", version=2),
            meta=META,
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
    mapper = JSONMapper()
    with stock_recorder(url, threads) as recorder:

        def append() -> None:
            recorder.insert_events(to_stored(mapper))

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


def to_stored(mapper: JSONMapper) -> list[StoredEvent]:
    """A placement as it is stored."""
    stream = new_id()
    return [
        mapper.to_stored_event(
            Recorded(
                originator_id=stream,
                originator_version=version,
                event_id=new_id(),
                occurred_at=NOON,
                meta=META,
                event=event,
            )
        )
        for version, event in enumerate(placed(), 1)
    ]


def placed() -> list[Event]:
    """The events of a placement of two lines."""
    lines = tuple(
        order.Line(item_id=ID, name="Francesinha", unit_price_minor=1_000, quantity=1, total_minor=1_000)
        for _ in range(2)
    )
    price = order.Price(
        currency="EUR",
        subtotal_minor=2_000,
        delivery_fee_minor=199,
        service_fee_minor=100,
        tax_minor=299,
        tip_minor=100,
        total_minor=2_698,
    )
    placed = order.Placed(
        customer_id=ID,
        customer_name="Ana",
        region="porto",
        restaurant_id=ID,
        restaurant_name="Casa",
        restaurant_position=PLACE,
        lines=lines,
        price=price,
        dropoff=order.Dropoff(position=PLACE, address="Rua das Flores 1"),
        delivery_distance_m=900.0,
        prep_seconds=600,
        promised_at=NOON,
    )
    return [placed, order.PaymentAuthorized(payment_id="pay-1", amount_minor=price.total_minor, currency="EUR")]


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
