"""`tiffin api`: the HTTP API under granian, every limit said."""

import os
from contextlib import suppress
from time import monotonic
from typing import override

import click
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.log import LogLevels
from granian.server.mp import MPServer

from application import valkey_mode
from application.cli.migrated import migrated
from application.ending import DRAIN, GOODBYE_SECONDS
from application.settings import Settings


@click.command(name="api")
def command() -> None:
    """Serve HTTP until SIGTERM, then let running requests end."""
    with migrated() as settings:
        valkey_mode.check(settings.valkey.url)
        server(settings).serve()


class Server(MPServer):
    """Granian's, which drops sockets when it stops: its workers are asked to let them go first."""

    @override
    def _stop_workers(self) -> None:
        for worker in self.wrks:
            # Its watcher must not take its end for an accident.
            worker.interrupt_by_parent = True
            with suppress(ProcessLookupError):
                os.kill(worker.inner.pid, DRAIN)
        until = monotonic() + GOODBYE_SECONDS
        for worker in self.wrks:
            worker.join(max(0.0, until - monotonic()))  # type: ignore[no-untyped-call]
        super()._stop_workers()  # type: ignore[no-untyped-call]


def server(settings: Settings) -> MPServer:
    """The server that `settings.api` describes. The application is named, not imported: `api` is above this room."""
    api = settings.api
    return Server(
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
        workers_kill_timeout=api.drain_seconds - GOODBYE_SECONDS + 1,
        log_level=LogLevels.warning,
        log_access=False,
    )
