"""Which revision a database is at, and which one this code needs.

Migrating is the business of the `migrations` package, which `application` may not import: it runs as a process.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg

CONNECT_SECONDS = 5
MIGRATE_SECONDS = 600


class WrongRevision(Exception):  # noqa: N818 - names the outcome
    """The database was migrated for other code; the message says what to do."""


class MigrationFailed(Exception):  # noqa: N818 - names the outcome
    """The database could not be migrated and is as it was; the message carries the reason."""


def needed() -> str:
    """The newest revision beside this code. Read off the files' names, see above."""
    spec = find_spec("migrations")
    if spec is None or spec.origin is None:
        raise LookupError("the package `migrations` is not beside `application`")
    versions = Path(spec.origin).parent / "versions"
    return max(path.name.split("_", 1)[0] for path in versions.glob("[0-9]*.py"))


def found(url: str) -> str | None:
    """The database's revision; None where it was never migrated."""
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
        known = connection.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone()
        if known is None or not known[0]:
            return None
        row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return None if row is None else str(row[0])


def check(url: str) -> None:
    """Raise WrongRevision unless the database is at the revision that this code needs."""
    there, wanted = found(url), needed()
    if there == wanted:
        return
    if there is None:
        raise WrongRevision(f"The database has no tables yet (needed: revision {wanted}): run `tiffin migrate`.")
    if there < wanted:
        raise WrongRevision(f"The database is at revision {there}, this code needs {wanted}: run `tiffin migrate`.")
    raise WrongRevision(f"The database is at revision {there}, newer than this code's {wanted}: run newer code.")


def upgrade(url: str) -> str:
    """Migrate the database, in a process of its own, and return the revision it is at now. Raises MigrationFailed.

    What is at the newest revision already is left alone.
    """
    if (there := found(url)) == needed():
        return there
    return _migrations("upgrade", url)


def prepare_keys(url: str) -> None:
    """Have the table of the data subjects' keys in a database of its own. Raises MigrationFailed."""
    _migrations("keys", url)


def check_keys(url: str) -> None:
    """Raise WrongRevision unless a database of keys has their table."""
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
        known = connection.execute("SELECT to_regclass('subject_keys.keys') IS NOT NULL").fetchone()
    if known is None or not known[0]:
        raise WrongRevision("The database that TIFFIN_KEYS_URL names has no keys' table yet: run `tiffin migrate`.")


def _migrations(command: str, url: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own interpreter, no shell
        [sys.executable, "-m", "migrations", command, url],
        check=False,
        capture_output=True,
        text=True,
        timeout=MIGRATE_SECONDS,
        cwd=Path(__file__).resolve().parent.parent,
    )
    if done.returncode != 0:
        raise MigrationFailed(f"Migrating failed, nothing was changed:\n{done.stderr.strip()[-2000:]}")
    return done.stdout.strip()
