"""Migrations on an empty database: up once, twice, and by two at once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

import migrations
from application import revision

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty_url(postgres_url: str) -> Iterator[str]:
    """A database without tables, beside the test's migrated one."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        migrated = connection.info.dbname
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        yield postgres_url.replace(migrated, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_empty_database_has_no_revision(empty_url: str) -> None:
    assert migrations.current(empty_url) is None


def test_a_migrated_database_is_at_the_newest_revision(empty_url: str) -> None:
    migrations.upgrade(empty_url)
    assert migrations.current(empty_url) == migrations.head()


def test_migrating_again_changes_nothing(empty_url: str) -> None:
    migrations.upgrade(empty_url)
    migrations.upgrade(empty_url)
    assert migrations.current(empty_url) == migrations.head()


def test_two_may_migrate_at_once(empty_url: str) -> None:
    with ExitStack() as closing:
        both = [closing.enter_context(_start("upgrade", empty_url)) for _ in range(2)]
        told = [process.communicate(timeout=60) for process in both]
    assert told == [(f"{migrations.head()}\n", "")] * 2


def test_other_rooms_know_the_newest_revision_without_importing_migrations() -> None:
    assert revision.needed() == migrations.head()


def test_a_failing_migration_leaves_nothing_behind(empty_url: str) -> None:
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE world (in_the_way int)")
        with pytest.raises(Exception, match='relation "world" already exists'):
            migrations.upgrade(empty_url)
        tables = connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        assert tables.fetchall() == [("world",)]


def test_the_log_begins_empty(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT position FROM log_head").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM event_log").fetchone() == (0,)


def test_the_command_line_migrates(empty_url: str) -> None:
    assert _run("current", empty_url) == (0, "None\n", "")
    assert _run("upgrade", empty_url) == (0, f"{migrations.head()}\n", "")
    assert _run("head") == (0, f"{migrations.head()}\n", "")


def test_the_command_line_asks_for_a_database() -> None:
    code, _, told = _run("upgrade")
    assert code == 2
    assert "DATABASE_URL" in told


def _run(*arguments: str) -> tuple[int, str, str]:
    with _start(*arguments) as process:
        said, told = process.communicate(timeout=60)
        return process.returncode, said, told


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "migrations", *arguments],
        cwd=ROOT,
        env={"PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
