"""`tiffin up` for real: everything comes up, what dies comes back, and Ctrl-C leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from application.ending import gone
from application.engines import embedded
from application.supervise import MARK, STOP_SECONDS, answers
from tests.waiting import eventually

READY_SECONDS = 60


class Up:
    """One `tiffin up` in a folder of its own, as a terminal runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.environment = os.environ | {
            "TIFFIN_DATA": str(folder),
            "TIFFIN_PORT": str(self.port),
            "TIFFIN_API_WORKERS": "1",
            "TIFFIN_WORKER_THREADS": "2",
        }
        self.output = folder.with_name("output")
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "application.cli", "up"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, subcommand: str) -> str:
        """What another terminal's command prints."""
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "application.cli", subcommand],
            check=False,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        return done.stdout

    def told(self) -> bool:
        return "answers at" in self.output.read_text()

    def ready(self) -> bool:
        return answers(f"http://127.0.0.1:{self.port}/health/ready")

    def wait_ready(self) -> None:
        eventually(lambda: self.told() or self.process.poll() is not None, seconds=READY_SECONDS, what="ready")
        assert self.process.poll() is None, self.output.read_text()
        assert self.ready()

    def children(self, name: str) -> list[psutil.Process]:
        return [process for process, command in supervised(self.folder).items() if command[-1:] == [name]]

    def end(self) -> tuple[float, str]:
        """Ctrl-C as a terminal sends it: to the whole process group. Seconds until the end, and what was printed."""
        began = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=60)
        return time.monotonic() - began, self.output.read_text()


def supervised(folder: Path) -> dict[psutil.Process, list[str]]:
    """What runs for the folder, and with which arguments; a process that ends meanwhile is left out."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == str(folder / "run") and not gone(process):
                found[process] = process.cmdline()
    return found


def engines_of(folder: Path) -> list[psutil.Process]:
    """Engines at work in the folder, whatever their pid files say."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if not gone(process) and Path(process.cwd()).is_relative_to(folder):
                found.append(process)
    return found


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    started = Up(tmp_path / "data")
    try:
        started.wait_ready()
        yield started
    finally:
        if started.process.poll() is None:
            os.killpg(started.process.pid, signal.SIGTERM)
            started.process.wait(timeout=60)
        started.run("down")


def test_what_dies_comes_back_and_ctrl_c_leaves_nothing(up: Up) -> None:
    assert len(up.children("projector")) == 2
    assert len(up.children("follower")) == 2

    assert "up already" in up.run("up")

    killed = {child.pid for name in ("projector", "follower", "worker", "api") for child in up.children(name)}
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    eventually(
        lambda: (
            len(killed.intersection(child.pid for child in supervised(up.folder))) == 0
            and [len(up.children(name)) for name in ("projector", "follower")] == [2, 2]
            and up.children("worker")
            and up.children("api")
            and up.ready()
        ),
        what="every process is back",
    )

    os.kill(_pid(up.folder / "postgres" / "data" / "postmaster.pid"), signal.SIGKILL)
    os.kill(_pid(up.folder / "valkey" / "pid"), signal.SIGKILL)
    eventually(lambda: embedded.healthy(up.folder) and up.ready(), seconds=40, what="the engines are back")

    seconds, output = up.end()
    assert up.process.returncode == 0, output
    assert f"answers at http://127.0.0.1:{up.port}" in output
    assert seconds < STOP_SECONDS + 5
    assert not supervised(up.folder)
    assert not engines_of(up.folder)
    assert not embedded.in_use(up.folder)


def test_what_a_killed_up_left_running_is_ended(up: Up) -> None:
    supervisor = [process for process, command in supervised(up.folder).items() if "supervisor.supervisord" in command]
    assert len(supervisor) == 1
    up.process.kill()
    up.process.wait(timeout=60)
    assert up.ready(), "the processes do not depend on the terminal"

    up.process = up.start()
    eventually(lambda: gone(supervisor[0]), what="the new one ends what the old one left")
    up.wait_ready()

    assert "Nothing runs any more." in up.run("down")
    assert up.process.wait(timeout=60) == 0
    assert not supervised(up.folder)
    assert not engines_of(up.folder)


def test_a_supervisor_that_dies_is_replaced(up: Up) -> None:
    before = {process.pid for process in supervised(up.folder)}
    for process, command in supervised(up.folder).items():
        if "supervisor.supervisord" in command:
            process.kill()
    eventually(
        lambda: up.children("api") and not before & {process.pid for process in supervised(up.folder)},
        what="new processes in place of all the old ones",
    )
    eventually(up.ready, what="ready again")


def _pid(file: Path) -> int:
    return int(file.read_text().split("\n", 1)[0])
