"""Drivers' positions in, through all three doors: `python -m benchmarks.positions`.

A world of its own, whole: API, projector, follower, workers. 200,000 drivers are on duty, each with a session. One
door after the other: requests with one position, a gateway's batches, frames on 1,000 sockets. Each is sent as fast as
it is answered, with so many on their way as the options say; authentication, validation and the history are on.
Meanwhile a driver of its own moves to and fro through the same door, and is looked for with `nearest`.
"""

import json
import os
import secrets
import sys
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context
from multiprocessing.synchronize import Barrier
from typing import Any

import click
from msgspec.structs import replace

from application import worlds
from application.clocks import MachineClock
from application.settings import read_settings
from application.worlds import RunningWorld
from benchmarks import positions_limit
from benchmarks.positions_crowd import populate
from benchmarks.positions_load import OPEN_SECONDS, WARM_UP_SECONDS, Door, Gate, Sent, Task, probe, send
from benchmarks.processor_time import memory_mb, spent
from domain.region import PORTO
from simulation.percentiles import percentile

COUNTERS = ("position_history_rows_total", "position_history_dropped_total")


@click.command()
@click.option("--drivers", type=click.IntRange(10_000, 1_000_000), default=200_000, show_default=True)
@click.option("--seconds", type=click.FloatRange(1, 120), default=10, show_default=True, help="Of each door.")
@click.option("--api-workers", type=click.IntRange(1, 64), default=3, show_default=True, help="Processes that serve.")
@click.option("--loaders", type=click.IntRange(1, 16), default=2, show_default=True, help="Processes that send.")
@click.option("--in-flight", type=click.IntRange(1), default=256, show_default=True, help="Requests, or frames.")
@click.option("--batches", type=click.IntRange(1), default=12, show_default=True, help="Batches on their way.")
@click.option("--batch", type=click.IntRange(1, 1_000), default=200, show_default=True, help="Positions in each.")
@click.option("--sockets", type=click.IntRange(1), default=1_000, show_default=True)
@click.option("--door", "doors", multiple=True, default=("http", "batch", "socket"), show_default=True)
def main(
    drivers: int,
    seconds: float,
    api_workers: int,
    loaders: int,
    in_flight: int,
    batches: int,
    batch: int,
    sockets: int,
    doors: Sequence[Door],
) -> None:
    """Measure, and print one JSON line last."""
    settings, token = read_settings(), secrets.token_hex(24)
    settings = replace(
        settings,
        api=replace(settings.api, workers=api_workers),
        positions=replace(settings.positions, gateway_token=token),
    )
    now = MachineClock().now()
    name = f"bench-{now:%Y%m%d-%H%M%S}"
    lines = {"http": in_flight, "batch": batches, "socket": sockets}
    processes = get_context("spawn")
    barrier = processes.Barrier(loaders + 2)
    with (
        worlds.create(name, speed=1.0, origin_business=now, regions=[PORTO], settings=settings) as world,
        ProcessPoolExecutor(loaders + 1, mp_context=processes, initializer=Gate.keep, initargs=(barrier,)) as pool,
    ):
        behind = (world.start_clock() - now).total_seconds()
        populate(world.settings, world.clock, drivers)
        say(f"{drivers} drivers are on duty")
        found: dict[str, Any] = {"api_mb": memory_mb(world.settings.data_dir, "api")}
        task = Task(
            port=world.settings.api.port,
            gateway_token=token,
            valkey_url=world.settings.valkey.url,
            prefix=world.settings.world.prefix,
            drivers=drivers,
            processes=loaders,
            batch=batch,
            seconds=seconds,
            behind_seconds=behind,
        )
        for door in doors:
            flying = batches if door == "batch" else in_flight
            found[door] = measure(
                pool,
                barrier,
                world,
                replace(task, door=door, lines=lines[door] // loaders, in_flight=flying // loaders),
            )
            say(json.dumps({door: found[door]}))
        limits = [
            pool.submit(positions_limit.add, task.valkey_url, "limit", drivers, number, loaders, min(seconds, 4.0))
            for number in range(loaders)
        ]
        found["valkey_limit_per_s"] = round(sum(limit.result() for limit in limits))
        found["api_mb_end"] = memory_mb(world.settings.data_dir, "api")
    print(json.dumps(headline(found) | {"api_workers": api_workers, "loaders": loaders, "drivers": drivers} | found))


def measure(pool: ProcessPoolExecutor, barrier: Barrier, world: RunningWorld, task: Task) -> dict[str, Any]:
    """One door."""
    folder = world.settings.data_dir
    history, at_rest = counters(world.base_url), memory_mb(folder, "api")
    sending = [pool.submit(send, replace(task, number=number)) for number in range(task.processes)]
    probing = pool.submit(probe, task)
    barrier.wait(OPEN_SECONDS)
    begin = time.time() + WARM_UP_SECONDS
    time.sleep(max(0.0, begin - time.time()))
    loaders = {child.pid for child in active_children() if child.pid}
    before, memory = spent(folder, loaders), memory_mb(folder, "api")
    time.sleep(max(0.0, begin + task.seconds - time.time()))
    after, held = spent(folder, loaders), memory_mb(folder, "api")
    sent = [future.result() for future in sending]
    took = probing.result()
    total = Sent(**{name: sum(getattr(one, name) for one in sent) for name in Sent.__struct_fields__})
    written = counters(world.base_url)
    return {
        "per_s": round(total.accepted / task.seconds),
        "answers_per_s": round(total.answers / task.seconds),
        "dropped": total.dropped,
        "refused": total.refused,
        "probes": len(took),
        "p50_ms": _ms(took, 0.5),
        "p99_ms": _ms(took, 0.99),
        "history_rows": round(written[COUNTERS[0]] - history[COUNTERS[0]]),
        "history_dropped": round(written[COUNTERS[1]] - history[COUNTERS[1]]),
        "api_mb": {"at_rest": at_rest, "begin": memory, "end": held},
        "lines": task.lines * task.processes,
        "cores_used": {kind: round((after[kind] - before[kind]) / task.seconds, 2) for kind in sorted(after)},
    }


def headline(found: dict[str, Any]) -> dict[str, Any]:
    """The figures that the bars are about. The p99 is that of the slowest door."""
    limit, told = found["valkey_limit_per_s"], dict[str, Any]()
    for name, door in (("http", "http"), ("batch", "batch"), ("ws", "socket")):
        if measured := found.get(door):
            told |= {f"{name}_per_s": measured["per_s"], f"{name}_of_limit": round(measured["per_s"] / limit, 3)}
            told["p99_ms"] = max(told.get("p99_ms", 0.0), measured["p99_ms"])
    if sockets := found.get("socket"):
        held = sockets["api_mb"]["begin"] - sockets["api_mb"]["at_rest"]
        told["kb_per_socket"] = round(held * 1024 / sockets["lines"], 1)
    return told | {"valkey_limit_per_s": limit, "cores": len(os.sched_getaffinity(0))}


def counters(base_url: str) -> dict[str, float]:
    """What the world's metrics say of the history."""
    with urllib.request.urlopen(f"{base_url}/metrics", timeout=10) as answer:  # noqa: S310 - our own world
        lines = answer.read().decode().splitlines()
    return {name: sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)) for name in COUNTERS}


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr)


def _ms(seconds: Sequence[float], share: float) -> float | None:
    value = percentile(seconds, share)
    return None if value is None else round(value * 1_000, 1)


if __name__ == "__main__":
    main()
