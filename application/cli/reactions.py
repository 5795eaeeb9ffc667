"""`tiffin reactions`: what waits, what was given up; `tiffin reactions retry POSITION ACTOR`."""

import click
from rich.table import Table

from application.bootstrap import open_tiffin
from application.cli import wide
from application.engines.embedded import resolved
from application.reactions import rows
from application.settings import read_settings


@click.group(name="reactions", invoke_without_command=True)
@click.option("--dead", is_flag=True, help="List the reactions that were given up.")
@click.pass_context
def command(ctx: click.Context, *, dead: bool) -> None:
    """Count the reactions that wait, by actor."""
    if ctx.invoked_subcommand is not None:
        return
    with resolved(read_settings()) as settings, open_tiffin(settings) as tiffin:
        if dead:
            table = Table("position", "actor", "stream", "event", "attempts", "given up", "error")
            for lost in rows.dead(tiffin.side):
                table.add_row(*map(str, lost))
        else:
            table = Table("actor", "waiting", "due now", "next due")
            for waiting in rows.pending(tiffin.side, now=tiffin.clock.now()):
                table.add_row(*map(str, waiting))
        wide.console().print(table)


@command.command(name="retry", short_help="Give a dead reaction all its attempts again.")
@click.argument("position", type=int)
@click.argument("actor")
def retry(position: int, actor: str) -> None:
    """Give the dead reaction of ACTOR to the event at POSITION all its attempts again."""
    with resolved(read_settings()) as settings, open_tiffin(settings) as tiffin:
        if not rows.retry(tiffin.side, position, actor):
            raise click.ClickException(
                f"There is no dead reaction {position} {actor}; `tiffin reactions --dead` lists them."
            )
        click.echo(f"{actor} at {position} will be tried again.")
