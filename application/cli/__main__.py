"""`tiffin`: the table of subcommands, and what every one of them does with an error that has a remedy."""

import sys
from importlib import import_module
from typing import override

import click
import psycopg
import redis

from application.engines.failure import EngineFailed
from application.privacy.key_file import UnusableKeyFile
from application.revision import MigrationFailed, WrongRevision
from application.settings import InvalidSettings
from application.supervise import NotReady
from application.valkey_mode import OnACluster

SUBCOMMANDS = {
    "up": "Run everything on this machine: engines, API, projector, follower, workers, planner.",
    "down": "End what an `up` that was killed left running.",
    "demo": "A simulated city lives through a dinner rush, over the public API.",
    "replay": "A recorded day of real orders, over the public API.",
    "doctor": "Say what is wrong on this machine and what to do about it.",
    "migrate": "Bring the database to the newest revision.",
    "reset": "Empty the embedded engines.",
    "accounts": "Create accounts for staff.",
    "projections": "Show position and lag of the read models; pause, retry, rebuild one.",
    "reactions": "Show reactions that wait or gave up; retry one.",
    "dispatch": "Why these drivers were asked, and who else could have been.",
    "events": "Which events there are; what one request set going.",
    "audit": "Verify the log against its seals, prove events, export, replay.",
    "privacy": "Forget a person; rotate the key-encryption key.",
    "api": "Process: the HTTP API.",
    "projector": "Process: feeds the read models.",
    "follower": "Process: hands out reactions when they are due; clock jobs.",
    "worker": "Process: does the reactions.",
    "planner": "Process: plans a region's orders together when they queue.",
}

REMEDIED = (InvalidSettings, EngineFailed, WrongRevision, MigrationFailed, NotReady, UnusableKeyFile, OnACluster)
"""Errors whose message already says what to do."""


class Subcommands(click.Group):
    """Imports a subcommand's module when it is called: `tiffin --help` needs none of them."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBCOMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBCOMMANDS:
            return None
        command = import_module(f"application.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"application.cli.{cmd_name} offers no click command named `command`")
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))


@click.group(cls=Subcommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tiffin", prog_name="tiffin")
def tiffin() -> None:
    """Tiffin: the event-sourced backend of a local delivery marketplace."""


def main() -> None:
    """Run the command line; an error with a remedy ends in one line and exit code 1."""
    try:
        tiffin.main(prog_name="tiffin", standalone_mode=True)
    except REMEDIED as error:
        click.echo(f"tiffin: {error.args[0] if error.args else error}", err=True)
    except (psycopg.OperationalError, redis.ConnectionError, redis.TimeoutError) as error:
        click.echo(f"tiffin: a server does not answer: {error}\nRun `tiffin doctor` to see which.", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
