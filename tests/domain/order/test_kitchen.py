import pytest

from domain import order
from domain.errors import InvalidInput
from domain.event import Event
from tests.domain.order.histories import (
    CANCELLED,
    COMPLETED,
    CONFIRMED,
    COOKED,
    DELIVERED,
    PICKED_UP,
    PLACED,
    PREPARING,
    READY,
    REJECTED,
    an_order,
    given,
)
from tests.domain.scenario import NOON


@pytest.mark.parametrize("prep_seconds", [0, 600, 86_400])
def test_confirm(prep_seconds: int) -> None:
    given(PLACED).when(order.confirm, prep_seconds=prep_seconds).then(order.Confirmed(prep_seconds=prep_seconds))


def test_confirm_sets_the_restaurants_own_estimate() -> None:
    confirmed = an_order(CONFIRMED)
    assert confirmed.prep_seconds == 600
    assert confirmed.confirmed_at == NOON


@pytest.mark.parametrize(
    ("history", "status"), [(PREPARING, "preparing"), (REJECTED, "rejected"), (CANCELLED, "cancelled")]
)
def test_confirm_refused(history: tuple[Event, ...], status: str) -> None:
    given(history).when(order.confirm, prep_seconds=600).then_refused(order.IllegalTransition, status=status)


@pytest.mark.parametrize("prep_seconds", [-1, 86_401])
def test_confirm_refused_for_an_impossible_estimate(prep_seconds: int) -> None:
    given(PLACED).when(order.confirm, prep_seconds=prep_seconds).then_refused(InvalidInput, field="prep_seconds")


def test_confirm_quiet() -> None:
    given(CONFIRMED).when(order.confirm, prep_seconds=700).then_quiet()


def test_reject() -> None:
    given(PLACED).when(order.reject, reason="out of gas").then(order.Rejected(reason="out of gas"))


def test_reject_refused_once_confirmed() -> None:
    given(CONFIRMED).when(order.reject, reason="x").then_refused(order.IllegalTransition, status="confirmed")


def test_reject_quiet() -> None:
    given(REJECTED).when(order.reject, reason="x").then_quiet()


def test_start_preparation() -> None:
    given(CONFIRMED).when(order.start_preparation).then(order.PreparationStarted())


def test_start_preparation_refused_before_confirmation() -> None:
    given(PLACED).when(order.start_preparation).then_refused(order.IllegalTransition, status="placed")


def test_start_preparation_quiet() -> None:
    given(PREPARING).when(order.start_preparation).then_quiet()


def test_mark_ready() -> None:
    given(PREPARING).when(order.mark_ready).then(order.ReadyForPickup())


@pytest.mark.parametrize(("history", "status"), [(CONFIRMED, "confirmed"), (PICKED_UP, "picked_up")])
def test_mark_ready_refused(history: tuple[Event, ...], status: str) -> None:
    given(history).when(order.mark_ready).then_refused(order.IllegalTransition, status=status)


@pytest.mark.parametrize("history", [READY, COOKED])
def test_mark_ready_quiet(history: tuple[Event, ...]) -> None:
    given(history).when(order.mark_ready).then_quiet()


def test_complete() -> None:
    given(DELIVERED).when(order.complete).then(order.Completed())


def test_complete_refused_before_delivery() -> None:
    given(PICKED_UP).when(order.complete).then_refused(order.IllegalTransition, status="picked_up")


def test_complete_quiet() -> None:
    given(COMPLETED).when(order.complete).then_quiet()
