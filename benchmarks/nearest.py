"""The nearest drivers who can take an order: `python -m benchmarks.nearest`.

One dense metro (everybody around one centre, 6 km in one standard deviation), alone and while its drivers send
pings. Closed-loop clients ask over the event loop's shared connection (`ValkeyLink`) and, in the same run, over
redis-py as the workers do. Beside them the naive way: GEOSEARCH for all within 5 km, then HGETALL for each.
"""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import redis

from application.engines import valkey
from benchmarks import nearest_load as load
from benchmarks.nearest_load import Asked, Setting
from simulation.percentiles import percentile

ASKING_PROCESSES = 2
NAIVE_CLIENTS = 2
PROCESSES = ASKING_PROCESSES + 1
BAR = (200_000, 10_000)
"""The setting that the bar is about: drivers, and pings a second."""


@click.command()
@click.option("--drivers", multiple=True, type=int, default=(10_000, 50_000, 200_000), show_default=True)
@click.option("--pings", multiple=True, type=int, default=(0, 10_000, 50_000), show_default=True, help="A second.")
@click.option("--seconds", type=click.FloatRange(1, 60), default=4, show_default=True, help="Of each measurement.")
@click.option("--clients", type=click.IntRange(1, 64), default=4, show_default=True, help="Of each of two processes.")
@click.option("--naive/--no-naive", default=True, show_default=True)
def main(drivers: Sequence[int], pings: Sequence[int], seconds: float, clients: int, naive: bool) -> None:  # noqa: FBT001 - click
    """Measure, and print one JSON line last."""
    settings: list[dict[str, Any]] = []
    memory: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="tiffin-nearest-") as folder,
        ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool,
    ):
        url = valkey.start(Path(folder))
        try:
            with redis.Redis.from_url(url, socket_timeout=60, socket_connect_timeout=2) as client:
                # The log of a benchmark is of no use, and its rewriting would be what is measured.
                client.config_set("appendonly", "no")
                for count in drivers:
                    memory[str(count)] = load.populate(client, count, naive=naive)
                    for rate in pings:
                        load.ping_everybody(client, count)
                        found = measure(
                            pool,
                            Setting(url=url, drivers=count, pings_per_s=rate, seconds=seconds, clients=clients),
                            naive,
                        )
                        print(json.dumps(found), file=sys.stderr)
                        settings.append(found)
        finally:
            valkey.stop(Path(folder))
    told = next((s for s in settings if (s["drivers"], s["pings_per_s"]) == BAR), settings[-1])
    headline = {name: told[name] for name in ("drivers", "pings_per_s", "clients", "p50_ms", "p99_ms", "per_s")}
    cores = len(os.sched_getaffinity(0))
    print(json.dumps(headline | {"settings": settings, "bytes_per_driver": memory, "cores": cores}))


def measure(pool: ProcessPoolExecutor, setting: Setting, naive: bool) -> dict[str, Any]:  # noqa: FBT001 - as above
    """One setting, the ways one after the other, each under its own pings."""
    found: dict[str, Any] = {"drivers": setting.drivers, "pings_per_s": setting.pings_per_s}
    found["clients"] = ASKING_PROCESSES * setting.clients
    link, accepted = under_pings(pool, setting, load.ask_over_link, ASKING_PROCESSES, setting.clients)
    found |= link | {"pings_accepted_per_s": round(accepted)}
    found["redis_py"], _ = under_pings(pool, setting, load.ask_over_redis, ASKING_PROCESSES, setting.clients)
    if naive:
        found["naive"], _ = under_pings(pool, setting, load.ask_naively, 1, NAIVE_CLIENTS)
        found["ratio"] = round(found["per_s"] / found["naive"]["per_s"], 1)
    return found


def under_pings(
    pool: ProcessPoolExecutor, setting: Setting, ask: load.Ask, processes: int, clients: int
) -> tuple[dict[str, float], float]:
    """What the clients of all processes met, and the pings accepted a second meanwhile."""
    pinging = pool.submit(load.send_pings, setting) if setting.pings_per_s else None
    asking: list[Future[Asked]] = [pool.submit(ask, setting, clients) for _ in range(processes)]
    met = [future.result() for future in asking]
    took = [seconds for asked in met for seconds in asked.took]
    figures = {
        "p50_ms": round((percentile(took, 0.5) or 0.0) * 1_000, 3),
        "p99_ms": round((percentile(took, 0.99) or 0.0) * 1_000, 3),
        "per_s": round(sum(len(asked.took) / asked.seconds for asked in met), 1),
    }
    return figures, pinging.result() if pinging else 0.0


if __name__ == "__main__":
    main()
