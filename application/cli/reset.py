"""`tiffin reset`: empties the embedded engines."""

import shutil
from pathlib import Path

import click

from application.engines import embedded
from application.settings import Settings, read_settings


@click.command(name="reset")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(*, yes: bool) -> None:
    """Remove everything that the embedded engines keep, worlds of demos and replays included."""
    settings = read_settings()
    _refuse_outside_servers(settings)
    busy = [folder for folder in (settings.data_dir, *_worlds(settings.data_dir)) if embedded.in_use(folder)]
    if busy:
        raise click.ClickException(f"Still running: {', '.join(map(str, busy))}. End it first (Ctrl-C, `tiffin down`).")
    if not yes:
        click.confirm(f"Remove all orders, accounts and worlds in {settings.data_dir}?", abort=True)
    for world in _worlds(settings.data_dir):
        embedded.stop(world)
    embedded.erase(settings.data_dir)
    for name in ("worlds", "run", "logs", "seals", "keys"):
        shutil.rmtree(settings.data_dir / name, ignore_errors=True)
    click.echo(f"{settings.data_dir} is empty.")


def _worlds(data_dir: Path) -> list[Path]:
    worlds = data_dir / "worlds"
    return sorted(path for path in worlds.iterdir() if path.is_dir()) if worlds.is_dir() else []


def _refuse_outside_servers(settings: Settings) -> None:
    given = [
        name for name, url in (("DATABASE_URL", settings.database.url), ("VALKEY_URL", settings.valkey.url)) if url
    ]
    if given:
        raise click.ClickException(
            f"{' and '.join(given)} names an outside server, which reset never empties; unset it for the embedded ones."
        )
