"""Who was on duty and which orders were open, at moments of the past."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection

from domain.driver import events as driver
from domain.order import events as order
from projections.region_history import PROJECTION, Duty, on_duty, open_orders
from tests.projections.history import CANCELLED, DRIVER, NOON, History, joined, placed, whole_order

ORDER, OTHER, THIRD = UUID(int=100), UUID(int=101), UUID(int=102)
HOUR = timedelta(hours=1)


def told(connection: Connection, since: float, until: float, region: str = "porto") -> list[tuple[object, ...]]:
    found = on_duty(connection, region, NOON + timedelta(seconds=since), NOON + timedelta(seconds=until), limit=100)
    return [_short(duty) for duty in found]


def _short(duty: Duty) -> tuple[object, ...]:
    seconds = (duty.since - NOON).total_seconds(), duty.until and (duty.until - NOON).total_seconds()
    return (*seconds, duty.silent, duty.suspended)


@pytest.mark.parametrize("batch", [1, 3, 1_000])
def test_duty_is_told_span_by_span(connection: Connection, history: History, batch: int) -> None:
    gone = driver.WentSilent(last_seen_at=NOON)
    history.tell(DRIVER, joined(), driver.ShiftStarted(), gone, driver.CameBack(), driver.Suspended(reason="theft"))
    history.tell(DRIVER, driver.Reinstated(), driver.ShiftEnded(), driver.ShiftStarted())
    history.fold(connection, PROJECTION, batch=batch)

    assert told(connection, 0, 1_000) == [
        (20, 30, False, False),
        (30, 40, True, False),
        (40, 50, False, False),
        (50, 60, False, True),
        (60, 70, False, False),
        (80, None, False, False),
    ]
    assert told(connection, 30, 35) == [(30, 40, True, False)], "ends and beginnings are not within"
    assert told(connection, 71, 80) == []
    assert told(connection, 0, 1_000, "lisboa") == []


def test_a_clock_that_goes_back_makes_no_span_that_ends_before_it_begins(
    connection: Connection, history: History
) -> None:
    history.tell(DRIVER, joined(), driver.ShiftStarted())
    history.now -= timedelta(seconds=60)
    history.tell(DRIVER, driver.ShiftEnded())
    history.now += timedelta(seconds=90)
    history.tell(DRIVER, driver.ShiftStarted())
    history.fold(connection, PROJECTION)
    assert told(connection, -100, 1_000) == [(70, None, False, False)]


@pytest.mark.parametrize("batch", [1, 1_000])
def test_orders_are_open_from_placement_until_nothing_more_is_done(
    connection: Connection, history: History, batch: int
) -> None:
    history.tell(ORDER, *whole_order())
    history.tell(OTHER, placed(), CANCELLED)
    history.tell(THIRD, placed(), order.Confirmed(prep_seconds=600))
    history.tell(UUID(int=103), placed(region="lisboa"))
    history.fold(connection, PROJECTION, batch=batch)

    def during(since: float, until: float, limit: int = 10) -> list[UUID]:
        moments = NOON + timedelta(seconds=since), NOON + timedelta(seconds=until)
        return open_orders(connection, "porto", *moments, limit=limit)

    assert during(0, 1_000) == [ORDER, OTHER, THIRD]
    assert during(0, 20) == [ORDER]
    assert during(110, 145) == [OTHER], "delivered at 110, the other placed at 140 and cancelled at 150"
    assert during(150, 3_600) == [THIRD]
    assert during(0, 1_000, limit=2) == [ORDER, OTHER], "the oldest first"
