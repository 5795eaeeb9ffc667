"""Prometheus metrics under the names the dashboards know.

Several processes share one directory (`PROMETHEUS_MULTIPROC_DIR`, set before Python starts): each writes
its own files there and `render` sums them up. What the database knows is asked at scrape time.
"""

import os
from collections.abc import Iterator, Mapping

import psycopg
import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from application.seals import figures
from application.seals.book import Book, UnreadableSeals
from projections import dead_letters, driver_board, order_lists, order_totals, positions
from projections.connections import driver

_LOG = structlog.get_logger("metrics")

http_request_duration_seconds = Histogram(
    "http_request_duration_seconds",
    "Time to answer a request; `route` is the path's template.",
    ("method", "route", "status_code"),
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
driver_match_duration_seconds = Histogram(
    "driver_match_duration_seconds",
    "Business time from when a driver was needed (the confirmation, or later by plan) to one who accepted.",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30),
)
geo_query_duration_seconds = Histogram(
    "geo_query_duration_seconds",
    "Time to find the nearest drivers.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1),
)
driver_location_updates_total = Counter(
    "driver_location_updates_total",
    "Pings accepted.",
)
driver_location_late_total = Counter(
    "driver_location_late_total",
    "Pings too old to say where a driver is: kept in the history, not counted as accepted.",
)
driver_location_dropped_total = Counter(
    "driver_location_dropped_total",
    "Pings dropped: stale, unknown (driver not on shift), impossible, or busy (refused with 503: sent again).",
    ("reason",),
)
driver_frames_refused_total = Counter(
    "driver_frames_refused_total",
    "Frames on drivers' sockets that could not be read.",
)
position_history_rows_total = Counter(
    "position_history_rows_total",
    "Positions written into the history.",
)
position_history_dropped_total = Counter(
    "position_history_dropped_total",
    "Accepted positions left out of the history: full (the buffer), old (past retention), failed.",
    ("reason",),
)
delivery_duration_minutes = Histogram(
    "delivery_duration_minutes",
    "Business time from placement to the customer's door.",
    buckets=(10, 15, 20, 25, 30, 35, 40, 50, 60, 90, 120),
)
eta_accuracy_minutes = Histogram(
    "eta_accuracy_minutes",
    "Delivered minus promised; positive is late.",
    buckets=(-15, -10, -5, -3, 0, 3, 5, 10, 15, 30),
)
plan_duration_seconds = Histogram(
    "plan_duration_seconds",
    "Machine time for one plan of a region: looking, searching, offering.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
plan_unseen_orders_total = Counter(
    "plan_unseen_orders_total",
    "Orders that a plan did not look at: late (there was no time), too_many (of one region). Each plan counts anew.",
    ("why",),
)
planned_orders_total = Counter(
    "planned_orders_total",
    "Orders acted on by a plan: offered, overtaken (its driver could not be asked), put_off, unplanned (nobody fits), "
    "told (ready, and its driver cannot be asked yet).",
    ("outcome",),
)
projection_events_total = Counter(
    "projection_events_total",
    "Events that a projection has taken.",
    ("projection",),
)
projection_batch_seconds = Histogram(
    "projection_batch_seconds",
    "Time to fold and commit a batch. `lane`: tables, where all that keep up share one, or whoever goes alone.",
    ("lane",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)


def count_projected(lane: str, events: Mapping[str, int], seconds: float) -> None:
    """Count a committed batch: the projector's `observe`."""
    projection_batch_seconds.labels(lane).observe(seconds)
    for projection, count in events.items():
        projection_events_total.labels(projection).inc(count)


def render(engine: Engine, book: Book) -> tuple[bytes, str]:
    """Everything in Prometheus's text format, and its media type. Asks the database and the book of seals; blocks."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(engine, book))
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
    return generate_latest(REGISTRY) + generate_latest(registry), CONTENT_TYPE_LATEST


class DatabaseCollector(Collector):
    """What is true of the whole platform, whichever process is asked and however often they were restarted."""

    def __init__(self, engine: Engine, book: Book) -> None:
        """`engine` reads the read models; `book` has the log's seals."""
        self._engine = engine
        self._book = book

    def collect(self) -> Iterator[Metric]:
        """Read the counts; without the database only say that it is down: the processes' own figures still count."""
        up = GaugeMetricFamily("database_up", "Whether the database answered this scrape.")
        asked = (_orders, _drivers, _projections, _reactions, self._seals)
        try:
            with self._engine.connect() as connection:
                found = [metric for ask in asked for metric in ask(connection)]
        except (SQLAlchemyError, psycopg.Error) as error:
            _LOG.warning("metrics without the database", error=type(error).__name__)
            found = []
        up.add_metric([], 1 if found else 0)
        yield up
        yield from found

    def _seals(self, connection: Connection) -> Iterator[Metric]:
        try:
            progress = figures.progress(driver(connection), self._book)
        except (UnreadableSeals, OSError) as error:
            _LOG.warning("metrics without the seals", error=str(error))
            return
        yield GaugeMetricFamily("seals_last_position", "The last sealed position of the log.", progress.sealed)
        yield GaugeMetricFamily("seals_unsealed_events", "Events after it.", progress.unsealed)
        yield GaugeMetricFamily(
            "seals_oldest_unsealed_seconds", "Age of the oldest of them; 0 without any.", progress.oldest_seconds
        )


def _orders(connection: Connection) -> Iterator[Metric]:
    totals = order_totals.totals(connection)
    reached = CounterMetricFamily("orders", "Orders that ever came to a status.", labels=("status",))
    for status, count in totals.reached.items():
        reached.add_metric((status,), count)
    yield reached
    batched = totals.batched
    yield CounterMetricFamily(
        "bundled_orders", "Second orders accepted to go together with the one carried.", batched.orders
    )
    yield GaugeMetricFamily(
        "bundled_saved_metres", "What that was to save, as the crow flies; less where one did not.", batched.saved_m
    )
    yield GaugeMetricFamily("bundled_saved_minutes", "The same, of the drivers' time.", batched.saved_seconds / 60)
    yield _gauge("orders_active", "Orders in a status now that are not over.", "status", totals.active)


def _drivers(connection: Connection) -> Iterator[Metric]:
    counts = driver_board.counts(connection)
    active = GaugeMetricFamily("drivers_active", "Drivers on shift who are not silent.")
    active.add_metric([], counts.on_shift - counts.silent)
    yield active
    yield GaugeMetricFamily("drivers_silent", "Drivers on shift who cannot be reached.", counts.silent)
    stranded = order_lists.on_the_way(connection, driver_board.silent(connection)) if counts.silent else 0
    yield GaugeMetricFamily(
        "orders_driver_silent", "Orders picked up by a driver who cannot be reached now: support has to act.", stranded
    )


def _projections(connection: Connection) -> Iterator[Metric]:
    lags = {row.name: row.lag_events for row in positions.progress(connection) if row.state in positions.READABLE}
    yield _gauge(
        "projection_dead_letters", "Events that a projection skipped.", "projection", dead_letters.counts(connection)
    )
    yield _gauge("projection_lag_events", "Events of the log that a projection has not seen.", "projection", lags)


def _reactions(connection: Connection) -> Iterator[Metric]:
    rows = connection.execute(
        text("SELECT actor_name, count(*) FROM public.reactions WHERE state = 'pending' GROUP BY actor_name")
    )
    waiting = {row[0]: row[1] for row in rows}
    yield _gauge("reactions_pending", "Reactions that are not done, those due later included.", "actor", waiting)
    dead = GaugeMetricFamily("reactions_dead", "Reactions given up; an operator has to look.")
    count = connection.execute(text("SELECT count(*) FROM public.reactions WHERE state = 'dead'")).scalar_one()
    dead.add_metric([], float(count))
    yield dead


def _gauge(name: str, documentation: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, documentation, labels=(label,))
    for value, count in values.items():
        family.add_metric((value,), count)
    return family
