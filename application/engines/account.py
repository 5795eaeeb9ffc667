"""Under whose account the engines run: the caller's own, or an unprivileged one where the caller is root."""

import os
import pwd
import stat
from pathlib import Path
from typing import TypedDict

from application.engines.failure import EngineFailed

UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root. This account exists everywhere, so that none has to be added."""


class RunAs(TypedDict, total=False):
    """The arguments of `subprocess.run` and `Popen` that change the account."""

    user: int
    group: int
    extra_groups: list[int]


def run_as() -> RunAs:
    """What to hand to `subprocess`. Raises EngineFailed where root finds no account to change to."""
    if os.geteuid() != 0:
        return {}
    try:
        account = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise EngineFailed(
            f"PostgreSQL does not run as root and there is no account {UNPRIVILEGED!r} to run it under: "
            "start Tiffin as an ordinary user, or name outside servers in DATABASE_URL and VALKEY_URL."
        ) from error
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def make_private(folder: Path) -> None:
    """Make a folder that only the engines' account may enter (and root), with its parents passable for it."""
    folder.mkdir(parents=True, exist_ok=True)
    account = run_as()
    if account:
        os.chown(folder, account["user"], account["group"])
        make_reachable(folder)
    folder.chmod(0o700)


def make_reachable(path: Path) -> None:
    """As root, let the engines' account pass through the parents of `path`.

    Only the search bit is added (nobody can list what is in them), and only where it is missing: a clone in
    root's own home or in a private temporary folder could not run the engines otherwise.
    """
    if os.geteuid() != 0:
        return
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
