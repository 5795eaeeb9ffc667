"""Reading the log, and the feed that shares what was read."""

import threading
from uuid import UUID

import pytest
from sqlalchemy import Connection

from projections import log
from projections.connections import driver
from projections.log import Feed
from tests.projections.history import READER, History, whole_order

ORDER = UUID(int=100)


@pytest.fixture
def told(history: History) -> History:
    """Thirteen events."""
    history.tell(ORDER, *whole_order())
    return history


def test_what_is_read_is_what_was_told(connection: Connection, told: History) -> None:
    told.store(connection)
    assert READER.read(driver(connection), 0, 100) == told.events
    assert READER.read(driver(connection), 4, 3) == told.events[4:7]
    assert READER.read(driver(connection), 13, 100) == []


def test_reading_ends_before_an_event_that_nobody_understands(connection: Connection, told: History) -> None:
    told.store(connection)
    with connection.begin():
        connection.exec_driver_sql(
            "INSERT INTO events (position, originator_id, originator_version, topic, state, event_id, recorded_at, "
            "actor_type, hash) VALUES (14, %s, 14, 'order.completed', '{', gen_random_uuid(), now(), 'system', '')",
            (ORDER,),
        )
    assert len(READER.read(driver(connection), 10, 100)) == 3
    with pytest.raises(log.Unreadable, match="after position 13") as caught:
        READER.read(driver(connection), 13, 100)
    assert caught.value.position == 13


def test_the_rest_of_a_run_of_events(told: History) -> None:
    assert log.since(told.events, 0) is told.events
    assert [each.position for each in log.since(told.events, 11)] == [12, 13]
    assert list(log.since(told.events, 13)) == []
    assert list(log.since([], 3)) == []


def test_the_feed_hands_out_what_it_holds(told: History) -> None:
    feed = Feed(2)
    assert feed.after(2, 10) == []
    feed.publish(told.events[2:5])
    feed.publish(told.events[5:9])
    assert feed.end == 9
    assert feed.after(1, 10) is None, "from before the feed began"
    assert feed.after(2, 100) == told.events[2:9]
    assert feed.after(4, 2) == told.events[4:6]
    assert feed.after(9, 10) == []


def test_the_feed_forgets_the_oldest(told: History) -> None:
    feed = Feed(0, capacity=3)
    for event in told.events:
        feed.publish([event])
    assert feed.after(0, 100) is None
    assert feed.after(10, 100) == told.events[10:]


def test_at_an_unreadable_event_everybody_reads_for_himself(told: History) -> None:
    feed = Feed(0)
    feed.publish(told.events[:5])
    feed.block()
    assert feed.after(3, 10) == told.events[3:5]
    assert feed.after(5, 10) is None
    feed.publish(told.events[5:])
    assert feed.after(5, 10) == told.events[5:]


def test_waiting_ends_with_news_and_with_the_end(told: History) -> None:
    feed = Feed(0)
    woken = threading.Thread(target=feed.wait, args=(0, 30.0))
    woken.start()
    feed.publish(told.events[:1])
    woken.join(5)
    assert not woken.is_alive()
    closing = threading.Thread(target=feed.wait, args=(1, 30.0))
    closing.start()
    feed.close()
    closing.join(5)
    assert not closing.is_alive()
