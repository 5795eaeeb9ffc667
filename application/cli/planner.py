"""`tiffin planner`: one plan for all orders of a region, where and when they queue; a second one stands by."""

import signal
import threading

import click
from msgspec.structs import replace

from application import logs
from application.bootstrap import open_tiffin
from application.engines.embedded import resolved
from application.planner import loop
from application.settings import PoolSettings, Settings, read_settings


@click.command(name="planner")
def command() -> None:
    """Plan until SIGTERM. While no planner runs, orders are offered one by one."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    with resolved(read_settings()) as settings, open_tiffin(_frugal(settings)) as tiffin:
        logs.configure(settings.observability.log_level, process="planner")
        loop.run(tiffin, stopping)


def _frugal(settings: Settings) -> Settings:
    """One thread needs no more connections."""
    pool, database = PoolSettings(max_size=2), settings.database
    return replace(settings, database=replace(database, store_pool=pool, read_pool=pool))
