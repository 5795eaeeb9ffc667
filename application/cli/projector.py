"""`tiffin projector`: feeds every read model; a second one stands by."""

import signal
import threading

import click
from msgspec.structs import replace

from application import collector, logs, metrics, valkey_mode
from application.bootstrap import connect_valkey
from application.engines.embedded import resolved
from application.privacy.keys import log_reader, open_keys
from application.revision import check
from application.settings import read_settings
from projections import registry, runner

PURGE_SECONDS = 0.5
"""How long a batch waits for Valkey to purge a cache, at most."""


@click.command(name="projector")
def command() -> None:
    """Project until SIGTERM, then finish the batches at hand."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    with resolved(read_settings()) as settings:
        logs.configure(settings.observability.log_level, process="projector")
        check(settings.database.url)
        valkey_mode.check(settings.valkey.url)
        hasty = replace(settings.valkey, connect_timeout_seconds=PURGE_SECONDS, socket_timeout_seconds=PURGE_SECONDS)
        regions = {region.id: region for region in settings.regions}
        with (
            open_keys(settings) as keys,
            connect_valkey(settings.valkey) as valkey,
            connect_valkey(hasty) as cache,
        ):
            collector.settle()
            runner.run(
                settings.database.url,
                log_reader(settings, keys),
                registry.purging(cache),
                registry.followers(valkey, prefix=settings.world.prefix, regions=regions),
                stopping=stopping,
                observe=metrics.count_projected,
            )
