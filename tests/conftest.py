"""Real engines for every test that asks: one PostgreSQL and one Valkey a run, shared by all test processes.

`postgres_url` is a database of the test's own, cloned from a migrated template; `valkey_url` an emptied logical
database of the test process's own. Tests that flush or kill a server start their own with `application.engines`.
"""

import fcntl
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from application.bootstrap import Tiffin, open_tiffin
from application.engines import embedded
from application.engines.embedded import Addresses
from application.settings import (
    DatabaseSettings,
    PrivacySettings,
    SealSettings,
    Settings,
    ValkeySettings,
    WorldSettings,
)

ENGINES_VARIABLE = "TIFFIN_TEST_ENGINES"
PREFIX = "tiffin-test-"
TEMPLATE = "tiffin_template"
LEFTOVER_SECONDS = 3_600


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder of this run's engines; the test processes inherit its name."""
    if not hasattr(config, "workerinput"):
        _sweep_leftovers()
        os.environ[ENGINES_VARIABLE] = tempfile.mkdtemp(prefix=PREFIX)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the engines when the last test process has gone."""
    if not hasattr(config, "workerinput"):
        folder = Path(os.environ.pop(ENGINES_VARIABLE))
        embedded.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def engines() -> Iterator[Addresses]:
    """The run's engines, started by whoever asks first. Without fsync: nothing here outlives the run."""
    with embedded.embedded(Path(os.environ[ENGINES_VARIABLE]), durable=False) as addresses:
        yield addresses


@pytest.fixture(scope="session")
def migrated_template(engines: Addresses) -> str:
    """The name of a database that has every migration and no rows."""
    import migrations  # noqa: PLC0415 - tests of the domain run without it

    with _one_at_a_time():
        with _administration(engines) as admin:
            known = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone()
            if known is None:
                admin.execute(f"CREATE DATABASE {TEMPLATE}_draft")
        if known is None:
            migrations.upgrade(_database_url(engines, f"{TEMPLATE}_draft"))
            with _administration(engines) as admin:
                # Renamed when complete: a failed migration must not be mistaken for a template.
                admin.execute(f"ALTER DATABASE {TEMPLATE}_draft RENAME TO {TEMPLATE}")
    return TEMPLATE


@pytest.fixture
def postgres_url(engines: Addresses, migrated_template: str) -> Iterator[str]:
    """A migrated database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    with _administration(engines) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template} STRATEGY file_copy")
    yield _database_url(engines, name)
    with _administration(engines) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def valkey_url(engines: Addresses, worker_number: int) -> str:
    """An empty logical database, the test process's own. Publish/subscribe is shared: use the world's prefix."""
    url = engines.valkey_url.removesuffix("/0") + f"/{worker_number}"
    with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def worker_number() -> int:
    """This test process's number; Valkey has 16 logical databases."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    if number > 15:
        pytest.exit("run at most 16 test processes: pytest -n 16", returncode=4)
    return number


@pytest.fixture
def settings(postgres_url: str, valkey_url: str, tmp_path: Path) -> Settings:
    """Settings of a world that nobody else sees."""
    return Settings(
        database=DatabaseSettings(url=postgres_url),
        valkey=ValkeySettings(url=valkey_url),
        world=WorldSettings(name=f"test-{uuid.uuid4().hex[:12]}"),
        seals=SealSettings(folder=tmp_path / "seals", key_file=tmp_path / "keys" / "seal.ed25519"),
        privacy=PrivacySettings(key_file=tmp_path / "keys" / "personal.json"),
        data_dir=tmp_path,
    )


@pytest.fixture
def tiffin(settings: Settings) -> Iterator[Tiffin]:
    """The container of a process in that world. Its Valkey functions are loaded as `up` would have them."""
    with open_tiffin(settings) as opened:
        yield opened


def _sweep_leftovers() -> None:
    """Stop the engines of runs that were killed; the age keeps runs that start at this moment out of it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if time.time() - folder.stat().st_mtime > LEFTOVER_SECONDS and not embedded.in_use(folder):
            embedded.stop(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _database_url(engines: Addresses, name: str) -> str:
    return engines.database_url.replace("/tiffin?", f"/{name}?")


@contextmanager
def _administration(engines: Addresses) -> Iterator[psycopg.Connection]:
    with psycopg.connect(_database_url(engines, "postgres"), autocommit=True, connect_timeout=30) as connection:
        yield connection


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with (Path(os.environ[ENGINES_VARIABLE]) / "template.lock").open("a") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield
