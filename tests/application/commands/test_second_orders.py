"""A second order is looked at again when its driver accepts: the first one has not waited for the answer."""

from uuid import UUID, uuid4

import pytest

from application import commands
from domain.event import Role
from domain.order import (
    OUTDATED,
    DriverAssigned,
    DriverOffered,
    OfferExpiredAlready,
    OfferGone,
    OfferOutdated,
    OfferWithdrawn,
    Status,
)
from tests.application.commands.test_batching import carrying, offered
from tests.application.stage import Stage


@pytest.fixture
def pair(stage: Stage) -> tuple[UUID, DriverOffered, UUID]:
    """The first order, which waits for pick-up; the offer of the second one beside it; and the second one."""
    first, _ = carrying(stage)
    second = stage.confirmed()
    offer = offered(stage, second)
    assert offer.batch is not None
    return first, offer, second


def cooked(stage: Stage, order_id: UUID) -> None:
    stage.run(commands.StartPreparation(order_id=order_id), Role.RESTAURANT, stage.restaurant_id)
    stage.run(commands.MarkReady(order_id=order_id), Role.RESTAURANT, stage.restaurant_id)


def assignment(stage: Stage, order_id: UUID) -> DriverAssigned:
    (found,) = [event for event in stage.events(order_id) if isinstance(event, DriverAssigned)]
    return found


def test_while_both_wait_it_is_accepted_as_it_goes_by_now(stage: Stage, pair: tuple[UUID, DriverOffered, UUID]) -> None:
    first, offer, second = pair
    assert offer.batch is not None
    stage.clock.forward(20.0)
    stage.accept(second, offer.offer_id, offer.driver_id)
    batch = assignment(stage, second).batch
    assert batch is not None
    assert {stop.order_id for stop in batch.stops} == {first, second}
    assert batch.pay_minor == offer.batch.pay_minor
    assert batch.saved_seconds > 0
    assert stage.driver_state(offer.driver_id).deliveries == (first, second)


def test_once_the_first_one_is_picked_up_it_comes_after(stage: Stage, pair: tuple[UUID, DriverOffered, UUID]) -> None:
    first, offer, second = pair
    cooked(stage, first)
    stage.run(commands.PickUpOrder(order_id=first, driver_id=offer.driver_id), Role.DRIVER, offer.driver_id)
    stage.accept(second, offer.offer_id, offer.driver_id)
    assert stage.order(first).status is Status.PICKED_UP
    assert assignment(stage, second).batch is None, "nothing is shared, so nothing is said to be saved"
    assert stage.driver_state(offer.driver_id).deliveries == (first, second)


@pytest.mark.parametrize("ended", ["cancelled", "unassigned"])
def test_once_the_first_one_is_gone_it_goes_alone(
    stage: Stage, pair: tuple[UUID, DriverOffered, UUID], ended: str
) -> None:
    first, offer, second = pair
    if ended == "cancelled":
        stage.run(commands.CancelOrder(order_id=first, reason="hungry no more"), Role.CUSTOMER, stage.customer_id)
    else:
        stage.run(commands.UnassignDriver(order_id=first, reason="flat tyre"), Role.SUPPORT, uuid4())
    stage.accept(second, offer.offer_id, offer.driver_id)
    assert assignment(stage, second).batch is None
    assert stage.driver_state(offer.driver_id).deliveries == (second,)


def test_where_the_first_food_would_have_to_wait_the_offer_is_taken_back_and_the_search_goes_on(
    stage: Stage, pair: tuple[UUID, DriverOffered, UUID]
) -> None:
    first, offer, second = pair
    driver_id = offer.driver_id
    cooked(stage, first)
    with pytest.raises(OfferOutdated) as refused:
        stage.accept(second, offer.offer_id, driver_id)
    assert refused.value.status == "searching"
    last = stage.events(second)[-1]
    assert last == OfferWithdrawn(offer_id=offer.offer_id, driver_id=driver_id, reason=OUTDATED, standing=0)
    assert stage.driver_state(driver_id).deliveries == (first,)
    assert stage.order(second).asked == (), "nothing is held against the driver"
    with pytest.raises(OfferGone):
        stage.accept(second, offer.offer_id, driver_id)
    stage.street.held.clear()
    free = stage.driver(metres_away=3_000.0)
    again = offered(stage, second)
    assert (again.driver_id, [one.driver_id for one in again.unbatched]) == (free, [driver_id])


def test_under_a_key_the_refusal_is_not_kept_as_an_answer(stage: Stage, pair: tuple[UUID, DriverOffered, UUID]) -> None:
    first, offer, second = pair
    cooked(stage, first)
    accept = commands.AcceptOffer(order_id=second, offer_id=offer.offer_id, driver_id=offer.driver_id)
    with pytest.raises(OfferOutdated):
        stage.run(accept, Role.DRIVER, offer.driver_id, key="k")
    with pytest.raises(OfferGone):
        stage.run(accept, Role.DRIVER, offer.driver_id, key="k")
    assert stage.topics(second).count("offer_withdrawn") == 1


def test_who_answers_too_late_is_told_so_first(stage: Stage, pair: tuple[UUID, DriverOffered, UUID]) -> None:
    first, offer, second = pair
    cooked(stage, first)
    stage.clock.forward(31.0)
    with pytest.raises(OfferExpiredAlready):
        stage.accept(second, offer.offer_id, offer.driver_id)
    assert stage.topics(second)[-1] == "driver_offered"


@pytest.mark.parametrize("away", [False, True])
def test_without_a_known_place_or_valkey_the_driver_is_taken_to_wait_at_the_first_restaurant(
    stage: Stage, pair: tuple[UUID, DriverOffered, UUID], *, away: bool
) -> None:
    _, offer, second = pair
    stage.street.drivers.clear()
    stage.street.away = away
    stage.accept(second, offer.offer_id, offer.driver_id)
    assert assignment(stage, second).batch is not None
