"""Catch-up of order_details and order_timeline: our runner beside the library's: `python -m benchmarks.projection`.

The same events, tables and folds on one embedded server, each in a database of its own. Ours is the projector's
runner on an unseen log. The library's `ProjectionRunner` gets each event in a transaction of its own, with its
tracking row, as it is meant to; it folds fewer events, because it is slower.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import click
import psycopg
from eventsourcing.application import Application
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection as StockProjection
from eventsourcing.projection import ProjectionRunner
from psycopg.conninfo import conninfo_to_dict

import migrations
from application.engines.embedded import embedded
from application.event_store import PostgresEventStore
from application.ids import new_id
from application.memory_keys import MemoryKeys
from application.privacy.keys import KeyTable, open_keys
from application.settings import DatabaseSettings, PoolSettings, PrivacySettings, Settings
from application.store import Answer, Change
from benchmarks.order_life import NOON, life, meta_of, recorded
from domain.encryption import PersonalData
from domain.event import Event, Recorded
from domain.mapper import JSONMapper
from projections import generations, order_details, order_timeline, positions, runner
from projections.connections import driver, open_engine
from projections.log import Logged, LogReader
from projections.projection import Projection

FOLDED: tuple[Projection, ...] = (order_details.PROJECTION, order_timeline.PROJECTION)
STOCK_DATABASE = "stock"
PATIENCE_SECONDS = 600.0
WRITERS = 16


@click.command()
@click.option("--events", type=click.IntRange(1_000, 10_000_000), default=200_000, show_default=True)
@click.option("--stock-events", type=click.IntRange(100, 1_000_000), default=10_000, show_default=True)
def main(events: int, stock_events: int) -> None:
    """Measure, and print one JSON line last."""
    with tempfile.TemporaryDirectory(prefix="tiffin-projection-") as folder, embedded(Path(folder)) as engines:
        url = engines.database_url
        migrations.upgrade(url)
        with keys_in(url, Path(folder)) as keys:
            events = fill(url, keys, events)
        say(f"{events} events are in the log")
        with keys_in(url, Path(folder)) as keys:
            ours = catch_up(url, keys, events)
        say(f"ours: {ours:,.0f} events/s")
        stock_url = another_database(url)
        migrations.upgrade(stock_url)
        stock = stock_catch_up(stock_url, stock_events)
        say(f"stock: {stock:,.0f} events/s")
    found = {
        "events_per_s": round(ours, 1),
        "stock_events_per_s": round(stock, 1),
        "ratio": round(ours / stock, 1),
        "events": events,
        "stock_events": stock_events,
        "cores": len(os.sched_getaffinity(0)),
    }
    print(json.dumps(found))


@contextmanager
def keys_in(url: str, folder: Path) -> Iterator[KeyTable]:
    """Keys of data subjects in the log's database, as everywhere."""
    settings = Settings(
        database=DatabaseSettings(url=url), privacy=PrivacySettings(key_file=folder / "keys" / "personal.json")
    )
    with open_keys(settings) as keys:
        yield keys


