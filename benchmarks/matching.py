"""From a confirmed order to the first offer on a driver's socket, at city scale: `python -m benchmarks.matching`.

A world of its own with all its processes; 5,000 drivers on shift, each at `/v1/driver/stream`, sending a position
every 10 s. Orders are placed ahead; then restaurants confirm `--rate` of them a second, open loop, over HTTP. A driver
accepts every offer at once, over HTTP; `--carry-seconds` after its confirmation the customer cancels the order, which
frees the driver, so that the load can go on for ever. Orders are offered one by one: a plan would hold offers back on
purpose (`--planning` lets it).

The product looks for a driver only `settle_seconds` (1 s) after an order was confirmed. `p50_ms` and `p99_ms` count
from that moment, when the search is due, to the arrival of the first offer's frame at the driver's process;
`confirmed_p50_ms` and `confirmed_p99_ms` count from the confirmation (its `occurred_at`), the planned second included.
All leave out the orders of the first seconds. An order whose offer had not arrived within 10 s of the load's end counts
as `unmatched`. `stages` says where the time went: until a worker began to search, until its offer was in the log, until
the frame was there. All runs on one machine, the load, too: `load_lag_p99_ms` is how late its own timers ran, and
`cores_used` by others what else went on.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import click
import msgspec
import psutil
import psycopg

from application import worlds
from application.clocks import MachineClock
from application.event_store import PostgresEventStore
from application.settings import DatabaseSettings, read_settings
from benchmarks.load_process import LoadProcess
from benchmarks.matching_load import Result, Task
from benchmarks.matching_people import enrol
from benchmarks.processor_time import spent
from domain import order as orders
from domain.region import Region
from simulation.percentiles import percentile

CUSTOMERS = 400
RESTAURANTS = 200
HEAD_START_SECONDS = 4.0
DRAIN_SECONDS = 10.0
DRAIN_POLL_SECONDS = 0.5
TELLING_SECONDS = 1.0
"""From the last offer in the log until it counts as not told; its way to the socket is a tenth of that."""
WARM_UP_SECONDS = 5.0
BATCH = 5_000


class Matched(NamedTuple):
    """One order's way to its first offer; seconds of machine time."""

    confirmed: float
    searched: float | None = None
    """When the worker that found the driver began."""
    offered: float | None = None
    """When the log had the offer."""


@click.command()
@click.option("--rate", type=click.FloatRange(0.1, 2_000), default=167, show_default=True, help="Orders a second.")
@click.option("--seconds", type=click.FloatRange(2, 600), default=30, show_default=True)
@click.option("--drivers", type=click.IntRange(1, 50_000), default=5_000, show_default=True)
@click.option("--ping-seconds", type=click.FloatRange(1, 25), default=10, show_default=True)
@click.option("--carry-seconds", type=click.FloatRange(2, 600), default=12, show_default=True)
@click.option("--generators", type=click.IntRange(1, 16), default=2, show_default=True, help="Load processes.")
@click.option("--api-workers", type=click.IntRange(1, 64), help="API processes (default: the settings').")
@click.option("--planning", is_flag=True, help="Leave orders to the region's plan while they queue.")
@click.option("--workers", type=click.IntRange(1, 64), help="Worker processes (default: the settings').")
def main(
    rate: float,
    seconds: float,
    drivers: int,
    ping_seconds: float,
    carry_seconds: float,
    generators: int,
    api_workers: int | None,
    workers: int | None,
    *,
    planning: bool,
) -> None:
    """Measure, and print one JSON line last."""
    settings = read_settings()
    api = msgspec.structs.replace(settings.api, workers=api_workers or settings.api.workers)
    worker = msgspec.structs.replace(settings.worker, processes=workers or settings.worker.processes)
    settings = msgspec.structs.replace(settings, api=api, worker=worker)
    region = settings.regions[0] if planning else one_by_one(settings.regions[0])
    now = MachineClock().now()
    name = f"bench-{now:%Y%m%d-%H%M%S}"
    with worlds.create(name, speed=1.0, origin_business=now, regions=[region], settings=settings) as world:
        people = enrol(world.settings, region, customers=CUSTOMERS, restaurants=RESTAURANTS, drivers=drivers)
        written = world.settings.data_dir / "people.json"
        written.write_bytes(msgspec.json.encode(people))
        tasks = [
            Task(
                base_url=world.base_url,
                people=str(written),
                number=number,
                processes=generators,
                orders=round(rate * seconds / generators),
                rate=rate / generators,
                ping_seconds=ping_seconds,
                carry_seconds=carry_seconds,
                origin=now,
            )
            for number in range(generators)
        ]
        with ExitStack() as closing:
            load = [closing.enter_context(LoadProcess("benchmarks.matching_load", task)) for task in tasks]
            for process in load:
                process.expect(b"ready")
            click.echo(f"{drivers} drivers listen; {seconds:g} s of load begin.")
            ids = {process.pid for process in load}
            started = world.start_clock().timestamp()
            start = started + HEAD_START_SECONDS
            for process in load:
                process.say(f"go {start} {started}")
            time.sleep(max(0.0, start - time.time()))
            before, machine = spent(world.settings.data_dir, ids), _machine()
            for process in load:
                process.expect(b"confirmed")
            after = spent(world.settings.data_dir, ids)
            took, busy = (now - then for now, then in zip(_machine(), machine, strict=True))
            _drain(world.settings.database.url)
            for process in load:
                process.say("stop")
            results = [process.result(Result) for process in load]
        log = read_log(world.settings.database, now, started)
    _print_errors(results)
    found = matched(results, log, start, seconds, region)
    found["cpu_ms_per_order"] = {
        kind: round((after[kind] - before.get(kind, 0.0)) * 1_000 / max(1, found["orders"]), 2)
        for kind in sorted(after)
    }
    own = sum(after.values()) - sum(before.values())
    found["cores_used"] = {"by_this": round(own / took, 2), "by_others": round((busy - own) / took, 2)}
    found |= {"drivers": drivers, "seconds": seconds, "rate": rate, "cores": len(os.sched_getaffinity(0))}
    found["processes"] = {
        "api": api.workers,
        "worker": worker.processes,
        "worker_threads": worker.threads,
        "projector": 1,
        "follower": 1,
        "load": generators,
    }
    click.echo(json.dumps(found))


