from typing import Any
from uuid import UUID

import pytest

from domain import driver
from domain.driver import Driver
from domain.errors import InvalidInput
from domain.event import Event
from tests.domain.scenario import NOON, Given, fold, when

FIRST, SECOND, THIRD = UUID(int=0x01), UUID(int=0x02), UUID(int=0x03)
REGISTERED = driver.Registered(
    name="Anna Alves",
    phone="+351 910 000 000",
    region="porto",
    vehicle="bicycle",
    capacity=2,
    earnings_goal=20,
)
OFF: tuple[Event, ...] = (REGISTERED,)
ON = (*OFF, driver.ShiftStarted())
CARRYING = (*ON, driver.DeliveryTaken(order_id=FIRST))
FULL = (*CARRYING, driver.DeliveryTaken(order_id=SECOND))
SILENT = (*ON, driver.WentSilent(last_seen_at=NOON))
SUSPENDED = (*OFF, driver.Suspended(reason="papers"))
SUSPENDED_ON_SHIFT = (*CARRYING, driver.Suspended(reason="papers"))
RELEASED = driver.DeliveryReleased(order_id=FIRST, reason="cancelled")
FINISHED = driver.DeliveryFinished(order_id=FIRST, currency="EUR", fee_minor=244, tip_minor=200)


def given(history: tuple[Event, ...]) -> Given[Driver]:
    return Given(a_driver(history))


def a_driver(history: tuple[Event, ...]) -> Driver:
    return fold(driver.evolve, history)


def facts(**changes: Any) -> dict[str, Any]:
    return {field: getattr(REGISTERED, field) for field in REGISTERED.__struct_fields__} | changes


def test_register() -> None:
    when(driver.register, **facts()).then(REGISTERED)


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", " "), ("capacity", 0), ("capacity", 11), ("earnings_goal", -1), ("earnings_goal", 1_001)],
)
def test_register_refused(field: str, value: object) -> None:
    when(driver.register, **facts(**{field: value})).then_refused(InvalidInput, field=field)


@pytest.mark.parametrize(
    ("field", "value"), [("capacity", 1), ("capacity", 10), ("earnings_goal", 0), ("earnings_goal", 1_000)]
)
def test_register_to_the_limits(field: str, value: int) -> None:
    (registered,) = when(driver.register, **facts(**{field: value})).decide()
    assert getattr(registered, field) == value


def test_a_new_driver_is_off_shift() -> None:
    new = a_driver(OFF)
    assert not new.silent
    assert (new.name, new.region, new.capacity) == ("Anna Alves", "porto", 2)
    assert driver.duty(new) == "off_shift"


def test_start_shift() -> None:
    given(OFF).when(driver.start_shift).then(driver.ShiftStarted())


def test_start_shift_refused_while_suspended() -> None:
    given(SUSPENDED).when(driver.start_shift).then_refused(driver.DriverSuspended, status="suspended")


def test_start_shift_quiet() -> None:
    given(ON).when(driver.start_shift).then_quiet()


def test_end_shift() -> None:
    given((*CARRYING, FINISHED)).when(driver.end_shift).then(driver.ShiftEnded())


def test_end_shift_refused_while_carrying() -> None:
    given(CARRYING).when(driver.end_shift).then_refused(driver.CarryingOrders, status="on_shift")


def test_end_shift_quiet() -> None:
    given(OFF).when(driver.end_shift).then_quiet()


def test_take_delivery() -> None:
    given(ON).when(driver.take_delivery, order_id=FIRST, most_orders=2).then(driver.DeliveryTaken(order_id=FIRST))


def test_take_delivery_brings_a_silent_driver_back() -> None:
    given(SILENT).when(driver.take_delivery, order_id=FIRST, most_orders=2).then(
        driver.CameBack(), driver.DeliveryTaken(order_id=FIRST)
    )


def test_take_delivery_refused() -> None:
    given(FULL).when(driver.take_delivery, order_id=THIRD, most_orders=2).then_refused(
        driver.AtCapacity, status="on_shift"
    )
    given(OFF).when(driver.take_delivery, order_id=FIRST, most_orders=2).then_refused(
        driver.NotOnShift, status="off_shift"
    )
    given(SUSPENDED_ON_SHIFT).when(driver.take_delivery, order_id=SECOND, most_orders=2).then_refused(
        driver.DriverSuspended, status="suspended"
    )


