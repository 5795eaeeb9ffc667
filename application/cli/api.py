"""`tiffin api`: the HTTP API under granian, every limit said."""

import click
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.log import LogLevels
from granian.server.mp import MPServer

from application import valkey_mode
from application.engines.embedded import resolved
from application.revision import check
from application.settings import Settings, read_settings


@click.command(name="api")
def command() -> None:
    """Serve HTTP until SIGTERM, then let running requests end."""
    with resolved(read_settings()) as settings:
        check(settings.database.url)
        valkey_mode.check(settings.valkey.url)
        server(settings).serve()


def server(settings: Settings) -> MPServer:
    """The server that `settings.api` describes. The application is named, not imported: `api` is above this room."""
    api = settings.api
    return MPServer(
        target="api.app:create_app",
        factory=True,
        address=api.host,
        port=api.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=True,
        loop=Loops.uvloop,
        workers=api.workers,
        # One event loop a worker; commands and queries run in the application's own threads.
        runtime_mode=RuntimeModes.st,
        runtime_threads=1,
        blocking_threads=1,
        backlog=api.backlog,
        backpressure=api.backpressure,
        respawn_failed_workers=True,
        respawn_interval=1.0,
        # The application drains by itself; who has not ended a second later is killed.
        workers_kill_timeout=api.drain_seconds + 1,
        log_level=LogLevels.warning,
        log_access=False,
    )
