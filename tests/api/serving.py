"""The API as it is run: granian in a process of its own, and a client that reads its streams."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import msgspec

from application.settings import Settings
from application.supervise import ROOT
from tests.waiting import eventually

WAIT_SECONDS = 30.0


class Served(NamedTuple):
    """A running API."""

    process: subprocess.Popen[bytes]
    client: httpx.Client

    def end(self, seconds: float = 12.0) -> int:
        """SIGTERM, and what the process ends with."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
    api = msgspec.structs.replace(settings.api, port=_free_port(), workers=1)
    settings = msgspec.structs.replace(settings, api=api)
    process = subprocess.Popen(
        [sys.executable, "-m", "application.cli", "api"], cwd=ROOT, env=os.environ | settings.environment()
    )
    try:
        with httpx.Client(base_url=f"http://{api.host}:{api.port}", timeout=WAIT_SECONDS) as client:
            eventually(lambda: _ready(client), seconds=60, what="the API is ready")
            yield Served(process, client)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(12)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Told(NamedTuple):
    """One server-sent event."""

    name: str
    id: int | None
    data: Any


class Follower:
    """Reads a stream, event by event; heart-beats are counted."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()
        self.heartbeats = 0

    def next(self) -> Told | None:
        """The next event; None when the stream has ended."""
        fields: dict[str, str] = {}
        for line in self._lines:
            if line.startswith(":"):
                self.heartbeats += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                number = int(fields["id"]) if "id" in fields else None
                return Told(fields["event"], number, json.loads(fields["data"]))
        return None

    def until(self, name: str, **data: object) -> Told:
        """The first event of that name with that data."""
        while (told := self.next()) is not None:
            if told.name == name and all(told.data.get(key) == value for key, value in data.items()):
                return told
        raise AssertionError(f"the stream ended before {name} {data}")


@contextmanager
def following(client: httpx.Client, token: str, path: str, **headers: str) -> Iterator[Follower]:
    known = {"Authorization": f"Bearer {token}"} | headers
    with client.stream("GET", path, headers=known, timeout=WAIT_SECONDS) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Follower(response)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
