"""`tiffin up`: the engines, the newest migrations, and every process, until Ctrl-C or SIGTERM."""

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from application import revision, valkey_mode
from application.engines.embedded import make_folder, resolved
from application.settings import Settings, read_settings
from application.supervise import make_way, supervised


@click.command(name="up")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port of the API (default: TIFFIN_PORT, else 8000).")
@click.option("--host", help="Address to listen on (default: TIFFIN_HOST, else 127.0.0.1).")
def command(port: int | None, host: str | None) -> None:
    """Run everything on this machine until Ctrl-C or SIGTERM; restart whatever dies.

    PostgreSQL and Valkey are started from wheels unless DATABASE_URL and VALKEY_URL name outside servers.
    """
    settings = read_settings()
    api = msgspec.structs.replace(settings.api, port=port or settings.api.port, host=host or settings.api.host)
    run(msgspec.structs.replace(settings, api=api))


def run(settings: Settings) -> None:
    """Run until told to stop by a signal."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    with _only_one(settings.data_dir):
        # Before engines start: a port that is taken is what goes wrong most.
        make_way(settings)
        with resolved(settings) as here:
            valkey_mode.check(here.valkey.url)
            revision.upgrade(here.database.url)
            with supervised(here) as supervisor:
                supervisor.wait_ready(stopping=stopping)
                if not stopping.is_set():
                    click.echo(
                        f"Tiffin answers at {supervisor.base_url} (documentation under /docs, the map under /ops/map)."
                    )
                    click.echo(f"Logs are in {supervisor.log_dir}. Ctrl-C ends everything.")
                supervisor.watch(stopping)
                click.echo("Ending…")


@contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """Refuse a second `up` of the same folder."""
    make_folder(data_dir)
    with (data_dir / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise click.ClickException(
                f"Tiffin is up already for {data_dir} (process {lock.read().strip() or 'unknown'}); "
                "end that one first, or set TIFFIN_DATA and TIFFIN_PORT to run another."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
