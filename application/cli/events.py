"""`tiffin events`: which events there are, and what one request set going."""

import click
import msgspec
import psycopg
from rich.table import Column, Table

from application import causes
from application.catalogue import catalogue, markdown
from application.cli import wide
from application.cli.migrated import migrated


@click.group(name="events", invoke_without_command=True)
@click.option("--correlation", "correlation_id", help="Show the tree of cause and effect of a correlation id.")
@click.pass_context
def command(ctx: click.Context, correlation_id: str | None) -> None:
    """List every event there is: who decides it, what it sets going."""
    if ctx.invoked_subcommand is not None:
        return
    if correlation_id is not None:
        _show_tree(correlation_id)
        return
    # A name that is cut off, or broken, cannot be searched for.
    others = (Column(title, overflow="fold") for title in ("schema", "decided by", "sets going", "personal"))
    table = Table(Column("event", no_wrap=True), *others)
    for entry in catalogue():
        cells = (entry.emitted_by, entry.reactions, entry.personal)
        table.add_row(entry.topic, str(entry.schema), *(", ".join(cell) for cell in cells))
    wide.console().print(table)


@command.command(name="catalogue")
@click.option("--markdown", "as_markdown", is_flag=True, help="As the page docs/events.md (default: JSON lines).")
def show_catalogue(*, as_markdown: bool) -> None:
    """Print the catalogue, JSON Schema of every event included."""
    if as_markdown:
        click.echo(markdown(), nl=False)
        return
    for entry in catalogue():
        click.echo(msgspec.json.encode(entry).decode())


def _show_tree(correlation_id: str) -> None:
    with (
        migrated() as settings,
        psycopg.connect(
            settings.database.url, autocommit=True, connect_timeout=settings.database.connect_timeout_seconds
        ) as connection,
    ):
        found = causes.tree(connection, correlation_id)
    if not found:
        raise click.ClickException(
            f"No event has the correlation id {correlation_id!r}. It is the X-Correlation-ID of a request; without "
            "one, the X-Request-ID that the answer carried. A timeline's steps name it too."
        )
    for one in found:
        who = f"{one.actor_type} {one.actor_id}" if one.actor_id else one.actor_type
        at = f"{one.occurred_at:%Y-%m-%d %H:%M:%S}"
        branch = f"{'   ' * (one.depth - 1)}└─ " if one.depth else ""
        click.echo(f"{at}  {branch}{one.topic}  {one.stream_id} v{one.version}  by {who}")
