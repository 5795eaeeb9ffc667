"""Order details: given events, one row that shows the order now, to those it belongs to."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection

from domain.event import Event
from domain.order import events as order
from domain.order.state import DispatchStatus, PaymentStatus, Status
from projections import order_details
from projections.order_details import PROJECTION, OrderDetails
from tests.projections.history import (
    CANCELLED,
    CUSTOMER,
    DRIVER,
    NOON,
    RESTAURANT,
    History,
    assigned,
    authorized,
    offered,
    placed,
    whole_order,
)

ORDER = UUID(int=100)


def shown(connection: Connection, history: History, *events: Event, batch: int = 1_000) -> OrderDetails:
    history.tell(ORDER, *events)
    history.fold(connection, PROJECTION, batch=batch)
    found = order_details.get(connection, ORDER)
    assert found is not None
    return found


def test_a_placed_order_shows_what_was_sold(connection: Connection, history: History) -> None:
    details = shown(connection, history, placed(), authorized())
    assert (details.status, details.dispatch, details.payment_status) == (
        Status.PLACED,
        DispatchStatus.IDLE,
        PaymentStatus.AUTHORIZED,
    )
    assert details.version == 2
    assert details.lines == placed().lines
    assert details.price == placed().price
    assert details.dropoff == placed().dropoff
    assert details.eta_at == details.promised_at == NOON + timedelta(minutes=40)
    assert details.placed_at == NOON + timedelta(seconds=10)


@pytest.mark.parametrize("batch", [1, 3, 1_000])
def test_a_whole_order_leaves_every_time_whatever_the_batches(
    connection: Connection, history: History, batch: int
) -> None:
    details = shown(connection, history, *whole_order(), batch=batch)
    assert (details.status, details.dispatch, details.version) == (Status.COMPLETED, DispatchStatus.DONE, 13)
    assert details.payment_status is PaymentStatus.CAPTURED
    assert (details.driver_id, details.driver_name, details.offers) == (DRIVER, "Rui Costa", ())
    assert details.prep_seconds == 900
    times = (
        details.placed_at,
        details.confirmed_at,
        details.driver_assigned_at,
        details.preparation_started_at,
        details.driver_arrived_at,
        details.ready_at,
        details.picked_up_at,
        details.delivered_at,
        details.completed_at,
    )
    steps = (1, 3, 6, 7, 8, 9, 10, 11, 13)
    assert times == tuple(NOON + timedelta(seconds=10 * step) for step in steps)
    assert details.updated_at == details.completed_at


def test_an_offer_shows_while_it_stands(connection: Connection, history: History) -> None:
    search = order.MatchingStarted(round=1, radius_m=5_000.0)
    details = shown(connection, history, placed(), order.Confirmed(prep_seconds=600), search, offered())
    assert details.dispatch is DispatchStatus.OFFERED
    (offer,) = details.offers
    assert (offer.driver_id, offer.expires_at) == (DRIVER, NOON + timedelta(minutes=5))
    details = shown(connection, history, order.OfferExpired(offer_id=UUID(int=500), driver_id=DRIVER))
    assert (details.dispatch, details.offers) == (DispatchStatus.SEARCHING, ())


def test_an_unassigned_driver_is_forgotten(connection: Connection, history: History) -> None:
    shown(connection, history, placed(), offered(), assigned(), order.DriverArrived(driver_id=DRIVER))
    details = shown(connection, history, order.DriverUnassigned(driver_id=DRIVER, reason="silent"))
    assert details.dispatch is DispatchStatus.SEARCHING
    assert (details.driver_id, details.driver_name, details.driver_arrived_at) == (None, None, None)


def test_a_cancelled_order_says_who_pays(connection: Connection, history: History) -> None:
    details = shown(connection, history, placed(), authorized(), CANCELLED, order.PaymentVoided(payment_id="pay-1"))
    assert (details.status, details.payment_status) == (Status.CANCELLED, PaymentStatus.VOIDED)
    assert details.cancellation is not None
    assert (details.cancellation.reason, details.cancellation.cost_bearer) == ("too slow", "customer")


def test_a_revised_eta_comes_with_its_parts(connection: Connection, history: History) -> None:
    parts = order.EtaBreakdown(
        to_restaurant_seconds=60.0,
        preparation_seconds=300.0,
        to_customer_seconds=200.0,
        pickup_buffer_seconds=180.0,
        dropoff_buffer_seconds=120.0,
        traffic_multiplier=1.3,
        total_seconds=800.0,
    )
    eta_at = NOON + timedelta(seconds=800)
    details = shown(connection, history, placed(), order.EtaRevised(eta_at=eta_at, confidence=0.8, breakdown=parts))
    assert (details.eta_at, details.eta_confidence, details.eta_breakdown) == (eta_at, 0.8, parts)


def test_only_its_own_people_find_an_order(connection: Connection, history: History) -> None:
    stranger = UUID(int=999)
    shown(connection, history, placed(), offered())
    assert order_details.get(connection, ORDER, customer_id=CUSTOMER)
    assert order_details.get(connection, ORDER, restaurant_id=RESTAURANT)
    assert order_details.get(connection, ORDER, driver_id=DRIVER), "an asked driver may look"
    assert order_details.get(connection, ORDER, customer_id=stranger) is None
    assert order_details.get(connection, ORDER, restaurant_id=stranger) is None
    assert order_details.get(connection, ORDER, driver_id=stranger) is None
    shown(connection, history, order.OfferDeclined(offer_id=UUID(int=500), driver_id=DRIVER))
    assert order_details.get(connection, ORDER, driver_id=DRIVER) is None, "who declined no longer may"
    shown(connection, history, offered(stranger), assigned(stranger))
    assert order_details.get(connection, ORDER, driver_id=stranger)


def test_an_unknown_order_is_not_found(connection: Connection) -> None:
    assert order_details.get(connection, UUID(int=12345)) is None
