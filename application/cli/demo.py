"""`tiffin demo`: an invented city's dinner rush in a world of its own, lived through the public API."""

import asyncio
import json
import signal
import sys
import time as machine
from collections.abc import Mapping
from datetime import UTC, datetime, time
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import click
from msgspec.structs import replace

from application import worlds
from application.cli import comparison
from application.clocks import MachineClock
from application.settings import read_settings
from domain.region import Planning, Region

STARTS_AT = time(19, 0)
"""Local time of the region; the hour before belongs to the roads' rush, not to the kitchens'."""


@click.command(name="demo")
@click.option("--seed", type=int, help="Everything that is drawn comes from it (default: always the same).")
@click.option("--speed", type=click.FloatRange(1, 100), default=60, show_default=True, help="Simulated per real time.")
@click.option("--orders", type=click.IntRange(1, 5_000), default=285, show_default=True)
@click.option("--restaurants", type=click.IntRange(1, 500), default=40, show_default=True)
@click.option("--drivers", type=click.IntRange(1, 2_000), default=50, show_default=True)
@click.option("--minutes", type=click.FloatRange(1, 600), default=50, show_default=True, help="Simulated length.")
@click.option("--one-by-one", is_flag=True, help="Offer each order by itself, without a plan.")
@click.option("--alone", is_flag=True, help="Do not compare with the same evening one by one.")
@click.option("--json", "as_json", is_flag=True, help="End with one line of JSON.")
def command(
    seed: int | None,
    speed: float,
    orders: int,
    restaurants: int,
    drivers: int,
    minutes: float,
    *,
    one_by_one: bool,
    alone: bool,
    as_json: bool,
) -> None:
    """Open a city and let its people live through a dinner rush; exit 0 when no order was lost.

    The same evening is lived through a second time, without plans for orders that queue, to see what they are worth.
    """
    region = dispatching(read_settings().regions[0], one_by_one=one_by_one)
    # Standing outside the layers, the simulation is no room that this one may import by name.
    city = import_module("simulation.city")
    chosen = city.DEFAULT_SEED if seed is None else seed
    click.echo(f"Seed {chosen} (the same evening again: --seed {chosen}).")
    scenario = city.dinner_rush(
        center=(region.center.lat, region.center.lon),
        region=region.id,
        timezone=region.timezone,
        metres_per_second=region.travel.speed_mps / region.travel.detour_factor,
        seed=chosen,
        orders=orders,
        restaurants=restaurants,
        drivers=drivers,
        rush_seconds=minutes * 60,
    )
    origin = local_today(region, STARTS_AT)
    if one_by_one or alone:
        kind = "demo-alone" if one_by_one else "demo"
        finish(live(kind, scenario, region=region, origin=origin, speed=speed), as_json=as_json)
        return
    same = {"seed": chosen, "speed": speed, "orders": orders, "restaurants": restaurants, "drivers": drivers}
    arguments = [f"--{name}={value}" for name, value in {**same, "minutes": minutes}.items()]
    with comparison.one_by_one(arguments) as other:
        outcome = live("demo", scenario, region=region, origin=origin, speed=speed)
        found = other.summary()
    report = import_module("simulation.report")
    report.print_comparison(report.console(), *comparison.told(outcome.summary(), found))
    finish(outcome, as_json=as_json, more={"one_by_one": found})


def dispatching(region: Region, *, one_by_one: bool) -> Region:
    """A region that plans when orders queue, or one that never does."""
    planning = None if one_by_one else region.dispatch.planning or Planning()
    return replace(region, dispatch=replace(region.dispatch, planning=planning))


def local_today(region: Region, at: time) -> datetime:
    """A time of today's on the region's clocks, in UTC."""
    zone = ZoneInfo(region.timezone)
    return datetime.combine(MachineClock().now().astimezone(zone).date(), at, zone).astimezone(UTC)


def live(kind: str, scenario: Any, *, region: Region, origin: datetime, speed: float) -> Any:  # noqa: ANN401 - a simulation.scenario.Scenario in, an Outcome out
    """Live through the scenario in a world named after `kind`, and report."""
    began = machine.monotonic()
    rush, report = import_module("simulation.rush"), import_module("simulation.report")
    console = report.console()
    # Leave in order, engines and processes included, when asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    name = f"{kind}-{MachineClock().now():%Y%m%d-%H%M%S}"
    console.print(f"Starting the world {name}: PostgreSQL, Valkey, API, projectors, followers, workers…")
    with worlds.create(name, speed=speed, origin_business=origin, regions=[region]) as world:
        console.print(f"Ready at {world.base_url} after {machine.monotonic() - began:.0f} s; logging everybody in…")
        admin = world.appoint("admin")
        place = rush.World(
            base_url=world.base_url,
            clock=world.clock,
            origin=origin,
            start=world.start_clock,
            admin_email=admin.email,
            admin_password=admin.password,
        )
        lived = asyncio.run(rush.live(scenario, place, console, began=began))
        if lived.order_id is not None:
            report.print_timeline(console, lived.order_id, lived.timeline, region.timezone)
        report.print_report(console, lived.outcome)
    return lived.outcome


def finish(outcome: Any, *, as_json: bool, more: Mapping[str, comparison.Summary] | None = None) -> None:  # noqa: ANN401 - a simulation.outcome.Outcome
    """End with a line of JSON, if asked for, and with exit code 1 when an order was lost, in any of the evenings."""
    told = outcome.summary() | (more or {})
    if as_json:
        click.echo(json.dumps(told))
    lost = outcome.lost + sum(int(other["lost"] or 0) for other in (more or {}).values())
    if lost:
        click.echo(f"Lost orders, which had come to no end when the evening was over: {lost}.", err=True)
        sys.exit(1)