def fill(url: str, keys: KeyTable, events: int) -> int:
    """Append whole orders, each of another customer; answers how many events they have."""
    pool = PoolSettings(max_size=8, checkout_timeout_seconds=30)
    settings = DatabaseSettings(url=url, store_pool=pool, lock_timeout_seconds=30.0, durable_barrier=True)
    store = PostgresEventStore(settings, keys)
    orders = -(-events // len(life(new_id())))

    def append(_: int) -> int:
        stream, customer = new_id(), new_id()
        whole = life(customer)
        answer = Answer(id=stream, status="completed", version=len(whole))
        changes = [Change(stream, 0, whole)]
        return store.append(changes, answer=answer, meta=meta_of(customer), occurred_at=NOON).position

    with ThreadPoolExecutor(WRITERS) as pool_of_writers:
        head = max(pool_of_writers.map(append, range(orders)))
    store.close()
    return head


def catch_up(url: str, keys: KeyTable, head: int) -> float:
    """Events a second of our runner, from its start until both read models have passed the log's head."""
    stopping = threading.Event()
    with open_engine(url).connect() as preparing:
        generations.ensure(preparing, FOLDED)
    thread = threading.Thread(target=runner.run, args=(url, reader_of(keys), FOLDED), kwargs={"stopping": stopping})
    began = time.perf_counter()
    thread.start()
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            while time.perf_counter() - began < PATIENCE_SECONDS:
                reached = connection.execute(
                    "SELECT min(position) FROM projection_positions WHERE state = 'live'"
                ).fetchone()
                if reached is not None and reached[0] == head:
                    return head / (time.perf_counter() - began)
                time.sleep(0.01)
    finally:
        stopping.set()
        thread.join()
    raise click.ClickException("the read models did not catch up")


def reader_of(keys: KeyTable) -> LogReader:
    """The log as the projector reads it, all keys to be fetched."""
    return LogReader(JSONMapper(personal=PersonalData(keys)))


class StockApplication(Application[UUID]):
    """The library's application, with our mapper so that it can store our events."""

    name = "stock"

    def construct_mapper(self) -> JSONMapper:
        """As ours, with keys that need not be fetched."""
        return JSONMapper(personal=PersonalData(MemoryKeys()))


class StockView(PostgresTrackingRecorder):
    """Where the stock projection writes: both folds and the tracking row in one transaction an event."""

    connection: Any = None

    def fold(self, event: Logged, tracking: Tracking) -> None:
        """Apply one event."""
        with self.connection.begin():
            for projection in FOLDED:
                projection.apply(self.connection, [event])
            driver(self.connection).execute(
                cast("Any", self.insert_tracking_statement),
                {"application_name": tracking.application_name, "notification_id": tracking.notification_id},
                prepare=True,
            )


class StockFold(StockProjection[StockView]):
    """What the stock runner runs."""

    name = "fold"

    def process_event(self, domain_event: Recorded[Event], tracking: Tracking) -> None:
        """One event, as the library hands it on."""
        logged = Logged(
            position=tracking.notification_id,
            topic=domain_event.event.TOPIC,
            recorded_at=datetime.now(UTC),
            recorded=domain_event,
        )
        self.view.fold(logged, tracking)


def stock_catch_up(url: str, events: int) -> float:
    """Events a second of the library's runner."""
    environment = stock_environment(url)
    application = StockApplication(environment)
    while (application.recorder.max_notification_id() or 0) < events:
        mapper = application.mapper
        application.recorder.insert_events([mapper.to_stored_event(cast("Any", one)) for one in a_life()])
    application.close()
    with connected(url) as StockView.connection:
        began = time.perf_counter()
        with ProjectionRunner(
            application_class=StockApplication, projection_class=StockFold, view_class=StockView, env=environment
        ) as running:
            running.wait(events, timeout=PATIENCE_SECONDS)
            return events / (time.perf_counter() - began)


def a_life() -> list[Recorded[Event]]:
    """An order of a customer of its own."""
    customer = new_id()
    return recorded(new_id(), customer, life(customer))


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """The projector's own kind of connection, on empty read models."""
    with open_engine(url).connect() as connection:
        generations.ensure(connection, FOLDED)
        with connection.begin():
            positions.head(connection)
        yield connection


def stock_environment(url: str) -> dict[str, str]:
    """The library's settings."""
    info = conninfo_to_dict(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(info["dbname"]),
        "POSTGRES_HOST": str(info["host"]),
        "POSTGRES_PORT": str(info.get("port", "5432")),
        "POSTGRES_USER": str(info["user"]),
        "POSTGRES_PASSWORD": "",
        "POSTGRES_POOL_SIZE": "4",
    }


def another_database(url: str) -> str:
    """A second database of the same server."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {STOCK_DATABASE}")
    info = conninfo_to_dict(url)
    return f"postgresql://{info['user']}@/{STOCK_DATABASE}?host={info['host']}"


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
