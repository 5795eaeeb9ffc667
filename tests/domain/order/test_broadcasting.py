"""Several drivers asked at once: one of them gets the order, and nothing is held against the others."""

from datetime import datetime
from uuid import UUID

import pytest

from domain import order
from domain.errors import InvalidInput
from domain.event import Event, Role
from domain.order import DispatchStatus
from tests.domain.order.histories import (
    ANNA,
    BRUNO,
    CANCELLED,
    CONFIRMED,
    DECLINED,
    EXPIRES_AT,
    NOBODY,
    OFFERED,
    PLACED,
    RIVAL,
    SCORE,
    SEARCHING,
    an_order,
    given,
)
from tests.domain.scenario import NOON, Outcome

CLARA, DIOGO = UUID(int=0xD3), UUID(int=0xD4)
BROADCAST = UUID(int=0xB1)
FASTER = "another driver was faster"


def offer_id(driver_id: UUID) -> UUID:
    return UUID(int=0xF000 + driver_id.int)


def ask(driver_id: UUID) -> order.Ask:
    return order.Ask(
        offer_id=offer_id(driver_id), driver_id=driver_id, distance_m=1_150.0, travel_seconds=249.2, score=SCORE
    )


def broadcast(history: tuple[Event, ...], *driver_ids: UUID, max_offers: int = 5, now: datetime = NOON) -> Outcome:
    return given(history).when(
        order.broadcast,
        broadcast_id=BROADCAST,
        asks=[ask(driver_id) for driver_id in driver_ids],
        expires_at=EXPIRES_AT,
        radius_m=5_000.0,
        candidates=4,
        rivals=(RIVAL,),
        max_offers=max_offers,
        now=now,
    )


ASKED = tuple(broadcast(SEARCHING, ANNA, BRUNO, CLARA).decide())
OFFERED_TO_THREE = (*SEARCHING, *ASKED)


def withdrawn(driver_id: UUID, standing: int, reason: str = FASTER) -> order.OfferWithdrawn:
    return order.OfferWithdrawn(offer_id=offer_id(driver_id), driver_id=driver_id, reason=reason, standing=standing)


def declined(driver_id: UUID, standing: int) -> order.OfferDeclined:
    return order.OfferDeclined(offer_id=offer_id(driver_id), driver_id=driver_id, reason="far", standing=standing)


def assigned(driver_id: UUID) -> order.DriverAssigned:
    return order.DriverAssigned(offer_id=offer_id(driver_id), driver_id=driver_id, driver_name="A")


def accept(history: tuple[Event, ...], driver_id: UUID, *, now: datetime = NOON) -> Outcome:
    return given(history).when(
        order.accept_offer, offer_id=offer_id(driver_id), driver_id=driver_id, driver_name="A", now=now
    )


def decline(history: tuple[Event, ...], driver_id: UUID) -> Outcome:
    return given(history).when(order.decline_offer, offer_id=offer_id(driver_id), driver_id=driver_id, reason="far")


def test_each_driver_gets_an_offer_and_the_first_one_names_the_rivals_of_all() -> None:
    offers = [event for event in ASKED if isinstance(event, order.DriverOffered)]
    assert [offer.driver_id for offer in offers] == [ANNA, BRUNO, CLARA]
    assert [offer.sequence for offer in offers] == [1, 2, 3]
    assert [offer.rivals for offer in offers] == [(RIVAL,), (), ()]
    assert [offer.broadcast for offer in offers] == [
        order.Broadcast(broadcast_id=BROADCAST, drivers=3, place=place) for place in (1, 2, 3)
    ]
    after = an_order(OFFERED_TO_THREE)
    assert (after.dispatch, len(after.offers), after.offers_made) == (DispatchStatus.OFFERED, 3, 3)


def test_it_begins_a_round_by_itself() -> None:
    for history, number in ((CONFIRMED, 1), ((*DECLINED, NOBODY), 2)):
        first, *offers = broadcast(history, ANNA, BRUNO).decide()
        assert first == order.MatchingStarted(round=number, radius_m=5_000.0)
        assert len(offers) == 2


def test_it_counts_on_within_a_round() -> None:
    (offer,) = broadcast(DECLINED, BRUNO, max_offers=2).decide()
    assert isinstance(offer, order.DriverOffered)
    assert offer.sequence == 2


def test_it_is_quiet_the_second_time() -> None:
    broadcast(OFFERED_TO_THREE, ANNA, BRUNO, CLARA).then_quiet()


def test_it_is_refused_while_an_offer_stands() -> None:
    broadcast(OFFERED, BRUNO, CLARA).then_refused(order.OfferStillStands, status="offered")
    broadcast(OFFERED_TO_THREE, DIOGO).then_refused(order.OfferStillStands, status="offered")


