"""The public HTTP API as its users call it: tokens, idempotency keys, repeats of what may be repeated, live streams."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import aiohttp
import msgspec

ATTEMPTS = 20
"""Some 15 s in all: a server that is restarted is back by then."""
CALL_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
STREAM_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
BUSY = frozenset({429, 502, 503, 504})
POSITION = "Tiffin-Position"


class Refused(Exception):  # noqa: N818 - names the outcome
    """The server understood and said no; carries its problem+json."""

    def __init__(self, status: int, call: str, problem: Mapping[str, Any]) -> None:
        """`call` is the method and the path, for the reader of the message."""
        super().__init__(f"{call} → {status} {problem.get('title', '')}: {problem.get('detail', '')}")
        self.status = status
        self.call = call
        self.problem = problem

    @property
    def current_status(self) -> str | None:
        """What a 409 says the thing's status is."""
        status = self.problem.get("current_status")
        return status if isinstance(status, str) else None


class Unreachable(Exception):  # noqa: N818 - names the outcome
    """No usable answer after all attempts."""


@dataclass(frozen=True)
class Reply:
    """An answer's body (None when empty) and the log position it shows or made."""

    body: Any
    position: int | None


@dataclass(frozen=True)
class Message:
    """One server-sent event."""

    event: str
    id: str | None
    data: Any


class Api:
    """One pool of connections to one server, shared by all the people of a simulation."""

    def __init__(self, base_url: str) -> None:
        """`base_url` is like http://127.0.0.1:8000."""
        self.base_url = base_url.rstrip("/")
        self.repeats = 0
        """Calls that had to be made again: the server was busy or away."""
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the pool; its size is bounded by how many people there are, not here."""
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "tiffin-simulation"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the pool."""
        await self.http.close()

    @property
    def http(self) -> aiohttp.ClientSession:
        """The open session."""
        if self._http is None:
            raise RuntimeError("use the Api in `async with`")
        return self._http

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: object = None,
        params: Mapping[str, str] | None = None,
        position: int | None = None,
        attempts: int = ATTEMPTS,
    ) -> Reply:
        """Call once, however many attempts that takes: all of them carry the same idempotency key.

        Raises Refused for any other answer than a 2xx, Unreachable after the last attempt.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if position is not None:
            headers[POSITION] = str(position)
        if method != "GET":
            headers["Idempotency-Key"] = uuid4().hex
        data = None
        if body is not None:
            data, headers["Content-Type"] = msgspec.json.encode(body), "application/json"
        trouble = ""
        for attempt in range(attempts):
            if attempt:
                self.repeats += 1
                # Full jitter: people who failed together do not come back together.
                await asyncio.sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))  # noqa: S311 - spreads load
            try:
                async with self.http.request(
                    method, self.base_url + path, headers=headers, data=data, params=params, timeout=CALL_TIMEOUT
                ) as response:
                    raw = await response.read()
                    if response.status not in BUSY:
                        return _reply(f"{method} {path}", response, raw)
                    trouble = f"{response.status} {raw[:200]!r}"
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
                trouble = repr(error)
        raise Unreachable(f"{method} {path}: {trouble} after {attempts} attempts")

    async def stream(self, path: str, *, token: str) -> AsyncGenerator[Message]:
        """Follow one live stream until it ends or breaks; both just end the iteration. Raises Refused."""
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        try:
            async with self.http.get(
                self.base_url + path, headers=headers, timeout=STREAM_TIMEOUT, read_bufsize=2**20
            ) as response:
                if response.status in BUSY:
                    return
                if not response.ok:
                    _reply(f"GET {path}", response, await response.read())
                async for message in read_messages(response.content):
                    yield message
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError):
            # The caller comes back for a fresh snapshot, which is what a broken stream asks for.
            return


class Person:
    """Somebody who is logged in."""

    def __init__(self, api: Api, token: str, subject_id: str) -> None:
        """`subject_id` is the customer, driver or restaurant."""
        self.api = api
        self.subject_id = subject_id
        self.token = token

    async def get(self, path: str, *, position: int | None = None, **params: str | float) -> Any:  # noqa: ANN401 - JSON
        """Ask; answers the decoded body."""
        texts = {name: str(value) for name, value in params.items()}
        return (await self.api.call("GET", path, token=self.token, params=texts, position=position)).body

    async def post(self, path: str, body: object = None, *, attempts: int = ATTEMPTS) -> Reply:
        """Command."""
        return await self.api.call("POST", path, token=self.token, body=body, attempts=attempts)

    async def delete(self, path: str) -> Reply:
        """Command an end."""
        return await self.api.call("DELETE", path, token=self.token)

    def stream(self, path: str) -> AsyncGenerator[Message]:
        """Follow a live stream until it ends or breaks."""
        return self.api.stream(path, token=self.token)


async def read_messages(lines: AsyncIterable[bytes]) -> AsyncIterator[Message]:
    """Parse a stream of server-sent events, line by line; comments (heart-beats) are left out."""
    event, identity, data = "message", None, list[str]()
    async for raw in lines:
        line = raw.decode("utf-8").rstrip("\r\n")
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Message(event, identity, msgspec.json.decode("\n".join(data)))
            event, data = "message", []
        elif field == "event":
            event = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            identity = value


def _reply(call: str, response: aiohttp.ClientResponse, raw: bytes) -> Reply:
    is_json = "json" in response.content_type
    body = msgspec.json.decode(raw) if raw and is_json and "ndjson" not in response.content_type else raw or None
    if not response.ok:
        raise Refused(response.status, call, body if isinstance(body, dict) else {"title": str(body)})
    position = response.headers.get(POSITION)
    return Reply(body, int(position) if position else None)
