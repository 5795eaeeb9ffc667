"""Who consumes hints waits until there is one, and room for it, not until the next look."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

import pytest
import redis
from dramatiq.broker import MessageProxy

from application.reactions.actors import hint
from application.reactions.broker import HintBroker, HintConsumer, open_broker, waiting
from tests.waiting import eventually

WAITS_SECONDS = 60
"""Who is not woken comes back after this, which is too late for `soon`."""
SOON_SECONDS = 20.0
ACTOR, QUEUE = "matching.match_order", "matching"


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url, socket_timeout=3 * WAITS_SECONDS, socket_connect_timeout=2) as client:
        yield client


@pytest.fixture
def broker(valkey: redis.Redis, worker_number: int) -> HintBroker:
    opened = open_broker(valkey, prefix=f"test-broker-{worker_number}:")
    opened.declare_queue(QUEUE)
    return opened


@pytest.fixture
def pool(valkey: redis.Redis) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads
        # Whoever a failed test left waiting.
        for client in valkey.client_list():
            valkey.client_unblock(int(client["id"]))


def consumer(broker: HintBroker, *, prefetch: int = 8) -> HintConsumer:
    return cast("HintConsumer", broker.consume(QUEUE, prefetch=prefetch, timeout=WAITS_SECONDS * 1_000))


def blocked(valkey: redis.Redis) -> int:
    return sum(client["cmd"] == "blmove" and "b" in client["flags"] for client in valkey.client_list())


def soon(future: "Future[MessageProxy | None]") -> MessageProxy | None:
    return future.result(SOON_SECONDS)


def test_all_who_wait_are_woken_by_a_message_and_one_gets_it(
    broker: HintBroker, valkey: redis.Redis, pool: ThreadPoolExecutor
) -> None:
    consumers = [consumer(broker), consumer(broker)]
    waits = [pool.submit(next, one) for one in consumers]
    eventually(lambda: blocked(valkey) == 2, what="both wait at the server")
    broker.enqueue(hint(ACTOR, [7]))
    assert [soon(wait) for wait in waits] == [None, None], "the message is left where it was"
    assert waiting(broker, valkey, QUEUE) == 1
    message = next(consumers[1])
    assert message is not None
    assert message.args == ([7],)
    assert waiting(broker, valkey, QUEUE) == 0


@pytest.mark.parametrize("failed", [False, True])
def test_who_has_as_many_as_allowed_gets_the_next_when_one_is_done(
    broker: HintBroker, pool: ThreadPoolExecutor, *, failed: bool
) -> None:
    one = consumer(broker, prefetch=1)
    for position in (1, 2):
        broker.enqueue(hint(ACTOR, [position]))
    first = next(one)
    assert first is not None
    wait = pool.submit(next, one)
    (one.nack if failed else one.ack)(first)
    second = soon(wait) or next(one)
    assert second is not None
    assert second.args == ([2],)


def test_a_message_whose_text_is_gone_is_passed_over(broker: HintBroker, valkey: redis.Redis) -> None:
    for position in (1, 2):
        broker.enqueue(hint(ACTOR, [position]))
    (gone, *_) = valkey.lrange(f"{broker.namespace}:{QUEUE}", 0, 0)
    valkey.hdel(f"{broker.namespace}:{QUEUE}.msgs", gone)
    message = next(consumer(broker))
    assert message is not None
    assert message.args == ([2],)
