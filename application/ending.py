"""Ending processes that are not our children, and seeing them gone."""

import signal
import threading
from collections.abc import Sequence
from contextlib import suppress

import psutil

DRAIN = signal.SIGUSR1
"""Asks a process that serves to say goodbye to streams and sockets, and then to end."""
GOODBYE_SECONDS = 2
POLL_SECONDS = 0.02
KILLED_SECONDS = 5.0


def end(processes: Sequence[psutil.Process], *, politely: signal.Signals, seconds: float) -> list[psutil.Process]:
    """Send a signal, wait until all are gone, kill after `seconds` who is not; returns who survived even that."""
    pause = threading.Event()
    left = list(processes)
    for number, bound in ((politely, seconds), (signal.SIGKILL, KILLED_SECONDS)):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        for _ in range(int(bound / POLL_SECONDS)):
            left = [process for process in left if not gone(process)]
            if not left:
                return []
            pause.wait(POLL_SECONDS)
    return left


def gone(process: psutil.Process) -> bool:
    """Whether a process has ended.

    A zombie has: `psutil`'s own wait does not think so, and in a container whose first process reaps nobody the dead
    stay on as zombies.
    """
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
