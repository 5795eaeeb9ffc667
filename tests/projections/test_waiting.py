"""Waiting for a read model: answered when it is there, after the time-out where it is, and never in the past."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps

from sqlalchemy import Connection

from projections import positions
from projections.connections import driver
from projections.waiting import PositionWaiter

NAMES = ("order_details", "order_lists")


def on_the_loop[**P](test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def move(connection: Connection, names: tuple[str, ...], position: int) -> None:
    with connection.begin():
        positions.move_and_tell(connection, positions.hold(connection, names), position)


@on_the_loop
async def test_positions_from_before_it_listened_are_known(connection: Connection, postgres_url: str) -> None:
    move(connection, NAMES, 7)
    async with PositionWaiter(postgres_url) as waiter:
        assert await waiter.wait(NAMES, 7, timeout_seconds=30) == 7
        assert waiter.position(("order_details", "inbox")) == 0
        assert waiter.position(()) == 0


@on_the_loop
async def test_a_wait_ends_when_the_slowest_has_come(connection: Connection, postgres_url: str) -> None:
    async with PositionWaiter(postgres_url) as waiter:
        move(connection, ("order_details",), 5)
        waiting = asyncio.create_task(waiter.wait(NAMES, 5, timeout_seconds=30))
        assert await waiter.wait(("order_details",), 5, timeout_seconds=30) == 5
        assert not waiting.done()
        move(connection, ("order_lists",), 6)
        assert await waiting == 5
        assert waiter.position(("order_lists",)) == 6


@on_the_loop
async def test_a_wait_in_vain_says_where_it_is(connection: Connection, postgres_url: str) -> None:
    move(connection, NAMES, 3)
    async with PositionWaiter(postgres_url) as waiter:
        await waiter.wait(NAMES, 3, timeout_seconds=30)
        assert await waiter.wait(NAMES, 4, timeout_seconds=0.05) == 3


@on_the_loop
async def test_a_lost_connection_is_made_anew(connection: Connection, postgres_url: str) -> None:
    async with PositionWaiter(postgres_url) as waiter:
        move(connection, NAMES, 3)
        assert await waiter.wait(NAMES, 3, timeout_seconds=30) == 3
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tiffin waiter'"
        with connection.begin():
            driver(connection).execute(cut + " AND datname = current_database()")
        move(connection, NAMES, 4)
        assert await waiter.wait(NAMES, 4, timeout_seconds=30) == 4
