"""Cancellation, new estimates, the review and notes."""

from datetime import timedelta

import msgspec
import pytest

from domain import order
from domain.errors import InvalidInput
from domain.eta import Eta, EtaBreakdown
from domain.event import Event, Role
from domain.order import CostBearer
from tests.domain.order.histories import (
    ANNA,
    ASSIGNED,
    CANCELLED,
    COMPLETED,
    CONFIRMED,
    DELIVERED,
    OFFER,
    OFFERED,
    PICKED_UP,
    PLACED,
    PLACED_EVENT,
    PREPARING,
    PRICE,
    READY,
    REJECTED,
    an_order,
    given,
)
from tests.domain.scenario import NOON, Outcome

TOTAL = PRICE.total_minor


def cancel(history: tuple[Event, ...], by: Role, cost_bearer: CostBearer | None = None) -> Outcome:
    return given(history).when(order.cancel, by=by, reason="changed my mind", cost_bearer=cost_bearer)


def cancelled(by: Role, bearer: CostBearer, refund_minor: int) -> order.Cancelled:
    return order.Cancelled(by=by, reason="changed my mind", cost_bearer=bearer, refund_minor=refund_minor)


@pytest.mark.parametrize(
    ("history", "by", "bearer", "refund_minor"),
    [
        (PLACED, Role.CUSTOMER, CostBearer.PLATFORM, TOTAL),
        (CONFIRMED, Role.CUSTOMER, CostBearer.CUSTOMER, 0),
        (PLACED, Role.RESTAURANT, CostBearer.RESTAURANT, TOTAL),
        (CONFIRMED, Role.RESTAURANT, CostBearer.RESTAURANT, TOTAL),
        (PICKED_UP, Role.SUPPORT, CostBearer.PLATFORM, TOTAL),
        (READY, Role.ADMIN, CostBearer.PLATFORM, TOTAL),
    ],
)
def test_cancel_makes_someone_bear_the_cost(
    history: tuple[Event, ...], by: Role, bearer: CostBearer, refund_minor: int
) -> None:
    cancel(history, by).then(cancelled(by, bearer, refund_minor))


@pytest.mark.parametrize(
    ("bearer", "refund_minor"),
    [
        (CostBearer.CUSTOMER, 0),
        (CostBearer.RESTAURANT, TOTAL),
        (CostBearer.DRIVER, TOTAL),
        (CostBearer.PLATFORM, TOTAL),
    ],
)
def test_support_chooses_who_bears_the_cost(bearer: CostBearer, refund_minor: int) -> None:
    cancel(PREPARING, Role.SUPPORT, bearer).then(cancelled(Role.SUPPORT, bearer, refund_minor))


def test_cancel_withdraws_the_standing_offer_first() -> None:
    cancel(OFFERED, Role.RESTAURANT).then(
        order.OfferWithdrawn(offer_id=OFFER, driver_id=ANNA, reason="cancelled"),
        cancelled(Role.RESTAURANT, CostBearer.RESTAURANT, TOTAL),
    )


def test_a_cancelled_order_has_neither_offer_nor_driver() -> None:
    after = an_order((*ASSIGNED, cancelled(Role.SUPPORT, CostBearer.PLATFORM, TOTAL)))
    assert (after.status, after.dispatch) == (order.Status.CANCELLED, order.DispatchStatus.IDLE)
    assert (after.offer, after.driver_id, after.accepted_offer_id) == (None, None, None)


@pytest.mark.parametrize("by", [Role.CUSTOMER, Role.RESTAURANT])
@pytest.mark.parametrize("history", [PREPARING, READY, PICKED_UP, DELIVERED, REJECTED])
def test_customer_and_restaurant_cannot_cancel_what_is_cooked(history: tuple[Event, ...], by: Role) -> None:
    cancel(history, by).then_refused(order.IllegalTransition, status=an_order(history).status)


@pytest.mark.parametrize("history", [DELIVERED, COMPLETED, REJECTED])
def test_nobody_cancels_what_is_over(history: tuple[Event, ...]) -> None:
    cancel(history, Role.ADMIN).then_refused(order.IllegalTransition, status=an_order(history).status)


@pytest.mark.parametrize("by", [Role.DRIVER, Role.AUDITOR])
def test_drivers_and_auditors_do_not_cancel(by: Role) -> None:
    cancel(PLACED, by).then_refused(order.IllegalTransition, status="placed")


def test_only_staff_choose_who_bears_the_cost() -> None:
    cancel(PLACED, Role.CUSTOMER, CostBearer.RESTAURANT).then_refused(InvalidInput, field="cost_bearer")


def test_cancel_quiet() -> None:
    cancel(CANCELLED, Role.CUSTOMER).then_quiet()


