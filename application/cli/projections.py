"""`tiffin projections`: how far each read model has come; rebuild, retry, pause, resume; dead letters."""

import time
from collections.abc import Callable

import click
from rich.table import Table
from sqlalchemy import Connection

from application.bootstrap import connect_valkey
from application.cli import wide
from application.cli.migrated import migrated
from application.privacy.keys import log_reader, open_keys
from application.settings import Settings
from projections import dead_letters, generations, positions, registry, second_chance
from projections.connections import open_engine
from projections.log import Unreadable


@click.group(name="projections", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Show every read model's position and lag, and why it stopped if it did."""
    if ctx.invoked_subcommand is not None:
        return
    with migrated() as settings:
        with open_engine(settings.database.url).connect() as connection:
            rows, skipped = positions.progress(connection), dead_letters.counts(connection)
        table = Table("projection", "generation", "state", "position", "lag", "dead letters", "error")
        for row in rows:
            generation = str(row.generation) if row.generation else "in Valkey"
            dead = str(skipped.get(row.name, 0)) if row.state in positions.READABLE else ""
            numbers = str(row.position), str(row.lag_events), dead
            table.add_row(row.name, generation, row.state, *numbers, row.error or "")
        wide.console().print(table)


@command.command(name="rebuild", short_help="Build one anew, beside the one that is read.")
@click.argument("name")
def rebuild(name: str) -> None:
    """Build NAME anew from the whole log, beside the one that is read meanwhile, and put it in its place."""
    with migrated() as settings:
        for projection in registry.PROJECTIONS:
            if projection.name == name:
                began = time.monotonic()
                try:
                    with open_keys(settings) as keys:
                        reader = log_reader(settings, keys)
                        position = generations.rebuild(open_engine(settings.database.url), reader, projection, _tell)
                except (generations.AlreadyRebuilding, Unreadable) as error:
                    raise click.ClickException(str(error)) from error
                click.echo(f"{name} is rebuilt up to position {position}, in {time.monotonic() - began:.1f} s.")
                return
        _forget(settings, name)


@command.command(name="retry", short_help="Let one that stopped go on; fold what was skipped.")
@click.argument("name")
@click.argument("position", type=click.IntRange(1), required=False)
@click.option("--all", "everything", is_flag=True, help="Every dead letter of NAME, oldest first.")
def retry(name: str, position: int | None, *, everything: bool) -> None:
    """Let NAME, which stopped, try the event again that it stopped at; a running projector does so within a second.

    With POSITION or --all: fold events that NAME skipped, its dead letters, where they belong; exit 1 when one fails
    again.
    """
    if position is not None and everything:
        raise click.UsageError("Say either POSITION or --all.")
    with migrated() as settings, open_engine(settings.database.url).connect() as connection:
        if position is not None or everything:
            _retry_skipped(settings, connection, name, position)
            return
        with connection.begin():
            resumed = positions.resume(connection, name)
    if not resumed:
        raise click.ClickException(f"{name} has not stopped; `tiffin projections` shows what has.")
    click.echo(f"{name} tries again.")


def _retry_skipped(settings: Settings, connection: Connection, name: str, position: int | None) -> None:
    """Retry one dead letter, or all there are."""
    projection = next((each for each in registry.PROJECTIONS if each.name == name), None)
    if projection is None:
        names = ", ".join(each.name for each in registry.PROJECTIONS)
        raise click.ClickException(f"There is no read model {name} in PostgreSQL; there are: {names}.")
    with connection.begin():
        chosen = dead_letters.positions(connection, name) if position is None else [position]
    failures = 0
    with open_keys(settings) as keys:
        reader = log_reader(settings, keys)
        for each in chosen:
            try:
                failed = second_chance.retry(connection, reader, projection, each)
            except second_chance.NotRetried as error:
                raise click.ClickException(str(error)) from None
            failures += failed is not None
            said = f"{each} is folded." if failed is None else f"{each} stays a dead letter: {failed}"
            click.echo(said, err=failed is not None)
    if failures:
        raise click.ClickException(
            f"{failures} of {len(chosen)} failed again; `tiffin projections dead {name}` lists them."
        )
    if not chosen:
        click.echo(f"{name} has no dead letters.")


@command.command(name="pause", short_help="Let one stand still.")
@click.argument("name")
def pause(name: str) -> None:
    """Let NAME stand still, so that its rows change no more; queries go on reading them."""
    _change(name, positions.pause, "There is no live read model {name}; `tiffin projections` shows which there are.")
    click.echo(f"{name} is paused; `tiffin projections resume {name}` lets it go on.")


@command.command(name="resume", short_help="Let one that was paused go on.")
@click.argument("name")
def resume(name: str) -> None:
    """Let NAME, which was paused, go on; a running projector does so within a second."""
    _change(name, positions.unpause, "{name} is not paused; `tiffin projections` shows what is.")
    click.echo(f"{name} goes on.")


@command.command(name="dead", short_help="List the events that were skipped.")
@click.argument("name", required=False)
def dead(name: str | None) -> None:
    """List the events that projections skipped; `retry` folds one after all, `rebuild` all of a projection's."""
    with migrated() as settings, open_engine(settings.database.url).connect() as connection:
        letters = dead_letters.listed(connection, name)
    table = Table("projection", "position", "event", "stream", "skipped", "error")
    for one in letters:
        skipped = f"{one.skipped_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(one.name, str(one.position), one.topic, str(one.stream_id), skipped, one.error)
    wide.console().print(table)


def _change(name: str, change: Callable[[Connection, str], bool], refusal: str) -> None:
    with migrated() as settings, open_engine(settings.database.url).connect() as connection, connection.begin():
        done = change(connection, name)
    if not done:
        raise click.ClickException(refusal.format(name=name))


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
