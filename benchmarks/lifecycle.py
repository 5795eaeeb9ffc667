"""Whole order lifecycles over HTTP with real workers, at a fixed rate: `python -m benchmarks.lifecycle --rate 50`.

Open loop: orders begin when they are due, whatever became of those before, and a placement's latency counts from then.
Each lifecycle is place, read back, confirm, prepare, ready, match, offer (heard on the driver's live stream), accept,
arrive, pick up, deliver, capture, complete. `--place-only` instead measures placements a second at saturation with
one API worker process. The world is fresh, its clock runs at machine speed; matching's settle time is subtracted.
"""

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import click
import msgspec
import psycopg

from application import worlds
from application.clocks import MachineClock
from application.settings import read_settings
from benchmarks.generator import Result, Task
from benchmarks.load_process import LoadProcess
from benchmarks.processor_time import spent
from domain.region import Region
from projections.restaurant_cache import PURGED_SECONDS
from simulation.percentiles import percentile

DRAIN_SECONDS = 60.0
DRIVERS_PER_RATE = 6.0
"""A lifecycle lasts under 2 s, settle time included, and a driver takes two at most."""
HEAD_START_SECONDS = PURGED_SECONDS + 1.0
"""The menus were written just before; only then are they cached."""


class Event(NamedTuple):
    """One stored event; `at` is machine time."""

    stream_id: str
    topic: str
    at: float


@click.command()
@click.option("--rate", type=click.FloatRange(0.1, 2_000), default=50, show_default=True, help="Lifecycles a second.")
@click.option("--seconds", type=click.FloatRange(1, 3_600), default=30, show_default=True)
@click.option("--place-only", is_flag=True, help="Placements at saturation, one API worker process.")
@click.option("--placers", type=click.IntRange(1, 1_000), default=48, show_default=True, help="With --place-only.")
@click.option("--generators", type=click.IntRange(1, 16), default=2, show_default=True, help="Client processes.")
@click.option("--api-workers", type=click.IntRange(1, 64), help="API processes (default: the settings').")
def main(
    rate: float, seconds: float, placers: int, generators: int, api_workers: int | None, *, place_only: bool
) -> None:
    """Measure, and print one JSON line last."""
    settings = read_settings()
    workers = 1 if place_only else api_workers or settings.api.workers
    settings = msgspec.structs.replace(settings, api=msgspec.structs.replace(settings.api, workers=workers))
    region = settings.regions[0]
    now = MachineClock().now()
    name = f"bench-{now:%Y%m%d-%H%M%S}"
    with worlds.create(name, speed=1.0, origin_business=now, regions=[region], settings=settings) as world:
        tasks = [
            Task(
                base_url=world.base_url,
                number=number,
                generators=generators,
                region=region.id,
                center=(region.center.lat, region.center.lon),
                customers=50 // generators + 1,
                restaurants=40 // generators + 1,
                drivers=0 if place_only else int(max(40.0, rate * DRIVERS_PER_RATE)) // generators + 1,
                origin=now,
                seconds=seconds,
                rate=rate / generators,
                placers=placers // generators if place_only else 0,
            )
            for number in range(generators)
        ]
        with ExitStack() as closing:
            clients = [closing.enter_context(LoadProcess("benchmarks.generator", task)) for task in tasks]
            for client in clients:
                client.expect(b"ready")
            click.echo(f"Everybody is logged in; {seconds:g} s of load begin.")
            generators_by_id = {client.pid for client in clients}
            before = spent(world.settings.data_dir, generators_by_id)
            start = world.start_clock().timestamp() + HEAD_START_SECONDS
            for client in clients:
                client.say(f"go {start}")
            for client in clients:
                client.expect(b"placed")
            if not place_only:
                _drain(world.settings.database.url)
            after = spent(world.settings.data_dir, generators_by_id)
            for client in clients:
                client.say("stop")
            results = [client.result(Result) for client in clients]
        events = read_events(world.settings.database.url)
        found = placements(results, seconds) if place_only else lifecycles(results, events, start, seconds, region)
    _print_errors(results)
    placed = max(1, sum(len(result.placed) for result in results))
    found["cpu_ms_per_order"] = {
        kind: round((after[kind] - before.get(kind, 0.0)) * 1_000 / placed, 2) for kind in sorted(after)
    }
    click.echo(json.dumps(found | {"api_workers": workers, "cores": _cores(), "seconds": seconds}))


