"""Ending an engine's process and seeing it gone."""

import signal
import threading
from collections.abc import Callable
from contextlib import suppress

import psutil

POLL_SECONDS = 0.02


def end(process: psutil.Process, gone: Callable[[], bool], *, politely: signal.Signals, seconds: float) -> None:
    """Send a signal and wait until `gone`; kill it after `seconds`.

    `psutil`'s own wait is not enough: in a container whose first process reaps nobody, the dead stay on as zombies.
    """
    pause = threading.Event()
    for number in (politely, signal.SIGKILL):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        for _ in range(int(seconds / POLL_SECONDS)):
            if gone():
                return
            pause.wait(POLL_SECONDS)
