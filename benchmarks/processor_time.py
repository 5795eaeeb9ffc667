"""Where a world's processor time goes: seconds by kind of process, so that a figure says what holds it back."""

from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

import psutil

KINDS = ("api", "projector", "follower", "worker")


def spent(folder: Path, generators: Collection[int]) -> dict[str, float]:
    """Sum up user and system seconds so far of the world in `folder` and of the load generators (by process id)."""
    seconds: dict[str, float] = defaultdict(float)
    for process in psutil.process_iter():
        try:
            kind = "generators" if process.pid in generators else _kind(process, folder)
            times = process.cpu_times()
        except psutil.Error:
            # Gone meanwhile, or another user's.
            continue
        if kind is not None:
            seconds[kind] += times.user + times.system
    return seconds


def memory_mb(folder: Path, kind: str) -> float:
    """What all processes of a kind hold together."""
    held = 0
    for process in psutil.process_iter():
        try:
            if _kind(process, folder) == kind:
                held += process.memory_info().rss
        except psutil.Error:
            continue
    return round(held / 1024**2, 1)


def _kind(process: psutil.Process, folder: Path) -> str | None:
    """Tell engines by the folder they run in, Tiffin's processes by the folder that their settings name."""
    place = Path(process.cwd())
    if place.is_relative_to(folder):
        return "postgres" if place.is_relative_to(folder / "postgres") else "valkey"
    if process.environ().get("TIFFIN_DATA") != str(folder):
        return None
    command = process.cmdline()
    # A worker's children are forked and keep its command line; granian's are spawned and have one of their own.
    return next((kind for kind in KINDS if kind in command), "api")