def test_it_asks_no_more_than_the_round_has_offers_left_for() -> None:
    broadcast(SEARCHING, ANNA, BRUNO, CLARA, max_offers=2).then_refused(order.OffersExhausted, status="searching")
    broadcast(DECLINED, BRUNO, CLARA, max_offers=2).then_refused(order.OffersExhausted, status="searching")


def test_it_is_refused_to_who_was_asked_already() -> None:
    broadcast(DECLINED, BRUNO, ANNA).then_refused(order.AlreadyAsked, status="searching")


@pytest.mark.parametrize("history", [PLACED, CANCELLED, (*OFFERED_TO_THREE, *accept(OFFERED_TO_THREE, ANNA).decide())])
def test_it_is_refused_unless_a_driver_is_needed(history: tuple[Event, ...]) -> None:
    broadcast(history, DIOGO).then_refused(order.IllegalTransition)


def test_it_asks_somebody_each_once_and_for_a_while() -> None:
    broadcast(SEARCHING).then_refused(InvalidInput, field="asks")
    broadcast(SEARCHING, ANNA, ANNA).then_refused(InvalidInput, field="asks")
    broadcast(SEARCHING, ANNA, now=EXPIRES_AT).then_refused(InvalidInput, field="expires_at")


@pytest.mark.parametrize(("winner", "losers"), [(ANNA, (BRUNO, CLARA)), (CLARA, (ANNA, BRUNO))])
def test_the_first_who_accepts_takes_it_from_the_others(winner: UUID, losers: tuple[UUID, UUID]) -> None:
    first, second = losers
    accept(OFFERED_TO_THREE, winner).then(withdrawn(first, 2), withdrawn(second, 1), assigned(winner))
    history = (*OFFERED_TO_THREE, *accept(OFFERED_TO_THREE, winner).decide())
    after = an_order(history)
    assert (after.driver_id, after.dispatch, after.offers) == (winner, DispatchStatus.ASSIGNED, ())
    assert after.asked == (), "nothing is held against who was slower"
    accept(history, winner).then_quiet()
    for loser in losers:
        accept(history, loser).then_refused(order.OfferTaken, status="assigned")
        decline(history, loser).then_refused(order.OfferTaken, status="assigned")


def test_while_others_are_asked_one_who_declines_ends_nothing() -> None:
    decline(OFFERED_TO_THREE, BRUNO).then(declined(BRUNO, 2))
    history = (*OFFERED_TO_THREE, declined(BRUNO, 2))
    after = an_order(history)
    assert (after.dispatch, [one.driver_id for one in after.offers]) == (DispatchStatus.OFFERED, [ANNA, CLARA])
    decline(history, BRUNO).then_quiet()
    accept(history, BRUNO).then_refused(order.OfferGone, status="offered")
    accept(history, CLARA).then(withdrawn(ANNA, 1), assigned(CLARA))


def test_when_the_last_one_declines_the_search_goes_on_without_them() -> None:
    history = (*OFFERED_TO_THREE, declined(BRUNO, 2), declined(ANNA, 1), declined(CLARA, 0))
    after = an_order(history)
    assert (after.dispatch, after.offers, after.asked) == (DispatchStatus.SEARCHING, (), (BRUNO, ANNA, CLARA))
    assert [getattr(event, "sequence", 0) for event in broadcast(history, DIOGO).decide()] == [4]


def test_those_who_say_nothing_expire_together() -> None:
    history = (*OFFERED_TO_THREE, declined(BRUNO, 2))
    outcome = given(history).when(order.expire_offer, offer_id=offer_id(CLARA), now=EXPIRES_AT)
    outcome.then(
        order.OfferExpired(offer_id=offer_id(ANNA), driver_id=ANNA, standing=1),
        order.OfferExpired(offer_id=offer_id(CLARA), driver_id=CLARA, standing=0),
    )
    after = an_order((*history, *outcome.decide()))
    assert (after.dispatch, after.asked) == (DispatchStatus.SEARCHING, (BRUNO, ANNA, CLARA))


def test_who_goes_away_loses_only_their_own_offer() -> None:
    given(OFFERED_TO_THREE).when(order.withdraw_offer, reason="silent", driver_id=BRUNO).then(
        withdrawn(BRUNO, 2, "silent")
    )
    given(OFFERED_TO_THREE).when(order.withdraw_offer, reason="silent", driver_id=DIOGO).then_quiet()


def test_cancelling_takes_all_of_them_back() -> None:
    *offers, cancelled = (
        given(OFFERED_TO_THREE).when(order.cancel, by=Role.CUSTOMER, reason="hungry no more", cost_bearer=None).decide()
    )
    assert offers == [withdrawn(who, left, "cancelled") for who, left in ((ANNA, 2), (BRUNO, 1), (CLARA, 0))]
    assert isinstance(cancelled, order.Cancelled)
    assert an_order((*OFFERED_TO_THREE, *offers, cancelled)).offers == ()
