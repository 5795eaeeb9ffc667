"""`tiffin accounts create`: staff. Everybody else registers over the API."""

import os
import sys
from typing import cast, get_args

import click

from application.accounts import EmailTaken
from application.cli.migrated import migrated
from application.staff import StaffRole, appoint

PASSWORD_VARIABLE = "TIFFIN_PASSWORD"  # noqa: S105 - a variable's name
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 200


@click.group(name="accounts")
def command() -> None:
    """Create accounts for staff."""


@command.command()
@click.option("--role", type=click.Choice(get_args(StaffRole.__value__)), required=True)
@click.option("--email", required=True)
@click.option("--name", help="How timelines call this person (default: the role).")
def create(role: str, email: str, name: str | None) -> None:
    """Create an account. The password is read from TIFFIN_PASSWORD, else asked for, else read from standard input.

    It is no option: every user of the machine can read the arguments of a running command.
    """
    if email.count("@") != 1 or email.startswith("@") or email.endswith("@") or any(c.isspace() for c in email):
        raise click.BadParameter("give an address like ada@example.com", param_hint="--email")
    password = _password()
    with migrated() as settings:
        try:
            account_id = appoint(
                settings.database.url, role=cast("StaffRole", role), email=email, name=name or role, password=password
            )
        except EmailTaken as error:
            raise click.ClickException(str(error)) from error
    click.echo(account_id)


def _password() -> str:
    password = os.environ.get(PASSWORD_VARIABLE) or _ask()
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise click.ClickException(f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
    return password


def _ask() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")