def test_take_delivery_refused_beyond_what_the_region_allows() -> None:
    given(CARRYING).when(driver.take_delivery, order_id=THIRD, most_orders=1).then_refused(
        driver.AtCapacity, status="on_shift"
    )


def test_rate() -> None:
    given(OFF).when(driver.rate, order_id=FIRST, stars=3).then(driver.Rated(order_id=FIRST, stars=3))


def test_take_delivery_quiet() -> None:
    given(FULL).when(driver.take_delivery, order_id=FIRST, most_orders=2).then_quiet()


def test_release_delivery() -> None:
    given(CARRYING).when(driver.release_delivery, order_id=FIRST, reason="cancelled").then(RELEASED)


@pytest.mark.parametrize("history", [ON, (*CARRYING, RELEASED), (*CARRYING, FINISHED)])
def test_release_delivery_quiet(history: tuple[Event, ...]) -> None:
    given(history).when(driver.release_delivery, order_id=FIRST, reason="cancelled").then_quiet()


@pytest.mark.parametrize("history", [CARRYING, SUSPENDED_ON_SHIFT])
def test_finish_delivery(history: tuple[Event, ...]) -> None:
    given(history).when(driver.finish_delivery, order_id=FIRST, currency="EUR", fee_minor=244, tip_minor=200).then(
        FINISHED
    )


@pytest.mark.parametrize("history", [ON, (*CARRYING, FINISHED), (*CARRYING, RELEASED)])
def test_finish_delivery_quiet_so_that_nothing_is_paid_twice(history: tuple[Event, ...]) -> None:
    given(history).when(
        driver.finish_delivery, order_id=FIRST, currency="EUR", fee_minor=244, tip_minor=200
    ).then_quiet()


@pytest.mark.parametrize("end", [RELEASED, FINISHED])
def test_a_delivery_given_up_or_finished_makes_room(end: Event) -> None:
    assert a_driver((*FULL, end)).deliveries == (SECOND,)


def test_go_silent() -> None:
    given(ON).when(driver.go_silent, last_seen_at=NOON).then(driver.WentSilent(last_seen_at=NOON))


def test_a_silent_driver_was_last_seen_before_the_silence() -> None:
    silent = (*ON, driver.WentSilent(last_seen_at=NOON))
    assert (a_driver(silent).silent, a_driver(silent).silent_since) == (True, NOON)
    for end in (driver.CameBack(), driver.ShiftEnded()):
        assert not a_driver((*silent, end)).silent


@pytest.mark.parametrize("history", [SILENT, OFF])
def test_go_silent_quiet(history: tuple[Event, ...]) -> None:
    given(history).when(driver.go_silent, last_seen_at=NOON).then_quiet()


def test_come_back() -> None:
    given(SILENT).when(driver.come_back).then(driver.CameBack())


@pytest.mark.parametrize("history", [ON, (*SILENT, driver.ShiftEnded()), (*SILENT, driver.CameBack())])
def test_come_back_quiet(history: tuple[Event, ...]) -> None:
    given(history).when(driver.come_back).then_quiet()


def test_suspend() -> None:
    given(CARRYING).when(driver.suspend, reason="papers").then(driver.Suspended(reason="papers"))


def test_suspend_quiet() -> None:
    given(SUSPENDED).when(driver.suspend, reason="papers").then_quiet()


def test_reinstate() -> None:
    given(SUSPENDED).when(driver.reinstate).then(driver.Reinstated())
    assert driver.duty(a_driver((*SUSPENDED, driver.Reinstated()))) == "off_shift"


def test_reinstate_quiet() -> None:
    given(ON).when(driver.reinstate).then_quiet()


def test_a_stream_begins_with_its_registration_and_holds_its_own_events() -> None:
    with pytest.raises(TypeError, match="cannot begin with"):
        a_driver((driver.ShiftStarted(),))
    with pytest.raises(TypeError, match="no event"):
        a_driver((*ON, REGISTERED))
