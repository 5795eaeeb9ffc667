"""The engines start from nothing, are shared, keep what they were given, and end with their last user."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from application.engines import embedded, postgres, valkey
from application.engines.failure import EngineFailed
from application.settings import DatabaseSettings, Settings, ValkeySettings
from tests.waiting import eventually


def test_they_keep_their_data_and_stop_with_the_block(tmp_path: Path) -> None:
    with embedded.embedded(tmp_path) as addresses:
        with psycopg.connect(addresses.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            row = connection.execute("SHOW fsync").fetchone()
        assert row == ("on",)
        with redis.Redis.from_url(addresses.valkey_url) as client:
            client.set("kept", "42")
            assert client.config_get("appendonly") == {"appendonly": "yes"}
    assert not postgres.running(tmp_path / "postgres")
    assert not valkey.running(tmp_path / "valkey")

    with embedded.embedded(tmp_path) as again:
        assert again == addresses
        with psycopg.connect(again.database_url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        with redis.Redis.from_url(again.valkey_url) as client:
            assert client.get("kept") == b"42"


def test_a_second_user_finds_them_running_and_the_last_one_stops_them(tmp_path: Path) -> None:
    other = _user(tmp_path)
    with embedded.embedded(tmp_path, durable=False) as addresses:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == addresses.database_url
        other.communicate("leave\n", timeout=30)
        assert embedded.healthy(tmp_path)
        assert embedded.in_use(tmp_path)
    assert not embedded.in_use(tmp_path)
    assert not postgres.running(tmp_path / "postgres")


def test_a_killed_user_is_not_counted(tmp_path: Path) -> None:
    other = _user(tmp_path)
    assert other.stdout is not None
    other.stdout.readline()
    other.kill()
    other.communicate(timeout=30)
    assert embedded.healthy(tmp_path), "nobody was left to stop them"
    with embedded.embedded(tmp_path, durable=False):
        pass
    assert not embedded.healthy(tmp_path)


def test_killed_engines_come_back_with_what_was_committed(tmp_path: Path) -> None:
    with embedded.embedded(tmp_path) as addresses:
        with psycopg.connect(addresses.database_url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        _kill(tmp_path / "postgres" / "data" / "postmaster.pid")
        _kill(tmp_path / "valkey" / "pid")
        eventually(lambda: not postgres.running(tmp_path / "postgres") and not valkey.running(tmp_path / "valkey"))
        assert embedded.ensure(tmp_path) == addresses
        with psycopg.connect(addresses.database_url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_postgres_that_goes_down_while_it_is_looked_at_is_started_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "postgres"
    connect = psycopg.connect

    def down_by_then(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        _kill(folder / "data" / "postmaster.pid")
        return connect(*args, **options)

    with embedded.embedded(tmp_path, durable=False) as addresses:
        monkeypatch.setattr(psycopg, "connect", down_by_then)
        assert postgres.start(folder, durable=False) == addresses.database_url
        with psycopg.connect(addresses.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_pid_file_whose_number_is_somebody_elses_does_not_keep_postgres_from_starting(tmp_path: Path) -> None:
    with embedded.embedded(tmp_path, durable=False):
        pass
    stale = tmp_path / "postgres" / "data" / "postmaster.pid"
    stale.write_text(f"{os.getppid()}\n{stale.parent}\n1\n5432\n\n\n\nready\n")
    with embedded.embedded(tmp_path, durable=False) as addresses, psycopg.connect(addresses.database_url):
        assert postgres.running(tmp_path / "postgres")


def test_an_interrupted_first_start_is_begun_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "data"
    half.mkdir(parents=True)
    (half / "pg_hba.conf").write_text("half\n")
    with embedded.embedded(tmp_path, durable=False):
        assert embedded.healthy(tmp_path)


def test_valkey_takes_another_port_when_its_own_is_taken(tmp_path: Path) -> None:
    first = valkey.start(tmp_path / "valkey")
    valkey.stop(tmp_path / "valkey")
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", int(first.rsplit(":", 1)[1].removesuffix("/0"))))
        squatter.listen()
        second = valkey.start(tmp_path / "valkey")
        assert second != first
        valkey.stop(tmp_path / "valkey")


def test_a_folder_too_deep_for_a_socket_works(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20) / ("deeper" * 10)
    with embedded.embedded(deep, durable=False) as addresses, psycopg.connect(addresses.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_given_urls_are_used_and_nothing_starts(tmp_path: Path) -> None:
    given = Settings(
        database=DatabaseSettings(url="postgresql://there/db"), valkey=ValkeySettings(url="redis://there"),
        data_dir=tmp_path / "data",
    )  # fmt: skip
    with embedded.resolved(given) as settings:
        assert settings == given
    assert not given.data_dir.exists()


def test_an_engine_that_cannot_start_says_what_its_log_says(tmp_path: Path) -> None:
    with embedded.embedded(tmp_path, durable=False):
        pass
    (tmp_path / "postgres" / "data" / "global" / "pg_control").unlink()
    with pytest.raises(EngineFailed, match="pg_control"), embedded.embedded(tmp_path, durable=False):
        pass


def test_only_the_engines_account_can_reach_the_database(tmp_path: Path) -> None:
    with embedded.embedded(tmp_path, durable=False):
        assert (tmp_path / "postgres").stat().st_mode & 0o077 == 0
        server = psutil.Process(int((tmp_path / "postgres" / "data" / "postmaster.pid").read_text().split()[0]))
        assert server.uids().effective != 0
        assert all(connection.status != "LISTEN" for connection in server.net_connections(kind="inet"))


def _user(folder: Path) -> subprocess.Popen[str]:
    program = (
        "import sys; from pathlib import Path; from application.engines.embedded import embedded\n"
        "with embedded(Path(sys.argv[1]), durable=False) as a: print(a.database_url, flush=True); sys.stdin.readline()"
    )
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _kill(pid_file: Path) -> None:
    os.kill(int(pid_file.read_text().split("\n", 1)[0]), signal.SIGKILL)