def eta(seconds: float, confidence: float = 0.5) -> Eta:
    breakdown = EtaBreakdown(
        to_restaurant_seconds=0.0,
        preparation_seconds=0.0,
        to_customer_seconds=seconds,
        pickup_buffer_seconds=0.0,
        dropoff_buffer_seconds=0.0,
        traffic_multiplier=1.0,
        total_seconds=seconds,
    )
    return Eta(total_seconds=seconds, confidence=confidence, breakdown=breakdown)


def revised(seconds: float, confidence: float = 0.5) -> order.EtaRevised:
    told = eta(seconds, confidence)
    return order.EtaRevised(eta_at=NOON + timedelta(seconds=seconds), confidence=confidence, breakdown=told.breakdown)


TOLD = (*CONFIRMED, revised(1_800))


def test_revise_eta_tells_the_first_estimate_even_when_it_is_the_promise() -> None:
    given(CONFIRMED).when(order.revise_eta, eta=eta(2_400), now=NOON).then(revised(2_400))


@pytest.mark.parametrize("seconds", [1_740, 1_860])
def test_revise_eta_tells_a_minute_more_or_less(seconds: float) -> None:
    given(TOLD).when(order.revise_eta, eta=eta(seconds), now=NOON).then(revised(seconds))


def test_revise_eta_tells_when_it_is_surer() -> None:
    given(TOLD).when(order.revise_eta, eta=eta(1_800, 0.7), now=NOON).then(revised(1_800, 0.7))


@pytest.mark.parametrize("seconds", [1_741, 1_800, 1_859])
def test_revise_eta_quiet_about_seconds(seconds: float) -> None:
    given(TOLD).when(order.revise_eta, eta=eta(seconds, 0.55), now=NOON).then_quiet()


@pytest.mark.parametrize("history", [DELIVERED, COMPLETED, CANCELLED, REJECTED])
def test_revise_eta_quiet_when_the_order_is_over(history: tuple[Event, ...]) -> None:
    given(history).when(order.revise_eta, eta=eta(60), now=NOON).then_quiet()


def test_a_revised_eta_is_the_orders_and_the_promise_stays() -> None:
    after = an_order(TOLD)
    assert after.eta_at == NOON + timedelta(seconds=1_800)
    assert after.eta_confidence == 0.5
    assert after.promised_at == NOON + timedelta(minutes=40)


def test_request_review() -> None:
    for history in (DELIVERED, COMPLETED):
        given(history).when(order.request_review).then(order.ReviewRequested())


def test_request_review_refused_before_delivery() -> None:
    given(PICKED_UP).when(order.request_review).then_refused(order.IllegalTransition, status="picked_up")


def test_request_review_quiet() -> None:
    given((*DELIVERED, order.ReviewRequested())).when(order.request_review).then_quiet()


RATED = order.RatedByCustomer(driver_id=ANNA, stars=4)


def test_rate() -> None:
    for history in (DELIVERED, COMPLETED):
        given(history).when(order.rate, stars=4).then(RATED)


def test_rate_refused() -> None:
    for history in (PICKED_UP, CANCELLED):
        given(history).when(order.rate, stars=4).then_refused(order.IllegalTransition)
    given((*COMPLETED, RATED)).when(order.rate, stars=5).then_refused(order.IllegalTransition, status="completed")
    for stars in (0, 6):
        given(DELIVERED).when(order.rate, stars=stars).then_refused(InvalidInput, field="stars")


def test_rate_quiet() -> None:
    given((*COMPLETED, RATED)).when(order.rate, stars=4).then_quiet()


def test_add_note_whatever_the_state() -> None:
    for history in (PLACED, PICKED_UP, CANCELLED, COMPLETED):
        for text in ("called, no answer", "x" * 4_000):
            given(history).when(order.add_note, text=text).then(
                order.NoteAdded(customer_id=PLACED_EVENT.customer_id, text=text)
            )


@pytest.mark.parametrize("text", ["", " \n", "x" * 4_001])
def test_add_note_refused(text: str) -> None:
    given(PLACED).when(order.add_note, text=text).then_refused(InvalidInput, field="text")


def test_a_note_changes_nothing() -> None:
    assert an_order((*PLACED, order.NoteAdded(text="hello"))) == an_order(PLACED)


def test_the_kitchen_needs_all_its_time_before_confirmation_then_what_is_left_then_none() -> None:
    later = NOON + timedelta(seconds=400)
    assert order.preparation_left_seconds(an_order(PLACED), later) == 900
    assert order.preparation_left_seconds(an_order(CONFIRMED), later) == 200
    assert order.preparation_left_seconds(an_order(PREPARING), NOON + timedelta(hours=1)) == 0
    assert order.preparation_left_seconds(an_order(READY), NOON) == 0
    assert order.preparation_left_seconds(an_order(PICKED_UP), NOON) == 0


def test_states_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        an_order(PLACED).status = order.Status.DELIVERED  # type: ignore[misc]
    assert msgspec.structs.replace(an_order(PLACED), version=2) != an_order(PLACED)
