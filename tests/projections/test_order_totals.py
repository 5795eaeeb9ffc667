"""Totals: orders by status reached and by status now, offers by their end."""

from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from domain.order import events as order
from projections.order_totals import PROJECTION, totals
from tests.projections.history import CANCELLED, DRIVER, OFFER, History, assigned, offered, placed, whole_order


@pytest.mark.parametrize("batch", [1, 4, 1_000])
def test_orders_are_counted_where_they_are_and_have_been(connection: Connection, history: History, batch: int) -> None:
    for number in range(3):
        history.tell(UUID(int=number), *whole_order())
    history.tell(UUID(int=3), *whole_order()[:7])
    history.tell(UUID(int=4), placed(), CANCELLED)
    history.tell(UUID(int=5), *whole_order()[:11])
    history.fold(connection, PROJECTION, batch=batch)
    counted = totals(connection)
    assert counted.reached == {
        "placed": 6,
        "confirmed": 5,
        "preparing": 5,
        "ready_for_pickup": 4,
        "picked_up": 4,
        "delivered": 4,
        "completed": 3,
        "cancelled": 1,
    }
    assert {status: count for status, count in counted.active.items() if count} == {"preparing": 1, "delivered": 1}
    assert counted.by_status == {"preparing": 1, "delivered": 1, "completed": 3, "cancelled": 1}


def test_offers_are_counted_by_their_end(connection: Connection, history: History) -> None:
    ends = (
        order.OfferDeclined(offer_id=OFFER, driver_id=DRIVER),
        order.OfferExpired(offer_id=OFFER, driver_id=DRIVER),
        order.OfferWithdrawn(offer_id=OFFER, driver_id=DRIVER, reason="silent"),
        assigned(),
    )
    for number, end in enumerate(ends):
        history.tell(UUID(int=number), placed(), offered(), end)
    history.fold(connection, PROJECTION)
    offers = totals(connection).offers
    assert (offers.made, offers.accepted, offers.declined, offers.expired, offers.withdrawn) == (4, 1, 1, 1, 1)


def test_second_orders_are_counted_when_accepted_with_what_they_save(connection: Connection, history: History) -> None:
    saving = order.Batched(stops=(), delay_seconds=0.0, efficiency=0.9, saved_m=1_200.4, saved_seconds=300.0)
    history.tell(UUID(int=1), placed(), replace(offered(), batch=saving), replace(assigned(), batch=saving))
    history.tell(UUID(int=2), placed(), replace(offered(), batch=saving), assigned())
    history.tell(UUID(int=3), placed(), replace(offered(), batch=saving), replace(assigned(), batch=saving))
    history.fold(connection, PROJECTION)
    batched = totals(connection).batched
    assert (batched.orders, batched.saved_m, batched.saved_seconds) == (2, 2_400, 600), "one went alone by then"


def test_nothing_yet_is_nothing(connection: Connection) -> None:
    counted = totals(connection)
    assert (counted.reached, counted.active, counted.by_status, counted.offers.made) == ({}, {}, {}, 0)
