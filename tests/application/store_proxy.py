"""A man in the middle of a unix socket to PostgreSQL, who can swallow an answer or close the road."""

import select
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

SOCKET = ".s.PGSQL.5432"
CHUNK = 65_536
PATIENCE_SECONDS = 10


class Proxy:
    """Forwards connections while it is entered; `url` leads through it."""

    def __init__(self, url: str, folder: Path) -> None:
        """`url` names the server by its socket's folder, as the embedded server's does."""
        behind = parse_qs(urlsplit(url).query)["host"][0]
        self.url = url.replace(behind, str(folder))
        self.losses = 0
        """Answers swallowed so far."""
        self._behind = str(Path(behind) / SOCKET)
        self._here = str(folder / SOCKET)
        self._lose: bytes | None = None
        self._for_good = False
        self._open = True
        self._threads: list[threading.Thread] = []

    def lose_answer_to(self, statement: bytes, *, for_good: bool = False) -> None:
        """Let the next statement of this name through and cut the connection when its answer comes.

        `for_good`: no connection gets through afterwards.
        """
        self._lose, self._for_good = statement, for_good

    def __enter__(self) -> Self:
        door = socket.socket(socket.AF_UNIX)
        door.bind(self._here)
        door.listen()
        self._begin(self._receive, door)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open = False
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)

    def _receive(self, door: socket.socket) -> None:
        with door:
            while self._open:
                if _ready(door):
                    client, _ = door.accept()
                    self._begin(self._forward, client)

    def _forward(self, client: socket.socket) -> None:
        losing = False
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._behind)
            while self._open:
                for road in _ready(client, server):
                    data = road.recv(CHUNK)
                    if road is server and losing:
                        self.losses += 1
                        self._open = not self._for_good
                        return
                    if not data:
                        return
                    if road is client and self._lose is not None and b"\0" + self._lose + b"\0" in data:
                        losing, self._lose = True, None
                    (server if road is client else client).sendall(data)

    def _begin(self, work: object, road: socket.socket) -> None:
        def run() -> None:
            try:
                work(road)  # type: ignore[operator]  # one of the two above
            except OSError:
                road.close()  # one of the two ends went first

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()


def _ready(*roads: socket.socket) -> list[socket.socket]:
    return select.select(roads, [], [], 0.05)[0]
