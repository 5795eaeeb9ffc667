"""Run the migrations: which revision a database is at, which there is, and the way from one to the other."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

CONNECT_TIMEOUT_SECONDS = 5
SUBJECT_KEYS = Path(__file__).with_name("subject_keys.sql")
"""The table of the data subjects' keys, which may stand in a database of its own."""


def upgrade(url: str) -> None:
    """Bring the database to the newest revision, in one transaction; who comes second waits and finds it done.

    `url` is libpq's (`postgresql://…`). Raises sqlalchemy.exc.OperationalError when the server does not answer, or when
    another migration holds the lock for longer than `env.py` waits.
    """
    address = make_url(url).set(drivername="postgresql+psycopg")
    engine = create_engine(address, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS})
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def prepare_keys(url: str) -> None:
    """Have the table of the data subjects' keys in a database of its own; once more does no harm."""
    with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:
        connection.execute(SUBJECT_KEYS.read_bytes())


def current(url: str) -> str | None:
    """Name the revision that the database is at; None when it was never migrated."""
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:
        found = connection.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone()
        if found is None or not found[0]:
            return None
        row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
        return None if row is None else str(row[0])


def head() -> str:
    """Name the newest revision there is."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LookupError("there are no migrations beside this module")
    return revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
