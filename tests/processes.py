"""The processes of the system as they are in production: subcommands of the command line, each with a log file."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from application.settings import Settings
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[1]
ENDS_SECONDS = 10.0
ENGINES_VARIABLE = "TIFFIN_TEST_ENGINES"
"""The run's folder; see `tests/conftest.py`."""


@contextmanager
def running(name: str, settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the CLI; one that still runs at the end is asked to, and has 10 s."""
    with (folder / f"{name}.log").open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "application.cli", name],
            cwd=ROOT,
            env=os.environ | settings.environment() | quick() | {"TIFFIN_REGIONS": str(regions_file(settings, folder))},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
        if process.poll() is None:
            eventually(lambda: _listens(process) or process.poll() is not None, what=f"{name} can be told to end")
            process.terminate()
            assert process.wait(ENDS_SECONDS) == 0, (folder / f"{name}.log").read_text()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(ENDS_SECONDS)


def _listens(process: subprocess.Popen[bytes]) -> bool:
    """Whether SIGTERM is caught or waited for by now: who has only just begun to import would die of it."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.parent.parent.is_dir():
        return True
    masks = (line.split()[1] for line in status.read_text().splitlines() if line.startswith(("SigCgt", "SigBlk")))
    return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in masks)


def quick() -> dict[str, str]:
    """Variables that let the processes of a run compile each module once, whatever the surroundings say."""
    compiled = Path(os.environ[ENGINES_VARIABLE]) / "compiled"
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(compiled)}


def regions_file(settings: Settings, folder: Path) -> Path:
    """Where processes read the regions of these settings."""
    file = folder / "regions.json"
    content = msgspec.json.encode(list(settings.regions))
    if not file.exists() or file.read_bytes() != content:
        file.write_bytes(content)
    return file
