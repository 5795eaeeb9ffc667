"""Dramatiq on Valkey, tuned: a message is a hint that a row is due, the row itself is in PostgreSQL.

Retries, delays, age limits and results are all off; losing a message costs a moment, getting it twice nothing.
"""

from typing import override

import redis
from dramatiq import worker
from dramatiq.brokers.redis import RedisBroker

CONSUMER_PAUSE_SECONDS = 1.0
"""Before a consumer that lost Valkey asks again; Dramatiq's 3.0, which its worker offers to the environment alone."""
WORKER_TIMEOUT_MS = 50
"""How long an idle consumer waits before it asks again; Dramatiq's 1,000 make a lone message wait for 200 ms."""
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
    return int(str(valkey.llen(f"{broker.namespace}:{queue}")))
