"""Command to read model: `python -m benchmarks.visibility`.

Orders are placed in an open loop, straight into the event store; each then waits with its position, as a query that
sends Tiffin-Position does, until order_details shows it. The projector is a process of its own. Then one order of
1,000 events is loaded through its snapshot.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

import migrations
from application.engines.embedded import Addresses, embedded
from application.event_store import PostgresEventStore
from application.ids import new_id
from application.kinds import ORDER
from application.settings import read_settings
from application.store import Answer, Change
from benchmarks.order_life import NOON, meta_of, placement
from benchmarks.projection import keys_in
from domain import order
from projections.waiting import PositionWaiter
from simulation.percentiles import percentile

READ_MODEL = "order_details"
WARM_UP_SECONDS = 2.0
PATIENCE_SECONDS = 10.0
LONG = 1_000
LOADS = 500


@click.command()
@click.option("--rate", type=click.FloatRange(1, 5_000), default=200, show_default=True, help="Appends a second.")
@click.option("--seconds", type=click.FloatRange(1, 600), default=15, show_default=True)
def main(rate: float, seconds: float) -> None:
    """Measure, and print one JSON line last."""
    with tempfile.TemporaryDirectory(prefix="tiffin-visibility-") as folder, embedded(Path(folder)) as engines:
        migrations.upgrade(engines.database_url)
        settings = msgspec.structs.replace(read_settings().database, url=engines.database_url)
        with projecting(engines, folder), keys_in(settings.url, Path(folder)) as keys:
            store = PostgresEventStore(settings, keys)
            asyncio.run(measure(store, settings.url, rate, WARM_UP_SECONDS))
            print(f"{rate:g} appends a second for {seconds:g} s", file=sys.stderr)
            seen = asyncio.run(measure(store, settings.url, rate, seconds))
            load_ms = long_load_ms(store)
            store.close()
    acknowledged, called = zip(*seen, strict=True)
    found = {
        "p50_ms": milliseconds(acknowledged, 0.5),
        "p99_ms": milliseconds(acknowledged, 0.99),
        "from_call_p50_ms": milliseconds(called, 0.5),
        "from_call_p99_ms": milliseconds(called, 0.99),
        "appends": len(seen),
        "appends_per_s": rate,
        "load_1000_events_ms": load_ms,
        "cores": len(os.sched_getaffinity(0)),
    }
    print(json.dumps(found))


@contextmanager
def projecting(engines: Addresses, folder: str) -> Iterator[None]:
    """The projector, as `tiffin up` runs it."""
    environment = {"DATABASE_URL": engines.database_url, "VALKEY_URL": engines.valkey_url, "TIFFIN_DATA": folder}
    process = subprocess.Popen(
        [sys.executable, "-m", "application.cli", "projector"], env=os.environ | environment | {"LOG_LEVEL": "ERROR"}
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


async def measure(store: PostgresEventStore, url: str, rate: float, seconds: float) -> list[tuple[float, float]]:
    """From acknowledgement and from the call until visible, in seconds, for each append."""
    seen: list[tuple[float, float]] = []

    async def place(waiter: PositionWaiter) -> None:
        stream, customer, called = new_id(), new_id(), time.perf_counter()
        receipt = await store.append_async(
            [Change(stream, 0, placement(customer))],
            answer=Answer(id=stream, status="placed", version=2),
            meta=meta_of(customer),
            occurred_at=NOON,
        )
        acknowledged = time.perf_counter()
        if await waiter.wait((READ_MODEL,), receipt.position, PATIENCE_SECONDS) < receipt.position:
            raise click.ClickException(f"{receipt.position} was not visible within {PATIENCE_SECONDS:g} s")
        visible = time.perf_counter()
        seen.append((visible - acknowledged, visible - called))

    async with PositionWaiter(url) as waiter, asyncio.TaskGroup() as group:
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            group.create_task(place(waiter))
    return seen


def long_load_ms(store: PostgresEventStore) -> float:
    """The median time to load an order of so many events."""
    stream, customer = new_id(), new_id()
    answer = Answer(id=stream, status="placed", version=0)
    store.append([Change(stream, 0, placement(customer))], answer=answer, meta=meta_of(customer), occurred_at=NOON)
    for version in range(2, LONG):
        note = order.NoteAdded(customer_id=customer, text="Called; on the way.")
        before = store.load(ORDER, stream)
        store.append(
            [Change(stream, version, [note])],
            answer=answer,
            meta=meta_of(customer),
            occurred_at=NOON,
            snapshots={stream: msgspec.structs.replace(before, version=version + 1)},
        )
    took = []
    for _ in range(LOADS):
        began = time.perf_counter()
        version = store.load(ORDER, stream).version
        took.append(time.perf_counter() - began)
        if version != LONG:
            raise click.ClickException(f"the order has {version} events")
    return milliseconds(took, 0.5)


def milliseconds(seconds: Iterable[float], share: float) -> float:
    """A percentile of what was measured in seconds."""
    return round((percentile(seconds, share) or 0.0) * 1_000, 3)


if __name__ == "__main__":
    main()
