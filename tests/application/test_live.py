"""The hub of live streams, on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
import redis

from application.engines import valkey as server
from application.ids import new_id
from application.live import MOST_WAITING, Ending, LiveHub, LiveMessage, PositionMessage, Resync
from domain.region import PORTO
from projections.live import RESYNC, OrderMessage
from projections.valkey import keys
from projections.valkey.functions import stamp
from projections.valkey.keys import RegionKeys
from tests.projections.history import NOON, RESTAURANT

BOUND_SECONDS = 5.0


class World:
    """A hub, and somebody who publishes."""

    def __init__(self, hub: LiveHub, url: str, prefix: str) -> None:
        self.hub = hub
        self.prefix = prefix
        self.valkey = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)

    def tell(self, order_id: UUID, version: int) -> None:
        self.valkey.publish(self.hub.order(order_id), msgspec.json.encode(message(order_id, version)))

    def move(self, driver_id: UUID, *latitudes: float) -> None:
        lines = "\n".join(f"{driver_id} {lat} -8.6 {stamp(NOON)}" for lat in latitudes)
        self.valkey.publish(RegionKeys(self.prefix, PORTO.id).positions_channel, lines)


def message(order_id: UUID, version: int) -> OrderMessage:
    return OrderMessage(
        position=version,
        order_id=order_id,
        version=version,
        topic="order.confirmed",
        occurred_at=NOON,
        status="confirmed",
        dispatch="idle",
        restaurant_id=RESTAURANT,
        driver_id=None,
        driver_name=None,
        data={"prep_seconds": 60},
    )


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[World]:
    prefix = f"t{new_id().hex}:"
    async with LiveHub(url, prefix) as hub:
        world = World(hub, url, prefix)
        yield world
        world.valkey.close()


def live(scenario: Callable[[World], Awaitable[None]], url: str) -> None:
    async def run() -> None:
        async with asyncio.timeout(30), opened(url) as world:
            await scenario(world)

    asyncio.run(run())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND_SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for is on the server
            await asyncio.sleep(0.01)


def test_a_reader_gets_what_is_told_after_it_subscribed(valkey_url: str) -> None:
    async def scenario(world: World) -> None:
        order_id, other = new_id(), new_id()
        async with world.hub.subscribe(world.hub.order(order_id)) as reader:
            world.tell(order_id, 1)
            world.tell(other, 1)
            world.tell(order_id, 2)
            assert [await reader.get(BOUND_SECONDS) for _ in range(2)] == [message(order_id, 1), message(order_id, 2)]
            assert await reader.get(0.05) is None

    live(scenario, valkey_url)


def test_many_readers_share_one_connection_and_leave_no_subscription_behind(valkey_url: str) -> None:
    async def scenario(world: World) -> None:
        order_id = new_id()
        channel = world.hub.order(order_id)
        async with world.hub.subscribe(channel) as first, world.hub.subscribe(channel) as second:
            assert world.valkey.pubsub_numsub(channel) == [(channel.encode(), 1)]
            world.tell(order_id, 1)
            for reader in (first, second):
                assert await reader.get(BOUND_SECONDS) == message(order_id, 1)
        await until(lambda: world.valkey.pubsub_numsub(channel) == [(channel.encode(), 0)])
        async with world.hub.subscribe(channel) as again:
            world.tell(order_id, 2)
            assert await again.get(BOUND_SECONDS) == message(order_id, 2)

    live(scenario, valkey_url)


def test_of_the_watched_driver_only_the_latest_position_waits(valkey_url: str) -> None:
    async def scenario(world: World) -> None:
        watched, other = new_id(), new_id()
        async with world.hub.subscribe(world.hub.order(new_id())) as reader:
            await reader.watch(PORTO.id, watched)
            world.move(other, 41.0)
            world.move(watched, 41.1, 41.2)
            latest = await reader.get(BOUND_SECONDS)
            assert isinstance(latest, PositionMessage)
            assert (latest.driver_id, latest.position.lat, latest.at) == (watched, 41.2, NOON)
            assert await reader.get(0.05) is None
            await reader.watch(PORTO.id, other)
            world.move(watched, 41.3)
            world.move(other, 41.4)
            latest = await reader.get(BOUND_SECONDS)
            assert isinstance(latest, PositionMessage)
            assert latest.driver_id == other
        channel = RegionKeys(world.prefix, PORTO.id).positions_channel
        await until(lambda: world.valkey.pubsub_numsub(channel) == [(channel.encode(), 0)])

    live(scenario, valkey_url)


def test_a_reader_too_slow_is_told_to_fetch_anew(valkey_url: str) -> None:
    async def scenario(world: World) -> None:
        order_id = new_id()
        async with (
            world.hub.subscribe(world.hub.order(order_id)) as slow,
            world.hub.subscribe(world.hub.order(order_id)) as quick,
        ):
            got: list[LiveMessage | None] = []
            for version in range(1, MOST_WAITING + 2):
                world.tell(order_id, version)
                got.append(await quick.get(BOUND_SECONDS))
            assert got[-1] == message(order_id, MOST_WAITING + 1)
            assert await slow.get(BOUND_SECONDS) == Resync()
            assert await slow.get(0.05) is None
            world.tell(order_id, 999)
            assert await slow.get(BOUND_SECONDS) == message(order_id, 999)

    live(scenario, valkey_url)


def test_the_projection_can_tell_all_readers_to_fetch_anew(valkey_url: str) -> None:
    async def scenario(world: World) -> None:
        async with world.hub.subscribe(world.hub.order(new_id())) as reader:
            world.valkey.publish(keys.resync_channel(world.prefix), RESYNC)
            assert await reader.get(BOUND_SECONDS) == Resync()

    live(scenario, valkey_url)


def test_a_message_nobody_can_read_makes_readers_fetch_anew(valkey_url: str) -> None:
    async def scenario(world: World) -> None:
        channel = world.hub.order(new_id())
        async with world.hub.subscribe(channel) as reader:
            world.valkey.publish(channel, b"{}")
            assert await reader.get(BOUND_SECONDS) == Resync()

    live(scenario, valkey_url)


def test_after_the_server_was_away_readers_fetch_anew_and_hear_again(tmp_path: Path) -> None:
    folder = tmp_path / "valkey"

    async def scenario(world: World) -> None:
        order_id = new_id()
        async with world.hub.subscribe(world.hub.order(order_id)) as reader:
            await asyncio.to_thread(server.stop, folder)
            late = new_id()
            async with world.hub.subscribe(world.hub.order(late)) as newcomer:
                await asyncio.to_thread(server.start, folder)
                assert await reader.get(BOUND_SECONDS) == Resync()
                assert await newcomer.get(BOUND_SECONDS) == Resync()
                world.tell(order_id, 7)
                world.tell(late, 8)
                assert await reader.get(BOUND_SECONDS) == message(order_id, 7)
                assert await newcomer.get(BOUND_SECONDS) == message(late, 8)

    url = server.start(folder)
    try:
        live(scenario, url)
    finally:
        server.stop(folder)


def test_a_killed_connection_is_replaced(valkey_url: str) -> None:
    async def scenario(world: World) -> None:
        order_id = new_id()
        async with world.hub.subscribe(world.hub.order(order_id)) as reader:
            channel = world.hub.order(order_id)
            ours = [c["id"] for c in world.valkey.client_list(_type="pubsub") if int(c["sub"]) == 2]
            for client_id in ours:
                world.valkey.client_kill_filter(_id=client_id)
            assert await reader.get(BOUND_SECONDS) == Resync()
            assert world.valkey.pubsub_numsub(channel) == [(channel.encode(), 1)]

    live(scenario, valkey_url)


def test_at_the_end_everybody_is_told_also_who_has_messages_waiting_or_comes_late(valkey_url: str) -> None:
    async def scenario(world: World) -> None:
        order_id = new_id()
        channel = world.hub.order(order_id)
        async with world.hub.subscribe(channel) as behind, world.hub.subscribe(channel) as waits:
            world.tell(order_id, 1)
            assert await waits.get(BOUND_SECONDS) == message(order_id, 1)
            waiting = asyncio.create_task(waits.get(BOUND_SECONDS))
            await asyncio.sleep(0)
            world.hub.end()
            async with world.hub.subscribe(channel) as late:
                for reader in (behind, late):
                    assert await reader.get(BOUND_SECONDS) == Ending()
            assert await waiting == Ending()

    live(scenario, valkey_url)


def test_a_hub_closes_while_the_server_is_away() -> None:
    async def run() -> None:
        async with asyncio.timeout(10), LiveHub("redis://127.0.0.1:1/0", "t:") as hub, hub.subscribe("t:x") as reader:
            assert await reader.get(0.05) is None

    asyncio.run(run())


@pytest.mark.parametrize("region", ["porto"])
def test_who_watches_nobody_gets_no_position(valkey_url: str, region: str) -> None:
    async def scenario(world: World) -> None:
        driver_id = new_id()
        async with world.hub.subscribe(world.hub.order(new_id())) as reader:
            await reader.watch(region, driver_id)
            await reader.watch(region, None)
            world.move(driver_id, 41.0)
            assert await reader.get(0.05) is None

    live(scenario, valkey_url)
