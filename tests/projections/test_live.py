"""What is told of orders, to whom, and that nothing old or personal is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import redis
from sqlalchemy import Connection

from application.ids import new_id
from domain.driver import events as driver
from domain.event import REGISTRY
from domain.order import events as order
from projections import live, order_details
from projections.live import RESYNC, SHOWN, Live, OrderMessage
from projections.positions import POSITIONS
from projections.valkey import keys
from tests.projections.history import (
    CANCELLED,
    DRIVER,
    NOON,
    RESTAURANT,
    History,
    assigned,
    offered,
    placed,
    whole_order,
)  # fmt: skip


class Stage:
    """The follower, and somebody who hears every channel of its world."""

    def __init__(self, valkey: redis.Redis, connection: Connection, history: History, prefix: str) -> None:
        self.valkey = valkey
        self.connection = connection
        self.history = history
        self.prefix = prefix
        self.follower = Live(valkey, prefix=prefix)
        self.ear = valkey.pubsub()  # type: ignore[no-untyped-call]
        self.ear.psubscribe(f"{prefix}live:*")
        self.ear.get_message(timeout=2)

    def follow(self) -> int:
        while (at := self.follower.position(self.connection)) < self.history.position:
            self.follower.apply(self.history.events[at:])
        return at

    def store(self) -> None:
        self.history.store(self.connection)
        self.connection.commit()

    def fold_tables(self) -> None:
        projection = order_details.PROJECTION
        self.history.fold(self.connection, projection)
        self.connection.execute(
            POSITIONS.update().where(POSITIONS.c.name == projection.name).values(position=self.history.position)
        )
        self.connection.commit()

    def heard(self) -> list[tuple[str, bytes]]:
        """Channels and messages so far."""
        self.valkey.publish(f"{self.prefix}live:end", b"")
        found: list[tuple[str, bytes]] = []
        while (message := self.ear.get_message(timeout=2)) is not None:
            channel = message["channel"].decode()
            if channel.endswith("live:end"):
                return found
            found.append((channel, message["data"]))
        pytest.fail("the end was not heard")

    def told(self, channel: str) -> list[OrderMessage]:
        return [msgspec.json.decode(data, type=OrderMessage) for where, data in self.heard() if where == channel]


@pytest.fixture
def stage(valkey_url: str, connection: Connection, history: History) -> Iterator[Stage]:
    with redis.Redis.from_url(valkey_url, socket_timeout=5, socket_connect_timeout=2) as valkey:
        stage = Stage(valkey, connection, history, f"t{new_id().hex}:")
        stage.follow()
        stage.heard()
        yield stage
        stage.ear.close()


def test_every_step_is_told_to_the_order_in_order(stage: Stage) -> None:
    order_id = new_id()
    stage.history.tell(order_id, *whole_order())
    stage.follow()
    told = stage.told(keys.order_channel(stage.prefix, order_id))
    assert [message.version for message in told] == list(range(1, 14))
    assert [message.topic for message in told] == [logged.topic for logged in stage.history.events]
    assert [
        (m.status, m.dispatch, m.driver_name) for m in told if m.topic in {"order.driver_offered", "order.picked_up"}
    ] == [
        ("confirmed", "offered", None),
        ("picked_up", "on_the_way", "Rui"),
    ]
    assert {(message.restaurant_id, message.occurred_at >= NOON) for message in told} == {(RESTAURANT, True)}
    assert told[-1].status == "completed"


def test_messages_are_the_same_however_the_log_is_cut(stage: Stage) -> None:
    order_id = new_id()
    stage.history.tell(order_id, *whole_order())
    for logged in stage.history.events:
        stage.follower.apply([logged])
    one_by_one = stage.told(keys.order_channel(stage.prefix, order_id))
    assert [(m.status, m.dispatch) for m in one_by_one][-1] == ("completed", "done")
    assert len(one_by_one) == 13


def test_the_restaurant_and_the_concerned_driver_are_told_too(stage: Stage) -> None:
    order_id, other = new_id(), new_id()
    stage.history.tell(
        order_id,
        placed(),
        offered(other),
        order.OfferDeclined(offer_id=UUID(int=500), driver_id=other),
        offered(DRIVER),
        assigned(DRIVER),
        CANCELLED,
    )
    stage.follow()
    heard = stage.heard()
    topics: dict[str, list[str]] = {}
    for channel, data in heard:
        topics.setdefault(channel, []).append(msgspec.json.decode(data)["topic"])
    assert len(topics[keys.restaurant_channel(stage.prefix, RESTAURANT)]) == 6
    assert topics[keys.driver_channel(stage.prefix, other)] == ["order.driver_offered", "order.offer_declined"]
    assert topics[keys.driver_channel(stage.prefix, DRIVER)] == [
        "order.driver_offered",
        "order.driver_assigned",
        "order.cancelled",
    ]


def test_an_unassigned_driver_is_told_and_then_no_more(stage: Stage) -> None:
    order_id = new_id()
    stage.history.tell(order_id, placed(), offered(), assigned())
    stage.history.tell(
        order_id, order.DriverUnassigned(driver_id=DRIVER, reason="silent"), order.Confirmed(prep_seconds=60)
    )
    stage.follow()
    told = stage.told(keys.driver_channel(stage.prefix, DRIVER))
    assert told[-1].topic == "order.driver_unassigned"
    assert told[-1].driver_id is None


def test_events_of_drivers_are_not_told(stage: Stage) -> None:
    stage.history.tell(new_id(), driver.ShiftStarted())
    assert stage.follow() == stage.history.position
    assert stage.heard() == []


def test_a_batch_applied_twice_is_told_once(stage: Stage) -> None:
    stage.history.tell(new_id(), *whole_order())
    stage.follow()
    stage.heard()
    stage.follower.apply(stage.history.events)
    assert stage.heard() == []


def test_after_a_flush_nothing_old_is_told_but_to_fetch_anew(stage: Stage) -> None:
    order_id, over = new_id(), new_id()
    stage.history.tell(order_id, placed(), offered(), assigned())
    stage.history.tell(over, *whole_order())
    stage.fold_tables()
    stage.follow()
    stage.history.tell(order_id, order.Confirmed(prep_seconds=60))
    stage.store()
    stage.heard()
    stage.valkey.flushdb()
    stage.follow()
    assert stage.heard() == [(keys.resync_channel(stage.prefix), RESYNC)]
    stage.history.tell(order_id, order.DriverArrived(driver_id=DRIVER))
    stage.follow()
    [message] = stage.told(keys.order_channel(stage.prefix, order_id))
    assert (message.status, message.dispatch, message.driver_name) == ("confirmed", "at_restaurant", "Rui")


def test_orders_that_are_over_are_not_kept(stage: Stage) -> None:
    for _ in range(3):
        stage.history.tell(new_id(), *whole_order())
    stage.history.tell(new_id(), placed(), CANCELLED, order.PaymentVoided(payment_id="pay-1"))
    stage.follow()
    assert stage.valkey.hlen(keys.live_tracks(stage.prefix)) == 0
    stage.fold_tables()
    _, tracks = live.read_tracks(stage.connection)
    assert tracks == {}


def test_nothing_personal_is_told(stage: Stage) -> None:
    """Of each event only fields that are not marked; of the driver the first name."""
    for event, names in SHOWN.items():
        types = {field.name: field.type for field in msgspec.inspect.type_info(event).fields}  # type: ignore[attr-defined]
        for name in names:
            extra = getattr(types[name], "extra", None) or {}
            assert not extra.get("personal"), f"{event.TOPIC} {name}"
    stage.history.tell(new_id(), *whole_order())
    stage.follow()
    everything = b"".join(data for _, data in stage.heard())
    for secret in (b"Ana", b"Sousa", b"Costa", b"Rua 1", b"bell", b"hot"):
        assert secret not in everything


def test_every_event_of_an_order_can_be_told(stage: Stage) -> None:
    told: set[Any] = set(SHOWN)
    assert told <= set(REGISTRY.values())
    revised = order.EtaRevised(
        eta_at=NOON + timedelta(minutes=9),
        confidence=0.8,
        breakdown=order.EtaBreakdown(
            to_restaurant_seconds=1, preparation_seconds=2, to_customer_seconds=3, pickup_buffer_seconds=4,
            dropoff_buffer_seconds=5, traffic_multiplier=1.0, total_seconds=14,
        ),
    )  # fmt: skip
    order_id = new_id()
    stage.history.tell(order_id, placed(), revised)
    stage.follow()
    [_, message] = stage.told(keys.order_channel(stage.prefix, order_id))
    assert message.data["eta_at"] == "2026-03-02T12:09:00Z"
    assert message.data["breakdown"]["total_seconds"] == 14
