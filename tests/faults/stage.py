"""The whole system as it is run, on a Valkey of its own that can be killed, emptied or put to sleep."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from msgspec.structs import replace

from application.ending import end, gone
from application.engines import valkey
from application.settings import Settings, ValkeySettings
from domain.region import PORTO, Dispatch
from projections.registry import PROJECTIONS
from tests.api.people import City
from tests.api.serving import Served, served
from tests.processes import quick, regions_file, running
from tests.waiting import eventually

DISPATCH = Dispatch(settle_seconds=0.1, retry_seconds=1.0)
"""As in production, but for the pauses that only make a test wait."""


class OwnValkey:
    """A server that keeps its port and, unless it is emptied, its data, whatever happens to its process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = valkey.start(folder)

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(int((self.folder / "pid").read_text()))

    def kill(self) -> None:
        assert not end([self.process], politely=signal.SIGKILL, seconds=5.0)

    def back(self, *, empty: bool = False) -> None:
        """Start it again; returns when it answers."""
        if empty:
            shutil.rmtree(self.folder / "appendonlydir")
        assert valkey.start(self.folder) == self.url, "it kept its port"

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        eventually(lambda: self.process.status() == psutil.STATUS_STOPPED, what="it sleeps")

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """For good, in whatever state it is."""
        with suppress(psutil.Error):
            self.resume()
        valkey.stop(self.folder)


class Scene:
    """A running system."""

    def __init__(self, settings: Settings, own: OwnValkey, api: Served, folder: Path) -> None:
        self.settings = settings
        self.valkey = own
        self.api = api
        self.folder = folder
        self.city = City(api.client)
        self.base_url = str(api.client.base_url).rstrip("/")
        self.workers: list[subprocess.Popen[bytes]] = []

    def server(self) -> psutil.Process:
        """The process that answers requests."""
        return answering(self.api)

    def logs(self) -> str:
        """What the processes wrote, the last lines of each: for who wants to know why a test failed."""
        told = []
        for file in sorted(self.folder.glob("*.log")):
            told += [f"--- {file.name}", *file.read_text(errors="replace").splitlines()[-30:]]
        return "\n".join(told)


@contextmanager
def whole(settings: Settings, folder: Path, *, dispatch: Dispatch = DISPATCH, workers: int = 1) -> Iterator[Scene]:
    """Everything runs for as long as the block lasts."""
    own = OwnValkey(folder / "valkey")
    settings = replace(
        settings, valkey=ValkeySettings(url=own.url), regions=(replace(PORTO, dispatch=dispatch),), data_dir=folder
    )
    try:
        with ExitStack() as closing, pytest.MonkeyPatch.context() as patched:
            for name, value in (quick() | {"TIFFIN_REGIONS": str(regions_file(settings, folder))}).items():
                patched.setenv(name, value)
            for name in ("projector", "follower"):
                closing.enter_context(running(name, settings, folder))
            crew = [closing.enter_context(running("worker", settings, folder)) for _ in range(workers)]
            scene = Scene(settings, own, closing.enter_context(served(settings)), folder)
            scene.workers = crew
            eventually(lambda: projected(settings.database.url), what="every read model is there")
            try:
                yield scene
            except BaseException:
                print(scene.logs())  # noqa: T201 - pytest shows it with the failure
                raise
    finally:
        own.end()


def answering(api: Served) -> psutil.Process:
    """The process that answers requests; its parent only watches over it."""
    found = [one for one in psutil.Process(api.process.pid).children() if not gone(one)]
    return max(found, key=lambda one: one.memory_info().rss)


def projected(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT name FROM projection_positions WHERE state = 'live'").fetchall()
    return {name for (name,) in found} >= {projection.name for projection in PROJECTIONS}