def one_by_one(region: Region) -> Region:
    """A region that offers every order by itself, as soon as it may."""
    return msgspec.structs.replace(region, dispatch=msgspec.structs.replace(region.dispatch, planning=None))


def matched(
    results: Sequence[Result], log: Mapping[UUID, Matched], start: float, seconds: float, region: Region
) -> dict[str, Any]:
    """Count orders by their confirmation; those of the warm-up count in numbers, not in times."""
    heard = {order_id: at for result in results for order_id, at in result.heard.items()}
    confirmed = [order_id for result in results for order_id in result.confirmed]
    warm = start + min(WARM_UP_SECONDS, seconds / 4)
    settle = region.dispatch.settle_seconds
    timed = [(log[order_id], heard[order_id]) for order_id in confirmed if order_id in heard]
    timed = [(order, at) for order, at in timed if order.confirmed >= warm]
    in_time = [at for order_id in confirmed if warm <= (at := log[order_id].confirmed) < start + seconds]
    whole = [at - order.confirmed for order, at in timed]
    lags = [lag for result in results for lag in result.lags]
    stages = {
        "searching": [order.searched - order.confirmed - settle for order, _ in timed if order.searched],
        "offering": [order.offered - order.searched for order, _ in timed if order.offered and order.searched],
        "telling": [at - order.offered for order, at in timed if order.offered],
    }
    return {
        "p50_ms": _ms((value - settle for value in whole), 0.5),
        "p99_ms": _ms((value - settle for value in whole), 0.99),
        "confirmed_p50_ms": _ms(whole, 0.5),
        "confirmed_p99_ms": _ms(whole, 0.99),
        "settle_ms": round(settle * 1_000),
        "orders": len(confirmed),
        "orders_per_s": round(len(in_time) / (start + seconds - warm), 1),
        "offered": sum(order_id in heard for order_id in confirmed),
        "unmatched": sum(order_id not in heard for order_id in confirmed),
        "offers": sum(result.offers for result in results),
        "stages": {
            f"{stage}_p{round(share * 100)}_ms": _ms(values, share)
            for stage, values in stages.items()
            for share in (0.5, 0.99)
        },
        "confirm_call_p99_ms": _ms((value for result in results for value in result.confirm), 0.99),
        "load_lag_p99_ms": _ms(lags, 0.99),
        "frames": sum(result.frames for result in results),
        "errors": sum(len(result.errors) for result in results),
        "repeats": sum(result.repeats for result in results),
        "sockets_closed": sum(len(result.closed) for result in results),
    }


def read_log(database: DatabaseSettings, origin: datetime, started: float) -> dict[UUID, Matched]:
    """Every confirmed order's way, by the log; business time began at `origin`, at machine time `started`."""
    found: dict[UUID, Matched] = {}
    recorded = _recorded(database.url)
    store = PostgresEventStore(database)
    try:
        position = 0
        while batch := store.read(after=position, limit=BATCH):
            for at, one in batch:
                moment = (one.occurred_at - origin).total_seconds() + started
                order_id = one.originator_id
                if isinstance(one.event, orders.Confirmed):
                    found[order_id] = Matched(moment)
                elif isinstance(one.event, orders.DriverOffered) and found[order_id].offered is None:
                    found[order_id] = Matched(found[order_id].confirmed, moment, recorded[at])
            position = batch[-1][0]
    finally:
        store.close()
    return found


def _recorded(url: str) -> dict[int, float]:
    query = "SELECT position, extract(epoch FROM recorded_at)::float8 FROM events WHERE topic = 'order.driver_offered'"
    with psycopg.connect(url, connect_timeout=5) as connection:
        return dict(connection.execute(query).fetchall())


def _drain(url: str) -> None:
    """Wait until every confirmed order was offered, and for that to be told.

    Not for ever: what was not offered after DRAIN_SECONDS, or not told after that, is counted as unmatched.
    """
    query = """
        SELECT count(DISTINCT originator_id) FILTER (WHERE topic = 'order.confirmed')
             - count(DISTINCT originator_id) FILTER (WHERE topic = 'order.driver_offered')
        FROM events WHERE topic IN ('order.confirmed', 'order.driver_offered')
    """
    deadline = time.monotonic() + DRAIN_SECONDS
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(query).fetchone()
            if row is not None and row[0] == 0:
                break
            time.sleep(DRAIN_POLL_SECONDS)
        else:
            click.echo(f"not every order was offered within {DRAIN_SECONDS:g} s of the load's end", err=True)
    time.sleep(TELLING_SECONDS)


def _machine() -> tuple[float, float]:
    """Now, and the processor seconds that everybody on this machine has used."""
    times = psutil.cpu_times()
    return time.monotonic(), sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def _ms(seconds: Iterable[float], share: float) -> float | None:
    value = percentile(seconds, share)
    return None if value is None else round(value * 1_000, 1)


def _print_errors(results: Sequence[Result]) -> None:
    kinds = Counter(error[:160] for result in results for error in result.errors)
    kinds.update(f"a socket was closed with {code}" for result in results for code in result.closed)
    for error, times in kinds.most_common(10):
        click.echo(f"{times} × {error}", err=True)


if __name__ == "__main__":
    main()
