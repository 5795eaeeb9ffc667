"""`tiffin down`: ends what runs for this data folder, whoever started it."""

import signal
from pathlib import Path

import click
import psutil

from application.ending import end
from application.engines import embedded
from application.settings import read_settings
from application.supervise import STOP_SECONDS, end_leftovers


@click.command(name="down")
def command() -> None:
    """End `up` of this data folder, and what an `up` that was killed left running, engines included."""
    data_dir = read_settings().data_dir
    _end_up(data_dir / "up.lock")
    end_leftovers(data_dir / "run")
    if embedded.in_use(data_dir):
        click.echo("The engines go on: another command is using them.")
        return
    embedded.stop(data_dir)
    click.echo("Nothing runs any more.")


def _end_up(lock: Path) -> None:
    try:
        process = psutil.Process(int(lock.read_text()))
        if not any("up" in part for part in process.cmdline()):
            return
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return
    end([process], politely=signal.SIGTERM, seconds=STOP_SECONDS + 10)
