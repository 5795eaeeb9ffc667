"""The driver board: shift, load, experience and answers, by events."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection

from domain.driver import events as driver
from domain.event import Event
from domain.order import events as order
from projections import driver_board
from projections.driver_board import PROJECTION, DriverOnBoard
from tests.projections.history import DRIVER, NOON, OFFER, History, assigned, joined, offered, placed

ORDER, OTHER = UUID(int=100), UUID(int=101)


def board(connection: Connection, history: History, *events: Event, batch: int = 1_000) -> DriverOnBoard:
    history.tell(DRIVER, *events)
    history.fold(connection, PROJECTION, batch=batch)
    found = driver_board.get(connection, DRIVER, day_start=NOON)
    assert found is not None
    return found


def finished(order_id: UUID) -> driver.DeliveryFinished:
    return driver.DeliveryFinished(order_id=order_id, currency="EUR", fee_minor=200, tip_minor=0)


def test_a_new_driver_stands_by(connection: Connection, history: History) -> None:
    row = board(connection, history, joined())
    assert (row.name, row.region, row.vehicle, row.capacity, row.earnings_goal) == (
        "Rui Costa",
        "porto",
        "bicycle",
        2,
        20,
    )
    assert (row.on_shift, row.silent, row.suspended, row.load, row.deliveries) == (False, False, False, 0, 0)
    assert (row.rating, row.acceptance_rate, row.version) == (5.0, 1.0, 1)


@pytest.mark.parametrize("batch", [1, 2, 1_000])
def test_load_and_deliveries_are_counted(connection: Connection, history: History, batch: int) -> None:
    row = board(
        connection,
        history,
        joined(),
        driver.ShiftStarted(),
        driver.DeliveryTaken(order_id=ORDER),
        driver.DeliveryTaken(order_id=OTHER),
        driver.DeliveryReleased(order_id=OTHER, reason="silent"),
        driver.DeliveryTaken(order_id=OTHER),
        finished(ORDER),
        batch=batch,
    )
    assert (row.load, row.deliveries, row.deliveries_today, row.on_shift, row.version) == (1, 1, 1, True, 7)


def test_today_begins_when_the_region_says(connection: Connection, history: History) -> None:
    board(connection, history, joined(), finished(ORDER), finished(OTHER))
    midnight = NOON + timedelta(seconds=30)
    row = driver_board.get(connection, DRIVER, day_start=midnight)
    assert row is not None
    assert (row.deliveries, row.deliveries_today) == (2, 1)


def test_silence_and_suspension_come_and_go(connection: Connection, history: History) -> None:
    gone = driver.WentSilent(last_seen_at=NOON)
    row = board(connection, history, joined(), driver.ShiftStarted(), gone, driver.Suspended(reason="theft"))
    assert (row.on_shift, row.silent, row.suspended) == (True, True, True)
    row = board(connection, history, driver.CameBack(), driver.Reinstated())
    assert (row.on_shift, row.silent, row.suspended) == (True, False, False)
    row = board(connection, history, gone, driver.ShiftEnded())
    assert (row.on_shift, row.silent) == (False, False)


def test_answers_to_offers_make_the_acceptance_rate(connection: Connection, history: History) -> None:
    history.tell(DRIVER, joined())
    history.tell(
        ORDER, placed(), offered(), order.OfferDeclined(offer_id=OFFER, driver_id=DRIVER), offered(), assigned()
    )
    history.tell(OTHER, placed(), offered(), order.OfferExpired(offer_id=OFFER, driver_id=DRIVER), offered())
    row = board(connection, history, batch=3)
    assert (row.offers_made, row.offers_accepted, row.offers_declined, row.offers_expired) == (4, 1, 1, 1)
    assert row.acceptance_rate == pytest.approx(1 / 3)


def test_stars_make_the_rating(connection: Connection, history: History) -> None:
    given = [driver.Rated(order_id=UUID(int=stars), stars=stars) for stars in (1, 2, 3)]
    row = board(connection, history, joined(), *given, batch=2)
    assert (row.stars, row.ratings, row.rating) == (6, 3, (5 * 5 + 6) / 8)


def test_a_region_shows_its_drivers_on_shift(connection: Connection, history: History) -> None:
    for number, region in enumerate(("porto", "porto", "lisboa")):
        history.tell(UUID(int=number), joined(region=region), driver.ShiftStarted())
    history.tell(UUID(int=1), driver.ShiftEnded())
    history.tell(UUID(int=0), driver.WentSilent(last_seen_at=NOON))
    history.fold(connection, PROJECTION)
    here = driver_board.in_region(connection, "porto", day_start=NOON)
    everyone = driver_board.in_region(connection, "porto", day_start=NOON, on_shift_only=False)
    assert ([row.driver_id.int for row in here], len(everyone)) == ([0], 2)
    assert driver_board.regions(connection) == ["lisboa", "porto"]
    assert driver_board.silent(connection) == [UUID(int=0)]
    counted = driver_board.counts(connection)
    assert (counted.registered, counted.on_shift, counted.silent) == (3, 2, 1)
    assert driver_board.get(connection, UUID(int=12345), day_start=NOON) is None
