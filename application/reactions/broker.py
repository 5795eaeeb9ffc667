"""Dramatiq on Valkey, tuned: a message is a hint that a row is due, the row itself is in PostgreSQL.

Retries, delays, age limits and results are all off; losing a message costs a moment, getting it twice nothing. Nobody
polls: the server wakes a consumer when there is a message, a thread that has done one when there is room for another.
"""

import threading
from typing import cast, override

import redis
from dramatiq import Message, worker
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed

CONSUMER_PAUSE_SECONDS = 1.0
"""Before a consumer that lost Valkey asks again; Dramatiq's 3.0, which its worker offers to the environment alone."""
WORKER_TIMEOUT_MS = 250
"""How soon who waits notices that it is to stop, or that a worker died with messages in hand."""
ALWAYS = 1_000_000
"""Out of a million: every fetch looks for workers that died with messages in hand."""
HEARTBEAT_TIMEOUT_MS = 10_000
DEAD_MESSAGE_MS = 60_000
"""A message that failed is of no more use; its row is told again."""


class HintBroker(RedisBroker):
    """Dramatiq's broker without the second consumer that each queue gets for delayed messages."""

    @override
    def declare_queue(self, queue_name: str) -> None:
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    @override
    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5_000) -> Consumer:
        return HintConsumer(self, queue_name, prefetch, timeout)


class HintConsumer(_RedisConsumer):
    """Waits for a message, where Dramatiq's own sleeps between two looks whatever arrives meanwhile."""

    def __init__(self, broker: HintBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        """At most `prefetch` messages are in hand; whoever waits comes back after `timeout` milliseconds."""
        super().__init__(broker, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]
        self._client = broker.client
        self._list = list_of(broker, queue_name)
        self._wait_seconds = timeout / 1_000
        self._room = threading.Event()

    @override
    def __next__(self) -> MessageProxy | None:
        """The next message, or None: come again."""
        try:
            if not self.message_cache:
                self.message_cache = self._fetch()
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        if not self.message_cache:
            return None
        message = Message.decode(self.message_cache.pop(0))
        self.queued_message_ids.add(message.message_id)
        return MessageProxy(message)

    @override
    def ack(self, message: MessageProxy) -> None:
        try:
            super().ack(message)  # type: ignore[no-untyped-call]
        finally:
            self._room.set()

    @override
    def nack(self, message: MessageProxy) -> None:
        try:
            super().nack(message)  # type: ignore[no-untyped-call]
        finally:
            self._room.set()

    def _fetch(self) -> list[bytes]:
        """As many as there is room for. Where there is none, or no message, wait; the next call finds out."""
        self._room.clear()
        room = self.prefetch - self.outstanding_message_count
        if room <= 0:
            self._room.wait(self._wait_seconds)
            return []
        found = cast("list[bytes | None]", self.broker.do_fetch(self.queue_name, room))
        if not found:
            # From a list's head to its head: the server answers as soon as there is a message, and leaves it there.
            wait_seconds = cast("int", self._wait_seconds)  # Fractions count as well.
            self._client.blmove(self._list, self._list, wait_seconds, "LEFT", "LEFT")
        return [message for message in found if message is not None]


def open_broker(valkey: redis.Redis, *, prefix: str) -> HintBroker:
    """Make a broker over a client that has time-outs. `prefix` keeps worlds apart that share a server."""
    worker.CONSUMER_RESTART_DELAY_SECS = CONSUMER_PAUSE_SECONDS
    return HintBroker(  # type: ignore[no-untyped-call]
        client=valkey,
        namespace=f"{prefix}dramatiq",
        middleware=[],
        maintenance_chance=ALWAYS,
        heartbeat_timeout=HEARTBEAT_TIMEOUT_MS,
        dead_message_ttl=DEAD_MESSAGE_MS,
    )


def waiting(broker: HintBroker, valkey: redis.Redis, queue: str) -> int:
    """How many messages of a queue no worker has fetched."""
    return int(str(valkey.llen(list_of(broker, queue))))


def list_of(broker: HintBroker, queue: str) -> str:
    """Where a queue's messages wait."""
    return f"{broker.namespace}:{queue}"
