"""The client against a small server: repeats carry the same key, refusals are told, streams are read."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from simulation.client import Api, Message, Refused, Unreachable

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def serving(handler: Handler, client: Callable[[Api], Awaitable[Any]]) -> Any:
    """Run the client against a server with that one handler."""

    async def run() -> Any:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        async with TestServer(app) as server, Api(str(server.make_url("/"))) as api:
            return await client(api)

    return asyncio.run(run())


def test_a_busy_server_is_asked_again_with_the_same_key() -> None:
    keys = []

    async def handler(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) < 3:
            return web.Response(status=503)
        return web.json_response({"id": "x"}, headers={"Tiffin-Position": "42"})

    reply = serving(handler, lambda api: api.call("POST", "/v1/orders", token="t", body={"a": 1}))
    assert (reply.body, reply.position) == ({"id": "x"}, 42)
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_two_calls_have_two_keys() -> None:
    keys = []

    async def handler(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        return web.json_response({})

    async def client(api: Api) -> None:
        await api.call("POST", "/a")
        await api.call("POST", "/a")

    serving(handler, client)
    assert len(set(keys)) == 2


def test_a_refusal_carries_its_problem() -> None:
    async def handler(_: web.Request) -> web.Response:
        problem = {"title": "Conflict", "detail": "It is over.", "current_status": "cancelled"}
        return web.json_response(problem, status=409, content_type="application/problem+json")

    with pytest.raises(Refused, match="It is over") as caught:
        serving(handler, lambda api: api.call("POST", "/v1/orders/1/confirmation"))
    assert (caught.value.status, caught.value.current_status) == (409, "cancelled")


def test_a_server_that_is_not_there_is_given_up_in_the_end() -> None:
    async def client() -> None:
        async with Api("http://127.0.0.1:1") as api:
            await api.call("GET", "/", attempts=3)

    with pytest.raises(Unreachable, match="after 3 attempts"):
        asyncio.run(client())


def test_a_stream_is_read_until_it_ends() -> None:
    async def handler(_: web.Request) -> web.Response:
        text = (
            'event: snapshot\nid: 3\ndata: {"a":\ndata: 1}\n\n: heart-beat\n\nevent: order\r\nid: 4\r\ndata: []\r\n\r\n'
        )
        return web.Response(text=text, content_type="text/event-stream")

    async def client(api: Api) -> list[Message]:
        return [message async for message in api.stream("/v1/driver/stream", token="t")]

    assert serving(handler, client) == [Message("snapshot", "3", {"a": 1}), Message("order", "4", [])]


def test_a_stream_refused_is_told() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"title": "Unauthorized"}, status=401)

    async def client(api: Api) -> list[Message]:
        return [message async for message in api.stream("/v1/driver/stream", token="t")]

    with pytest.raises(Refused, match="401 Unauthorized"):
        serving(handler, client)
