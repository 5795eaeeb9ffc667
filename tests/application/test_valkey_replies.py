"""The connection that a loop's tasks share: what they get when the server does not answer."""

import asyncio
import time
from typing import Any

import hiredis

from application.valkey_link import PROBE_SECONDS, ValkeyLink


class Deaf(asyncio.Protocol):
    """A server that takes commands and answers the first `answers` of them."""

    connections = 0
    answers = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        type(self).connections += 1
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        for _ in range(data.count(b"PING")):
            if type(self).answers:
                type(self).answers -= 1
                self.transport.write(b"+PONG\r\n")


def test_who_gets_no_reply_is_told_in_time_and_the_next_get_a_new_connection() -> None:
    async def scenario() -> None:
        Deaf.connections, Deaf.answers = 0, 2
        server = await asyncio.get_running_loop().create_server(Deaf, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, ValkeyLink(f"redis://127.0.0.1:{port}/0", reply_timeout_seconds=0.2) as link:
            pongs: Any = await asyncio.gather(link.call("PING"), link.call("PING"))
            assert pongs == [b"PONG", b"PONG"]
            # The alarm set for those two finds nothing to do, and is set again for these.
            await asyncio.sleep(0.3)
            began = time.monotonic()
            outcomes: Any = await asyncio.gather(link.call("PING"), link.call("PING"), return_exceptions=True)
            assert all(isinstance(outcome, TimeoutError) for outcome in outcomes)
            assert time.monotonic() - began >= 0.2
            Deaf.answers = 1
            await asyncio.sleep(PROBE_SECONDS)
            assert await link.call("PING") == b"PONG"
            assert Deaf.connections == 2

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_a_caller_who_leaves_does_not_disturb_the_order_of_replies(valkey_url: str) -> None:
    async def scenario() -> None:
        async with ValkeyLink(valkey_url) as link:
            await link.call("PING")
            leaving = asyncio.create_task(link.call("ECHO", "mine"))
            await asyncio.sleep(0)
            leaving.cancel()
            echoes: Any = await asyncio.gather(link.call("ECHO", "a"), link.call("ECHO", "b"))
            assert echoes == [b"a", b"b"]

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_an_error_of_the_server_is_its_callers_alone(valkey_url: str) -> None:
    async def scenario() -> None:
        async with ValkeyLink(valkey_url) as link:
            outcomes: Any = await asyncio.gather(link.call("NONSENSE"), link.call("PING"), return_exceptions=True)
            assert isinstance(outcomes[0], hiredis.ReplyError)
            assert outcomes[1] == b"PONG"

    asyncio.run(asyncio.wait_for(scenario(), 20))
