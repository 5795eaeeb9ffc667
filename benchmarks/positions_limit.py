"""What Valkey itself takes: GEOADD of many members at once, ready-made, of the same drivers."""

import socket
import time
from itertools import batched, cycle
from typing import Any, cast
from urllib.parse import urlsplit

import hiredis

from benchmarks.positions_crowd import driver_id, homes
from benchmarks.positions_load import STEP_DEGREES

MEMBERS_A_CALL = 100
CALLS_AT_ONCE = 20
WARM_UP_SECONDS = 0.5
RECEIVE_BYTES = 65_536


def add(valkey_url: str, key: str, drivers: int, number: int, processes: int, seconds: float) -> float:
    """Positions a second of one process."""
    everywhere = homes(drivers)
    calls = []
    for step in (STEP_DEGREES, 0.0):
        for numbers in batched(range(number, drivers, processes), MEMBERS_A_CALL):
            args: list[str | float] = []
            for one in numbers:
                args += (everywhere[one].lon, everywhere[one].lat + step, str(driver_id(one)))
            calls.append(hiredis.pack_command(cast("Any", ("GEOADD", key, *args))))
    packets = [b"".join(some) for some in batched(calls, CALLS_AT_ONCE)]
    with _connected(valkey_url) as connection:
        begin = time.perf_counter() + WARM_UP_SECONDS
        rounds = 0
        for packet in cycle(packets[: len(calls) // CALLS_AT_ONCE]):
            connection.sendall(packet)
            missing = CALLS_AT_ONCE
            while missing > 0:
                missing -= connection.recv(RECEIVE_BYTES).count(b"\n")
            now = time.perf_counter()
            if now < begin:
                continue
            rounds += 1
            if now > begin + seconds:
                break
        return rounds * CALLS_AT_ONCE * MEMBERS_A_CALL / (time.perf_counter() - begin)


def _connected(valkey_url: str) -> socket.socket:
    url = urlsplit(valkey_url)
    if url.scheme == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(url.path)
        return connection
    return socket.create_connection((url.hostname or "127.0.0.1", url.port or 6379))
