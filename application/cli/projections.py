"""`tiffin projections`: how far each read model has come; `rebuild NAME`, `retry NAME`."""

import time

import click
from rich.console import Console
from rich.table import Table

from application.bootstrap import connect_valkey
from application.engines.embedded import resolved
from application.revision import check
from application.settings import Settings, read_settings
from projections import generations, positions, registry
from projections.connections import open_engine


@click.group(name="projections", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show every read model's position and lag, and why it stopped if it did."""
    if ctx.invoked_subcommand is not None:
        return
    with resolved(read_settings()) as settings:
        check(settings.database.url)
        with open_engine(settings.database.url).connect() as connection:
            rows = positions.progress(connection)
        table = Table("projection", "generation", "state", "position", "lag", "error")
        for row in rows:
            generation = str(row.generation) if row.generation else "in Valkey"
            table.add_row(row.name, generation, row.state, str(row.position), str(row.lag_events), row.error or "")
        Console().print(table)


@command.command(name="rebuild")
@click.argument("name")
def rebuild(name: str) -> None:
    """Build NAME anew from the whole log, beside the one that is read meanwhile, and put it in its place."""
    with resolved(read_settings()) as settings:
        check(settings.database.url)
        for projection in registry.PROJECTIONS:
            if projection.name == name:
                began = time.monotonic()
                try:
                    position = generations.rebuild(open_engine(settings.database.url), projection, _tell)
                except generations.AlreadyRebuilding as error:
                    raise click.ClickException(str(error)) from error
                click.echo(f"{name} is rebuilt up to position {position}, in {time.monotonic() - began:.1f} s.")
                return
        _forget(settings, name)


@command.command(name="retry")
@click.argument("name")
def retry(name: str) -> None:
    """Let NAME, which stopped, try the event again that it stopped at; a running projector does so within a second."""
    with resolved(read_settings()) as settings:
        check(settings.database.url)
        with open_engine(settings.database.url).connect() as connection, connection.begin():
            resumed = positions.resume(connection, name)
    if not resumed:
        raise click.ClickException(f"{name} has not stopped; `tiffin projections` shows what has.")
    click.echo(f"{name} tries again.")


def _forget(settings: Settings, name: str) -> None:
    """Have a follower's rows thrown away: the projector reloads them at once."""
    regions = {region.id: region for region in settings.regions}
    with connect_valkey(settings.valkey) as valkey:
        known = registry.followers(valkey, prefix=settings.world.prefix, regions=regions)
        followers = {each.name: each for each in known}
        if name not in followers:
            names = ", ".join([*(each.name for each in registry.PROJECTIONS), *followers])
            raise click.ClickException(f"There is no projection {name}; there are: {names}.")
        followers[name].forget()
    click.echo(f"{name} is thrown away; the projector reloads it.")


def _tell(position: int, head: int) -> None:
    click.echo(f"{position} of {head} events")