def lifecycles(
    results: Sequence[Result], events: Sequence[Event], start: float, seconds: float, region: Region
) -> dict[str, Any]:
    """Count what came of the orders. Rates are of what happened between a warm-up and the end of the load."""
    placed = {order_id for result in results for order_id in result.placed}
    warm_up = min(5.0, seconds / 4)
    window = [event for event in events if start + warm_up <= event.at < start + seconds]
    topics = Counter(event.topic for event in window)
    ended = {event.stream_id for event in events if event.topic in ("order.delivered", "order.completed")}
    match = _match_seconds(events, region.dispatch.settle_seconds)
    place = [value for result in results for value in result.place]
    calls = [value for result in results for value in result.calls]
    visible = [value for result in results for value in result.visible]
    return {
        "orders_per_s": round(topics["order.completed"] / (seconds - warm_up), 1),
        "placed": len(placed),
        "lost": len(placed - ended),
        "errors": sum(len(result.errors) for result in results),
        "repeats": sum(result.repeats for result in results),
        "place_p50_ms": _ms(place, 0.5),
        "place_p99_ms": _ms(place, 0.99),
        "api_p99_ms": _ms(place + calls, 0.99),
        "match_p50_ms": _ms(match, 0.5),
        "match_p99_ms": _ms(match, 0.99),
        "visible_p50_ms": _ms(visible, 0.5),
        "visible_p99_ms": _ms(visible, 0.99),
        "events_per_s": round(len(window) / (seconds - warm_up), 1),
        "offers_per_order": round(topics["order.driver_offered"] / max(1, topics["order.driver_assigned"]), 2),
    }


def placements(results: Sequence[Result], seconds: float) -> dict[str, Any]:
    """Count the 201s."""
    place = [value for result in results for value in result.place]
    return {
        "placements_per_s": round(len(place) / seconds, 1),
        "errors": sum(len(result.errors) for result in results),
        "repeats": sum(result.repeats for result in results),
        "place_p50_ms": _ms(place, 0.5),
        "place_p99_ms": _ms(place, 0.99),
    }


def read_events(database_url: str) -> list[Event]:
    """Read the log: stream, topic and when it was recorded."""
    query = "SELECT originator_id::text, topic, extract(epoch FROM recorded_at)::float8 FROM events ORDER BY position"
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        return [Event(*row) for row in connection.execute(query)]


def _drain(database_url: str) -> None:
    """Wait until every order has ended, at most DRAIN_SECONDS; one that has not by then counts as lost."""
    query = """
        SELECT count(*) FILTER (WHERE topic = 'order.placed') - count(*) FILTER (WHERE topic <> 'order.placed')
        FROM events WHERE topic IN ('order.placed', 'order.completed', 'order.cancelled', 'order.rejected')
    """
    deadline = time.monotonic() + DRAIN_SECONDS
    with psycopg.connect(database_url, autocommit=True, connect_timeout=5) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(query).fetchone()
            if row is not None and row[0] == 0:
                return
            time.sleep(0.2)


def _match_seconds(events: Iterable[Event], settle_seconds: float) -> list[float]:
    """Take the time from confirmation to the first offer, without the settle time, per order."""
    firsts: dict[str, dict[str, float]] = defaultdict(dict)
    for event in events:
        if event.topic in ("order.confirmed", "order.driver_offered"):
            firsts[event.stream_id].setdefault(event.topic, event.at)
    return [
        first["order.driver_offered"] - first["order.confirmed"] - settle_seconds
        for first in firsts.values()
        if len(first) == 2  # noqa: PLR2004 - both
    ]


def _ms(seconds: Iterable[float], share: float) -> float | None:
    value = percentile(seconds, share)
    return None if value is None else round(value * 1_000, 1)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _print_errors(results: Sequence[Result]) -> None:
    kinds = Counter(error[:160] for result in results for error in result.errors)
    for error, times in kinds.most_common(10):
        click.echo(f"{times} × {error}", err=True)


if __name__ == "__main__":
    main()
