"""`tiffin migrate`: runs the `migrations` package, which `application` may not import, as a process."""

import subprocess
import sys

import click

from application.engines.embedded import resolved
from application.settings import read_settings
from application.supervise import ROOT

MIGRATE_SECONDS = 600


@click.command(name="migrate")
def command() -> None:
    """Bring the database to the newest revision; two at the same time do it once."""
    with resolved(read_settings()) as settings:
        click.echo(f"The database is at revision {migrate(settings.database.url)}.")


def migrate(url: str) -> str:
    """Migrate the database at `url` and return the revision it is at now. Raises click.ClickException."""
    done = subprocess.run(  # noqa: S603 - our own interpreter, no shell
        [sys.executable, "-m", "migrations", "upgrade", url],
        check=False,
        capture_output=True,
        text=True,
        timeout=MIGRATE_SECONDS,
        cwd=ROOT,
    )
    if done.returncode != 0:
        raise click.ClickException(f"Migrating failed, nothing was changed:\n{done.stderr.strip()[-2000:]}")
    return done.stdout.strip()
