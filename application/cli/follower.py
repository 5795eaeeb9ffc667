"""`tiffin follower`: reactions' rows and hints, and the clock jobs; a second one stands by."""

import signal
import threading

import click
from msgspec.structs import replace

from application import clock_jobs, collector, logs
from application.bootstrap import open_tiffin
from application.engines.embedded import resolved
from application.reactions.broker import open_broker
from application.reactions.follower import Follower
from application.settings import PoolSettings, Settings, read_settings

STOP_SECONDS = 8.0


@click.command(name="follower")
def command() -> None:
    """Follow the log until SIGTERM."""
    stopping, leading = threading.Event(), threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    with resolved(read_settings()) as settings, open_tiffin(_frugal(settings)) as tiffin:
        logs.configure(settings.observability.log_level, process="follower")
        broker = open_broker(tiffin.valkey, prefix=settings.world.prefix)
        collector.settle()
        jobs = threading.Thread(target=clock_jobs.run, args=(tiffin, stopping, leading), name="clock-jobs")
        jobs.start()
        try:
            Follower(tiffin, broker).run(stopping, leading)
        finally:
            # Also when following failed: the process must end so that the standby takes over.
            stopping.set()
            jobs.join(STOP_SECONDS)


def _frugal(settings: Settings) -> Settings:
    """Two threads need no more connections, and there are two followers."""
    pool, database = PoolSettings(max_size=2), settings.database
    return replace(settings, database=replace(database, store_pool=pool, read_pool=pool))
