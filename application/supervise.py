"""The processes of one machine under supervisord: written down, started, restarted when they die, ended together.

supervisord runs in a session of its own, so that Ctrl-C reaches only `up`, which then ends everything in order.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import msgspec
import psutil

from application.ending import end
from application.engines import embedded
from application.settings import ApiSettings, Settings

ROOT = Path(__file__).resolve().parent.parent
MARK = "TIFFIN_SUPERVISED"
"""Variable that every supervised process carries: the folder it was started for."""

STOP_SECONDS = 10
"""What a process may take to drain after SIGTERM before it is killed."""
READY_SECONDS = 60.0
CHECK_SECONDS = 1.0
POLL_SECONDS = 0.1


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One subcommand of the CLI that runs for ever, and how many of it."""

    name: str
    processes: int = 1


class NotReady(Exception):  # noqa: N818 - names the outcome
    """The API cannot come up, or did not in time; the message says what to do, or where to look."""


def programs(settings: Settings) -> tuple[Program, ...]:
    """What runs on one machine. The projector and the follower each have a standby that takes over at once."""
    return (
        Program(name="projector", processes=2),
        Program(name="follower", processes=2),
        Program(name="worker", processes=settings.worker.processes),
        *([Program(name="planner")] if any(region.dispatch.planning for region in settings.regions) else []),
        Program(name="api"),
    )


class Supervisor:
    """The supervised processes of one folder; both URLs of `settings` are filled in."""

    def __init__(self, settings: Settings) -> None:
        """Nothing runs before `start`."""
        self.settings = settings
        self.run_dir = settings.data_dir / "run"
        self.log_dir = settings.data_dir / "logs"
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write the configuration and start everything. What an earlier, killed run left behind is ended first."""
        for folder in (self.run_dir, self.log_dir, self.metrics_dir):
            folder.mkdir(parents=True, exist_ok=True)
        end_leftovers(self.run_dir)
        for counter in self.metrics_dir.glob("*.db"):
            counter.unlink()
        regions = self.run_dir / "regions.json"
        regions.write_bytes(msgspec.json.encode(self.settings.regions))
        configuration = self.run_dir / "supervisord.conf"
        configuration.write_text(self._configuration())
        environment = os.environ | self.settings.environment()
        environment |= {
            "PROMETHEUS_MULTIPROC_DIR": str(self.metrics_dir),
            "TIFFIN_REGIONS": str(regions),
            "PYTHONUNBUFFERED": "1",
            MARK: str(self.run_dir),
        }
        with (self.log_dir / "supervisord.out").open("ab") as output:
            self._daemon = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
                [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
            )

    @property
    def metrics_dir(self) -> Path:
        """Where the processes share their counters."""
        return self.settings.observability.metrics_dir or self.run_dir / "metrics"

    @property
    def base_url(self) -> str:
        """Where the API answers."""
        return f"http://{self.settings.api.host}:{self.settings.api.port}"

    def alive(self) -> bool:
        """Whether supervisord runs."""
        return self._daemon is not None and self._daemon.poll() is None

    def wait_ready(self, seconds: float = READY_SECONDS, *, stopping: threading.Event | None = None) -> None:
        """Wait until the API is ready, which it is when all it needs answers. Raises NotReady."""
        pause = stopping or threading.Event()
        for _ in range(int(seconds / POLL_SECONDS)):
            if answers(f"{self.base_url}/health/ready") or pause.wait(POLL_SECONDS):
                return
            if not self.alive():
                raise NotReady(f"supervisord ended; see {self.log_dir / 'supervisord.out'}")
        raise NotReady(f"The API was not ready after {seconds:.0f} s; `tiffin doctor` and {self.log_dir} say more.")

    def watch(self, stopping: threading.Event) -> None:
        """Until told to stop, restart what supervisord cannot: itself, and the embedded engines."""
        own_engines = embedded.in_use(self.settings.data_dir)
        while not stopping.wait(CHECK_SECONDS):
            if own_engines and not embedded.healthy(self.settings.data_dir):
                embedded.ensure(self.settings.data_dir)
            if not self.alive():
                self.start()

    def stop(self) -> None:
        """Drain and end everything, within seconds."""
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.terminate()
            try:
                self._daemon.wait(STOP_SECONDS + 4)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait(STOP_SECONDS)
        end_leftovers(self.run_dir)

    def _configuration(self) -> str:
        sections = [
            "[supervisord]",
            "nodaemon=true",
            f"pidfile={_literal(self.run_dir / 'supervisord.pid')}",
            f"logfile={_literal(self.log_dir / 'supervisord.log')}",
            "loglevel=info",
            *(["user=root"] if os.geteuid() == 0 else []),
        ]
        # supervisord ends one group after the other, but the programs of a group together.
        names = [program.name for program in programs(self.settings)]
        sections += ["", "[group:tiffin]", f"programs={','.join(names)}"]
        for program in programs(self.settings):
            sections += ["", *self._section(program)]
        return "\n".join(sections) + "\n"

    def _section(self, program: Program) -> list[str]:
        command = shlex.join([sys.executable, "-m", "application.cli", program.name])
        log = _literal(self.log_dir / program.name)
        return [
            f"[program:{program.name}]",
            f"command={_literal(command)}",
            f"directory={_literal(ROOT)}",
            f"numprocs={program.processes}",
            "process_name=%(program_name)s-%(process_num)d",
            "autorestart=true",
            "startsecs=1",
            # Each further try waits one second longer; supervisord must not give up while a server is away.
            "startretries=100",
            "stopsignal=TERM",
            f"stopwaitsecs={STOP_SECONDS}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={log}-%(process_num)d.log",
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=2",
        ]


@contextmanager
def supervised(settings: Settings) -> Iterator[Supervisor]:
    """Everything runs for as long as the block lasts."""
    supervisor = Supervisor(settings)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def make_way(settings: Settings) -> None:
    """End what a killed run left behind. Raises NotReady where something else listens at the API's address."""
    end_leftovers(Supervisor(settings).run_dir)
    if (why := unusable(settings.api)) is not None:
        where = f"{settings.api.host}:{settings.api.port}"
        raise NotReady(f"{where} cannot be used ({why}): end what listens there, or set TIFFIN_PORT to a free port.")


def unusable(api: ApiSettings) -> str | None:
    """Why nobody can listen at the API's address; None where one can."""
    try:
        found = socket.getaddrinfo(api.host, api.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = found[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None


def end_leftovers(run_dir: Path) -> None:
    """End processes that were started for this folder and outlived their supervisor."""
    leftovers = [process for process in psutil.process_iter() if _belongs(process, run_dir)]
    end(leftovers, politely=signal.SIGTERM, seconds=STOP_SECONDS)


def _belongs(process: psutil.Process, run_dir: Path) -> bool:
    try:
        return process.pid != os.getpid() and process.environ().get(MARK) == str(run_dir)
    except psutil.Error:
        # Gone meanwhile, or another user's.
        return False


def answers(url: str) -> bool:
    """Whether a GET is answered with 200 within 2 s."""
    try:
        with urllib.request.urlopen(url, timeout=2.0) as response:  # noqa: S310 - our own API
            status = int(response.status)
    except (urllib.error.URLError, OSError):
        return False
    return status == HTTPStatus.OK.value


def _literal(value: object) -> str:
    """A value as supervisord's configuration takes it literally."""
    return str(value).replace("%", "%%")
