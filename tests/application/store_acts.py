"""What the store's tests append: drivers, the smallest streams there are."""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Thread
from typing import Any
from uuid import UUID

from application.ids import new_id
from application.settings import DatabaseSettings, PoolSettings
from application.store import Answer, Change, EventStore, Idempotency, Receipt
from domain import driver
from domain.event import Event, Meta, Role

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
META = Meta(actor_type=Role.DRIVER, actor_id=UUID(int=7), correlation_id="corrélation-1", causation_id=UUID(int=9))

STARTED = driver.ShiftStarted()
ENDED = driver.ShiftEnded()


def registered(name: str = "Inês") -> driver.Registered:
    return driver.Registered(name=name, phone="+351 900", region="porto", vehicle="bike", capacity=2, earnings_goal=20)


def act(store: EventStore, stream_id: UUID, expected_version: int, *events: Event, **more: Any) -> Receipt:
    """Append to one stream."""
    return store.append(
        [Change(stream_id, expected_version, events)],
        **{
            "answer": Answer(id=stream_id, status="done", version=expected_version + len(events)),
            "meta": META,
            "occurred_at": NOON,
            **more,
        },
    )


def join(store: EventStore, **more: Any) -> UUID:
    """Append a stream of one event."""
    stream_id = new_id()
    act(store, stream_id, 0, registered(), **more)
    return stream_id


def shifts(count: int) -> list[Event]:
    """So many events: on duty, off duty, on duty…"""
    return [ENDED if number % 2 else STARTED for number in range(count)]


def key(name: str = "key-1", payload: bytes = b"payload") -> Idempotency:
    return Idempotency(actor="account-1", operation="start_shift", key=name, payload_hash=payload)


def store_settings(url: str, *, lock_timeout_seconds: float = 5.0, connections: int = 8) -> DatabaseSettings:
    """Patient, so that a busy machine does not make a test of something else fail."""
    return DatabaseSettings(
        url=url,
        store_pool=PoolSettings(max_size=connections, checkout_timeout_seconds=10.0),
        lock_timeout_seconds=lock_timeout_seconds,
    )


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads of their own and give what they answered or raised, in their order."""
    results: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        try:
            results[number] = calls[number]()
        except Exception as error:  # noqa: BLE001 - the tests look at it
            results[number] = error

    threads = [Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a call did not come back within a minute"
    return results
