"""Real days of the meal delivery routing problem, played through the planner and through greedy.

`python -m benchmarks.mdrp --data DIR [--out DIR] [--instances N] [--seed N] [--sealed]` plays every instance under
DIR. Means are over an instance's delivered orders, then over instances. Fails when a day breaks a rule. The search is
bounded by iterations, so that the same seed gives the same figures on any machine.
"""

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, quantiles
from typing import NamedTuple

from benchmarks import mdrp_check, mdrp_day
from benchmarks.mdrp_day import Pay, Played
from planning import greedy, search
from simulation import mdrp
from simulation.mdrp import BadInstance, Instance

FILES = ("orders.txt", "couriers.txt", "restaurants.txt", "instance_parameters.txt")
PLANNERS = {"planner": search.plan, "greedy": greedy.plan}


class _Result(NamedTuple):
    name: str
    planner: str
    measures: dict[str, float]
    violations: list[str]
    decisions: int
    seconds: float


def main() -> None:
    """Play all days, print the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of instances")
    parser.add_argument("--out", type=Path, help="where the solutions go, for an independent evaluator")
    parser.add_argument("--instances", type=int, help="the first N only")
    parser.add_argument("--seed", type=int, default=0, help="of the search")
    parser.add_argument("--sealed", action="store_true", help="give no more to who is already under way")
    asked = parser.parse_args()
    try:
        folders = _instances(asked.data)[: asked.instances]
    except BadInstance as error:
        parser.error(str(error))
    if asked.instances is not None and asked.instances < 1:
        parser.error("--instances must be at least 1")
    cores = os.cpu_count() or 1
    jobs = [(folder, name, asked.out, asked.seed, asked.sealed) for folder in folders for name in PLANNERS]
    jobs.sort(key=lambda job: (-(job[0] / "orders.txt").stat().st_size, job[0].name))  # the longest first
    results = []
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as processes:
        for result in processes.map(_play, *zip(*jobs, strict=True)):
            results.append(result)
            ctd, rtp = result.measures["ctd_mean"], result.measures["rtp_mean"]
            print(f"{result.name} {result.planner}: ctd {ctd:.2f}, rtp {rtp:.2f}", file=sys.stderr, flush=True)
    broken = [f"{r.name} {r.planner}: {what}" for r in results for what in r.violations]
    if broken:
        sys.exit("\n".join(broken))
    planner = _means([result for result in results if result.planner == "planner"])
    baseline = _means([result for result in results if result.planner == "greedy"])
    print(json.dumps({"instances": len(folders), **planner, "cores": cores, "greedy": baseline}))


def _instances(data: Path) -> list[Path]:
    """Every folder under `data` that holds an instance, each read once to tell at once what is wrong with it."""
    if not data.is_dir():
        raise BadInstance(f"{data} is not a folder; give the folder of instances")
    folders = sorted({path.parent for name in FILES for path in data.rglob(name)}, key=lambda path: path.name)
    if not folders:
        raise BadInstance(f"{data} holds no instance: a folder with {', '.join(FILES)}")
    for one, other in pairwise(folders):
        if one.name == other.name:
            raise BadInstance(f"{one} and {other} have the same name")
    for folder in folders:
        mdrp.read(folder)
        mdrp_day.read_pay(folder)
    return folders


def _play(folder: Path, planner: str, out: Path | None, seed: int, sealed: bool) -> _Result:  # noqa: FBT001 - mapped
    instance, pay = mdrp.read(folder), mdrp_day.read_pay(folder)
    played = mdrp_day.play(instance, pay, PLANNERS[planner], seed=seed, sealed=sealed)
    if out is not None and planner == "planner":
        write(instance, played, out / instance.name)
    found = mdrp_check.violations(instance, played, sealed=sealed)
    seconds = played.decision_seconds
    return _Result(instance.name, planner, measure(instance, pay, played), found, played.decisions, seconds)


def measure(instance: Instance, pay: Pay, played: Played) -> dict[str, float]:
    """Measure one day. Busy is from leaving for a restaurant to the end of the last drop-off."""
    orders = {order.name: order for order in instance.orders}
    ctd, rtp = [], []
    delivered = dict.fromkeys((courier.name for courier in instance.couriers), 0)
    busy_min = 0.0
    for trip in played.trips:
        delivered[trip.courier] += len(trip.orders)
        busy_min += trip.dropoffs_min[-1] + instance.dropoff_minutes / 2 - trip.departure_min
        for name, dropoff in zip(trip.orders, trip.dropoffs_min, strict=True):
            ctd.append(dropoff - orders[name].placement_min)
            rtp.append(trip.pickup_min - orders[name].ready_min)
    cost = sum(
        max(delivered[c.name] * pay.an_order, (c.off_min - c.on_min) / 60 * pay.an_hour) for c in instance.couriers
    )
    duty_min = sum(courier.off_min - courier.on_min for courier in instance.couriers)
    return {
        "orders": len(orders),
        "undelivered_pct": 100 * (1 - len(ctd) / len(orders)),
        "ctd_mean": fmean(ctd or [0]),
        "ctd_p90": quantiles(ctd, n=10, method="inclusive")[-1] if len(ctd) > 1 else sum(ctd),
        "rtp_mean": fmean(rtp or [0]),
        "cost_per_order": cost / max(1, len(ctd)),
        "utilisation": busy_min / max(1, duty_min),
    }


def _means(results: list[_Result]) -> dict[str, float]:
    means = {name: round(fmean(r.measures[name] for r in results), 4) for name in results[0].measures}
    means["orders"] = sum(int(r.measures["orders"]) for r in results)
    seconds, decisions = sum(r.seconds for r in results), sum(r.decisions for r in results)
    return {**means, "ms_per_decision": round(1000 * seconds / max(1, decisions), 3)}


def write(instance: Instance, played: Played, folder: Path) -> None:
    """Write the three files of a solution; a courier's rows stand together."""
    folder.mkdir(parents=True, exist_ok=True)
    orders = {order.name: order for order in instance.orders}
    assignments, delivered = ["assignment_time pickup_time courier orders"], {}
    for trip in sorted(played.trips, key=lambda trip: (trip.courier, trip.departure_min)):
        assignments.append(f"{trip.assigned_min:g} {trip.pickup_min:g} {trip.courier} {' '.join(trip.orders)}")
        for name, dropoff in zip(trip.orders, trip.dropoffs_min, strict=True):
            delivered[name] = f"{trip.pickup_min:g} {dropoff:g} {trip.courier}"
    known = [orders[name] for name in delivered]
    rows = [f"{order.name} {order.placement_min:g} {order.ready_min:g} {delivered[order.name]}" for order in known]
    moves = sorted(played.moves, key=lambda move: (move.courier, move.departure_min))
    couriers = [f"{move.courier} {move.departure_min:g} {move.origin} {move.destination}" for move in moves]
    files = {
        "assignments": assignments,
        "orders": ["order placement_time ready_time pickup_time dropoff_time courier", *rows],
        "couriers": ["courier departure_time origin destination", *couriers],
    }
    for name, lines in files.items():
        (folder / f"solution_info_{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
