"""`tiffin migrate`."""

import click

from application import revision
from application.engines.embedded import resolved
from application.settings import read_settings


@click.command(name="migrate")
def command() -> None:
    """Bring the database to the newest revision; two at the same time do it once."""
    with resolved(read_settings()) as settings:
        if settings.privacy.keys_url:
            revision.prepare_keys(settings.privacy.keys_url)
            click.echo("The database of the data subjects' keys is ready.")
        click.echo(f"The database is at revision {revision.upgrade(settings.database.url)}.")
