"""A server that sleeps instead of dying: who asks finds out once, and does not wait in a queue for it."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from application.engines import valkey
from application.valkey_link import PROBE_SECONDS, ValkeyLink

REPLY_SECONDS = 0.5
CALLERS = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[psutil.Process]:
    valkey.start(tmp_path)
    process = psutil.Process(int((tmp_path / "pid").read_text()))
    yield process
    process.send_signal(signal.SIGCONT)
    valkey.stop(tmp_path)


def link(tmp_path: Path, database: int) -> ValkeyLink:
    """Another database than 0 makes a connection begin with a greeting, which is not answered either."""
    url = valkey.address(tmp_path).removesuffix("/0")
    return ValkeyLink(f"{url}/{database}", reply_timeout_seconds=REPLY_SECONDS)


def test_nobody_waits_for_a_server_that_is_known_to_sleep(tmp_path: Path, server: psutil.Process) -> None:
    async def scenario() -> None:
        async with link(tmp_path, 0) as opened:
            assert await opened.call("SET", "key", "value") == b"OK"
            server.send_signal(signal.SIGSTOP)
            await turned_away(opened, TimeoutError)
            await turned_away(opened, ConnectionError)
            server.send_signal(signal.SIGCONT)
            assert await until_answered(opened) == b"value"
            assert await asyncio.gather(*(opened.call("GET", "key") for _ in range(CALLERS))) == [b"value"] * CALLERS

    asyncio.run(scenario())


def test_who_waited_for_a_connection_does_not_try_again_one_after_the_other(
    tmp_path: Path, server: psutil.Process
) -> None:
    async def scenario() -> None:
        async with link(tmp_path, 1) as opened:
            server.send_signal(signal.SIGSTOP)
            await turned_away(opened, OSError)
            server.send_signal(signal.SIGCONT)
            assert await until_answered(opened) is None

    asyncio.run(scenario())


def test_a_greeting_that_is_refused_says_why(tmp_path: Path, server: psutil.Process) -> None:  # noqa: ARG001
    async def scenario() -> None:
        async with link(tmp_path, 99) as opened:
            for _ in range(2):
                with pytest.raises(Exception, match="DB index is out of range"):
                    await opened.call("GET", "key")

    asyncio.run(scenario())


async def turned_away(opened: ValkeyLink, how: type[OSError]) -> None:
    began = time.monotonic()
    calls = (opened.call("GET", "key") for _ in range(CALLERS))
    for answer in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(answer, how), answer
    assert time.monotonic() - began < CALLERS * REPLY_SECONDS / 4, "all together, not one after the other"


async def until_answered(opened: ValkeyLink) -> bytes | None:
    async with asyncio.timeout(10.0):
        while True:
            with suppress(OSError):
                answer: bytes | None = await opened.call("GET", "key")
                return answer
            await asyncio.sleep(PROBE_SECONDS / 10)
