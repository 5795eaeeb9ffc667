"""`tiffin privacy`: forget a person; change the key that the people's keys are wrapped with."""

from uuid import UUID

import click

from application import forgetting
from application.bootstrap import open_tiffin
from application.cli.migrated import migrated
from application.engines.embedded import resolved
from application.privacy.key_file import UnusableKeyFile
from application.privacy.keys import HELD_SECONDS, open_keys
from application.sessions import Sessions, SessionsUnavailable
from application.settings import read_settings
from domain.errors import Refusal


@click.group(name="privacy")
def command() -> None:
    """Forget a person; rotate the key-encryption key."""


@command.command(name="forget")
@click.argument("customer", metavar="ID", type=click.UUID)
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget(customer: UUID, *, yes: bool) -> None:
    """Forget ID, a customer or a driver, for good.

    Their account is closed and emptied and the key of their data destroyed: name, addresses, notes and IP addresses are
    gone from the log and its copies, read models show "erased". Money and times of their orders remain.
    """
    if not yes:
        click.confirm(f"Erase everything personal about {customer}? Nothing brings it back.", abort=True)
    with resolved(read_settings()) as settings, open_tiffin(settings) as tiffin:
        sessions = Sessions.of(tiffin)
        try:
            done = forgetting.forget(tiffin, sessions, customer)
        except Refusal as error:
            raise click.ClickException(str(error)) from error
        except SessionsUnavailable as error:
            raise click.ClickException(
                "Valkey is away, so open sessions cannot be ended; nothing is lost, run it again."
            ) from error
    click.echo(f"{customer} was forgotten{' before' if done.before else ''}, at {done.at:%Y-%m-%d %H:%M:%S %Z}.")
    click.echo(f"Running processes let go of the key within {HELD_SECONDS:.0f} s.")
    if not done.rewritten:
        click.echo("Valkey's append-only file may hold names of old sessions: run BGREWRITEAOF on the server.")
    if not done.erased:
        click.echo("Read models show the data until a projector runs (`tiffin projections` shows where they are).")


@command.command(name="rotate", short_help="Change the key-encryption key.")
def rotate() -> None:
    """Make a new key-encryption key and wrap everybody's key with it. Run it again if it was interrupted."""
    with migrated() as settings, open_keys(settings) as keys:
        try:
            done = keys.rotate()
        except UnusableKeyFile as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"{done} keys are wrapped with the new key in {settings.privacy.key_file}: copy that file now.")
