"""`tiffin replay`: a real day of the meal delivery routing problem, or a part of it, lived through the public API."""

import re
from datetime import time, timedelta
from importlib import import_module
from pathlib import Path

import click
import msgspec

from application.cli.demo import dispatching, finish, live, local_today
from application.settings import read_settings
from domain.geo import Position
from domain.region import Travel


@click.command(name="replay")
@click.option("--mdrp", required=True, type=click.Path(path_type=Path), help="Folder of the instance.")
@click.option("--window", default="busiest:60", show_default=True, help="busiest:MINUTES, MIN-MAX or all.")
@click.option("--local-start", default="10:30", show_default=True, help="Local time of the instance's minute 0.")
@click.option("--speed", type=click.FloatRange(1, 100), default=30, show_default=True, help="Simulated per real time.")
@click.option("--anchor", help="LAT,LON where the instance's centre comes to lie (default: the region's).")
@click.option("--one-by-one", is_flag=True, help="Offer each order by itself, without a plan.")
@click.option("--json", "as_json", is_flag=True, help="End with one line of JSON.")
def command(
    mdrp: Path, window: str, local_start: str, speed: float, anchor: str | None, *, one_by_one: bool, as_json: bool
) -> None:
    """Replay a window of a real day; exit 0 when no order was lost."""
    reader, real_day = import_module("simulation.mdrp"), import_module("simulation.real_day")
    starts_at = _local_start(local_start)
    base = dispatching(read_settings().regions[0], one_by_one=one_by_one)
    center = base.center if anchor is None else _anchor(anchor)
    try:
        instance = reader.read(mdrp)
        chosen = real_day.window(instance, window)
    except (reader.BadInstance, real_day.BadWindow) as error:
        raise click.ClickException(str(error)) from error
    region = msgspec.structs.replace(
        base,
        center=center,
        # The instance's metres per minute are as the crow flies.
        travel=Travel(speed_mps=instance.metres_per_minute / 60, detour_factor=1.0),
    )
    scenario = real_day.scenario(
        instance, chosen, anchor=(center.lat, center.lon), region=region.id, timezone=region.timezone
    )
    click.echo(f"{scenario.title}: {len(scenario.orders)} orders, {len(scenario.drivers)} couriers.")
    origin = local_today(region, starts_at) + timedelta(minutes=chosen.start_min)
    finish(live("replay", scenario, region=region, origin=origin, speed=speed), as_json=as_json)


def _local_start(text: str) -> time:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no time of day; say HH:MM, as in 10:30", param_hint="--local-start")
    return time(int(found[1]), int(found[2]))


def _anchor(text: str) -> Position:
    lat, _, lon = text.partition(",")
    try:
        return msgspec.convert({"lat": float(lat), "lon": float(lon)}, Position)
    except (ValueError, msgspec.ValidationError) as error:
        problem = f"{text!r} is no LAT,LON, as in 41.1496,-8.6110 ({error})"
        raise click.BadParameter(problem, param_hint="--anchor") from error
