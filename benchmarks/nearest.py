"""The nearest drivers who can take an order: `python -m benchmarks.nearest`.

One dense metro (everybody around one centre, 6 km in one standard deviation), alone and while its drivers send
pings from processes of their own. In each setting, one after the other (`nearest_asking` says how each asks):
4 clients in a closed loop over the event loop's shared connection (`p50_ms`, `p99_ms`, `per_s`); 4 over redis-py as
the workers do; the same 4 `paced` to 1,000 searches a second, beside a client that only sends PING, which shows what
this machine and the pings make everybody wait; the naive way, GEOSEARCH for all within 5 km and HGETALL for each.

A virtual machine's core that has nothing to do takes longer to wake than a search takes: PING alone had a median of
0.5 ms on an idle machine, 0.1 ms on a busy one. So `awake` keeps the cores busy at idle priority, which takes time from
nobody.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import redis

from application.engines import valkey
from application.positions import PINGS_A_CALL
from benchmarks import nearest_asking as ways
from benchmarks import nearest_load as load
from benchmarks.nearest_asking import PROCESSES, Ask, Asked
from benchmarks.nearest_load import Setting
from simulation.percentiles import percentile

BAR = (200_000, 10_000)
"""The setting that the bar is about: drivers, and pings a second."""
MOST_AT_ONCE = PROCESSES + load.PINGING + 1
"""With those who send the pings and who only sends PING."""


@click.command()
@click.option("--drivers", multiple=True, type=int, default=(10_000, 50_000, 200_000), show_default=True)
@click.option("--pings", multiple=True, type=int, default=(0, 10_000, 50_000), show_default=True, help="A second.")
@click.option("--seconds", type=click.FloatRange(1, 60), default=2, show_default=True, help="Of each measurement.")
@click.option("--clients", type=click.IntRange(1, 64), default=2, show_default=True, help="Of each of two processes.")
@click.option("--naive/--no-naive", default=True, show_default=True)
@click.option("--awake/--no-awake", default=True, show_default=True)
def main(
    drivers: Sequence[int],
    pings: Sequence[int],
    seconds: float,
    clients: int,
    naive: bool,  # noqa: FBT001 - click
    awake: bool,  # noqa: FBT001 - click
) -> None:
    """Measure, and print one JSON line last."""
    cores = len(os.sched_getaffinity(0))
    settings: list[dict[str, Any]] = []
    memory: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="tiffin-nearest-") as folder,
        ProcessPoolExecutor(MOST_AT_ONCE, mp_context=get_context("spawn")) as pool,
        kept_awake(cores if awake else 0),
    ):
        url = valkey.start(Path(folder))
        try:
            with redis.Redis.from_url(url, socket_timeout=60, socket_connect_timeout=2) as client:
                # The log of a benchmark is of no use, and its rewriting would be what is measured.
                client.config_set("appendonly", "no")
                for count in drivers:
                    memory[str(count)] = load.populate(client, count, naive=naive)
                    for rate in pings:
                        setting = Setting(url=url, drivers=count, pings_per_s=rate, seconds=seconds, clients=clients)
                        found = measure(pool, client, setting, naive)
                        print(json.dumps(found), file=sys.stderr)
                        settings.append(found)
        finally:
            valkey.stop(Path(folder))
    told = next((s for s in settings if (s["drivers"], s["pings_per_s"]) == BAR), settings[-1])
    headline = {name: told[name] for name in ("drivers", "pings_per_s", "clients", "p50_ms", "p99_ms", "per_s")}
    headline |= {name: told[name] for name in ("paced", "ratio") if name in told}
    print(
        json.dumps(headline | {"settings": settings, "bytes_per_driver": memory, "cores": cores, "kept_awake": awake})
    )


def measure(pool: ProcessPoolExecutor, client: redis.Redis, setting: Setting, naive: bool) -> dict[str, Any]:  # noqa: FBT001 - as above
    """One setting, the ways one after the other, each under its own pings."""
    found: dict[str, Any] = {"drivers": setting.drivers, "pings_per_s": setting.pings_per_s}
    found["clients"] = PROCESSES * setting.clients
    # What the server itself took: a call of so many pings, and, where there are no others, a search.
    found["server_ms"] = {f"{PINGS_A_CALL} pings": round(load.ping_everybody(client, setting.drivers), 3)}
    client.config_resetstat()
    [link], found["pings_accepted_per_s"] = under_pings(pool, setting, ways.over_link)
    if not setting.pings_per_s:
        found["server_ms"]["search"] = round(load.functions_ms(client), 3)
    found |= figures(link)
    if sum(asked.found for asked in link) < ways.K * sum(len(asked.took) for asked in link) / 2:
        raise RuntimeError("most searches found fewer than half of the drivers that they asked for")
    [redis_py], _ = under_pings(pool, setting, ways.over_redis_py)
    found["redis_py"] = figures(redis_py)
    [paced, ping], _ = under_pings(pool, setting, ways.paced, ways.ping)
    alone = figures(ping)
    found["paced"] = figures(paced) | {"ping_p50_ms": alone["p50_ms"], "ping_p99_ms": alone["p99_ms"]}
    if naive:
        [naively], _ = under_pings(pool, setting, ways.naively)
        found["naive"] = figures(naively)
        found["ratio"] = round(found["per_s"] / found["naive"]["per_s"], 1)
    return found


@contextmanager
def kept_awake(cores: int) -> Iterator[None]:
    """So many processes that do nothing whenever nobody else wants to do something."""
    spinning = [get_context("spawn").Process(target=ways.spin, daemon=True) for _ in range(cores)]
    for process in spinning:
        process.start()
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.join()


def under_pings(pool: ProcessPoolExecutor, setting: Setting, way: Ask, *besides: Ask) -> tuple[list[list[Asked]], int]:
    """What those met who asked one way, in all processes, and others besides; and the pings accepted a second."""
    pinging = [
        pool.submit(load.send_pings, setting, part) for part in range(load.PINGING if setting.pings_per_s else 0)
    ]
    asking: list[list[Future[Asked]]] = [[pool.submit(way, setting) for _ in range(PROCESSES)]]
    asking += [[pool.submit(other, setting)] for other in besides]
    met = [[future.result() for future in futures] for futures in asking]
    return met, round(sum(future.result() for future in pinging))


def figures(met: Sequence[Asked]) -> dict[str, float]:
    """The percentiles of all, and how many a second."""
    took = [seconds for asked in met for seconds in asked.took]
    return {
        "p50_ms": round((percentile(took, 0.5) or 0.0) * 1_000, 3),
        "p99_ms": round((percentile(took, 0.99) or 0.0) * 1_000, 3),
        "per_s": round(sum(len(asked.took) / asked.seconds for asked in met), 1),
    }


if __name__ == "__main__":
    main()
