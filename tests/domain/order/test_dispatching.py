from datetime import datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from domain import order
from domain.errors import InvalidInput
from domain.event import Event
from domain.order import DispatchStatus
from tests.domain.order.histories import (
    ANNA,
    ASSIGNED,
    ASSIGNED_EVENT,
    BRUNO,
    CANCELLED,
    COMPLETED,
    CONFIRMED,
    COOKED,
    DECLINED,
    DELIVERED,
    EXPIRED,
    EXPIRES_AT,
    NEXT_OFFER,
    NOBODY,
    OFFER,
    OFFERED,
    PICKED_UP,
    PLACED,
    PREPARING,
    READY,
    ROUND_OVER,
    SCORE,
    SEARCHING,
    WAITED_FOR,
    an_order,
    given,
    offered,
)
from tests.domain.scenario import NOON, Outcome

FIRST_ROUND = order.MatchingStarted(round=1, radius_m=5_000.0)
SECOND_ROUND = order.MatchingStarted(round=2, radius_m=5_000.0)
WITHDRAWN = order.OfferWithdrawn(offer_id=OFFER, driver_id=ANNA, reason="silent")
UNASSIGNED_EVENT = order.DriverUnassigned(driver_id=ANNA, reason="flat tyre")
UNASSIGNED = (*ASSIGNED, UNASSIGNED_EVENT)


# --- search


@pytest.mark.parametrize("history", [CONFIRMED, PREPARING, READY])
def test_start_matching(history: tuple[Event, ...]) -> None:
    given(history).when(order.start_matching, radius_m=5_000.0).then(FIRST_ROUND)


def test_start_matching_begins_the_next_round_after_one_without_a_driver() -> None:
    given(ROUND_OVER).when(order.start_matching, radius_m=5_000.0).then(SECOND_ROUND)


@pytest.mark.parametrize(
    ("history", "status"),
    [(PLACED, "placed"), (ASSIGNED, "assigned"), (PICKED_UP, "picked_up"), (CANCELLED, "cancelled")],
)
def test_start_matching_refused(history: tuple[Event, ...], status: str) -> None:
    given(history).when(order.start_matching, radius_m=5_000.0).then_refused(order.IllegalTransition, status=status)


@pytest.mark.parametrize("history", [SEARCHING, OFFERED, DECLINED, UNASSIGNED])
def test_start_matching_quiet_while_a_round_is_under_way(history: tuple[Event, ...]) -> None:
    given(history).when(order.start_matching, radius_m=5_000.0).then_quiet()


def test_a_new_round_may_ask_everybody_again() -> None:
    after = an_order((*DECLINED, NOBODY, SECOND_ROUND))
    assert (after.round, after.offers_made, after.asked, after.declined) == (2, 0, (), ())


# --- offers


def offer(
    history: tuple[Event, ...],
    *,
    offer_id: UUID = OFFER,
    driver_id: UUID = ANNA,
    max_offers: int = 5,
    now: datetime = NOON,
) -> Outcome:
    return given(history).when(
        order.offer,
        offer_id=offer_id,
        driver_id=driver_id,
        expires_at=EXPIRES_AT,
        distance_m=1_150.0,
        travel_seconds=249.2,
        radius_m=5_000.0,
        candidates=7,
        score=SCORE,
        max_offers=max_offers,
        now=now,
    )


def test_offer() -> None:
    offer(SEARCHING).then(offered())


def test_offer_begins_the_first_round_by_itself() -> None:
    offer(CONFIRMED).then(FIRST_ROUND, offered())


def test_offer_begins_the_next_round_by_itself_and_counts_anew() -> None:
    offer((*DECLINED, NOBODY)).then(SECOND_ROUND, offered())


def test_offer_to_the_next_driver_counts_on() -> None:
    offer(DECLINED, offer_id=NEXT_OFFER, driver_id=BRUNO).then(offered(NEXT_OFFER, BRUNO, sequence=2))


def test_offer_refused_while_one_stands() -> None:
    offer(OFFERED, offer_id=NEXT_OFFER, driver_id=BRUNO).then_refused(order.OfferStillStands, status="offered")


@pytest.mark.parametrize("history", [DECLINED, EXPIRED, UNASSIGNED])
def test_offer_refused_to_who_was_asked_in_this_round(history: tuple[Event, ...]) -> None:
    offer(history, offer_id=NEXT_OFFER).then_refused(order.AlreadyAsked, status="searching")


def test_offer_refused_once_as_many_were_asked_as_allowed() -> None:
    offer(DECLINED, offer_id=NEXT_OFFER, driver_id=BRUNO, max_offers=1).then_refused(
        order.OffersExhausted, status="searching"
    )


@pytest.mark.parametrize(
    ("history", "status"),
    [(PLACED, "placed"), (ASSIGNED, "assigned"), (PICKED_UP, "picked_up"), (CANCELLED, "cancelled")],
)
def test_offer_refused_unless_a_driver_is_needed(history: tuple[Event, ...], status: str) -> None:
    offer(history, offer_id=NEXT_OFFER, driver_id=BRUNO).then_refused(order.IllegalTransition, status=status)


def test_offer_refused_when_it_would_be_over_at_once() -> None:
    offer(SEARCHING, now=EXPIRES_AT).then_refused(InvalidInput, field="expires_at")


def test_offer_quiet() -> None:
    offer(OFFERED).then_quiet()


def test_an_unassigned_order_gets_a_full_count_of_offers_again() -> None:
    offer(UNASSIGNED, offer_id=NEXT_OFFER, driver_id=BRUNO, max_offers=1).then(offered(NEXT_OFFER, BRUNO))


# --- nobody


def no_driver(history: tuple[Event, ...]) -> Outcome:
    return given(history).when(order.no_driver, radius_m=10_000.0, retry_at=NOON + timedelta(seconds=10))


def test_no_driver() -> None:
    no_driver(SEARCHING).then(NOBODY)


def test_no_driver_in_time_keeps_what_the_plan_foresaw() -> None:
    plan = order.Foreseen(pickup_at=EXPIRES_AT, needed_at=NOON, orders=12, drivers=5)
    retry_at = NOON + timedelta(seconds=10)
    told = given(SEARCHING).when(order.no_driver, radius_m=10_000.0, retry_at=retry_at, plan=plan)
    told.then(replace(NOBODY, plan=plan))
    given(ROUND_OVER).when(order.no_driver, radius_m=10_000.0, retry_at=retry_at, plan=plan).then_quiet()


def test_no_driver_at_the_first_look_begins_the_round_it_ends() -> None:
    no_driver(CONFIRMED).then(order.MatchingStarted(round=1, radius_m=10_000.0), NOBODY)


def test_no_driver_counts_the_rounds_offers() -> None:
    found = no_driver(DECLINED).decide()[0]
    assert isinstance(found, order.NoDriverFound)
    assert (found.round, found.offers_made) == (1, 1)


def test_no_driver_refused_while_an_offer_stands() -> None:
    no_driver(OFFERED).then_refused(order.OfferStillStands, status="offered")


@pytest.mark.parametrize("history", [PLACED, ASSIGNED, CANCELLED])
def test_no_driver_refused_unless_one_is_needed(history: tuple[Event, ...]) -> None:
    no_driver(history).then_refused(order.IllegalTransition)


def test_no_driver_quiet_the_second_time_in_a_round() -> None:
    no_driver(ROUND_OVER).then_quiet()


def test_no_driver_is_told_again_in_the_next_round() -> None:
    found = no_driver((*ROUND_OVER, SECOND_ROUND)).decide()
    assert [event.TOPIC for event in found] == ["order.no_driver_found"]


# --- answers


def accept(
    history: tuple[Event, ...], *, offer_id: UUID = OFFER, driver_id: UUID = ANNA, now: datetime = NOON
) -> Outcome:
    return given(history).when(
        order.accept_offer, offer_id=offer_id, driver_id=driver_id, driver_name="Anna Alves", now=now
    )


def test_accept_offer() -> None:
    accept(OFFERED, now=EXPIRES_AT - timedelta(microseconds=1)).then(ASSIGNED_EVENT)


def test_accept_offer_refused_when_its_time_is_over_to_the_microsecond() -> None:
    accept(OFFERED, now=EXPIRES_AT).then_refused(order.OfferExpiredAlready, status="offered")


def test_accept_offer_refused_when_it_has_expired_on_record() -> None:
    accept(EXPIRED).then_refused(order.OfferGone, status="searching")


def test_accept_offer_refused_to_another_driver_than_asked() -> None:
    accept(OFFERED, driver_id=BRUNO).then_refused(order.OfferNotYours, status="offered")


def test_accept_offer_refused_when_never_made() -> None:
    accept(OFFERED, offer_id=NEXT_OFFER).then_refused(order.OfferGone, status="offered")


def test_accept_offer_refused_and_told_so_when_another_driver_has_it() -> None:
    with pytest.raises(order.OfferTaken, match="Another driver has taken this order"):
        accept(ASSIGNED, driver_id=BRUNO).decide()
    accept(DELIVERED, driver_id=BRUNO).then_refused(order.OfferTaken, status="delivered")


@pytest.mark.parametrize("history", [(*OFFERED, WITHDRAWN), DECLINED, CANCELLED, UNASSIGNED])
def test_accept_offer_refused_once_it_is_settled(history: tuple[Event, ...]) -> None:
    accept(history).then_refused(order.OfferGone)


def test_accept_offer_refused_by_its_driver_for_another_offer() -> None:
    accept(ASSIGNED, offer_id=NEXT_OFFER).then_refused(order.OfferGone, status="assigned")


@pytest.mark.parametrize("history", [ASSIGNED, PICKED_UP, DELIVERED])
def test_accept_offer_quiet_however_late(history: tuple[Event, ...]) -> None:
    accept(history, now=NOON + timedelta(hours=1)).then_quiet()


def decline(history: tuple[Event, ...], *, offer_id: UUID = OFFER, driver_id: UUID = ANNA) -> Outcome:
    return given(history).when(order.decline_offer, offer_id=offer_id, driver_id=driver_id, reason="too far")


def test_decline_offer() -> None:
    decline(OFFERED).then(order.OfferDeclined(offer_id=OFFER, driver_id=ANNA, reason="too far"))


def test_decline_offer_leads_back_to_searching_and_remembers_who() -> None:
    after = an_order(DECLINED)
    assert (after.dispatch, after.offer, after.asked) == (DispatchStatus.SEARCHING, None, (ANNA,))


def test_decline_offer_refused() -> None:
    decline(OFFERED, driver_id=BRUNO).then_refused(order.OfferNotYours, status="offered")
    decline(OFFERED, offer_id=NEXT_OFFER).then_refused(order.OfferGone, status="offered")
    decline(EXPIRED).then_refused(order.OfferGone, status="searching")
    decline(ASSIGNED).then_refused(order.OfferGone, status="assigned")
    decline(ASSIGNED, driver_id=BRUNO).then_refused(order.OfferTaken, status="assigned")


def test_decline_offer_quiet() -> None:
    decline(DECLINED).then_quiet()


def test_expire_offer() -> None:
    given(OFFERED).when(order.expire_offer, offer_id=OFFER, now=EXPIRES_AT).then(
        order.OfferExpired(offer_id=OFFER, driver_id=ANNA)
    )


def test_expire_offer_refused_before_its_time() -> None:
    just_before = EXPIRES_AT - timedelta(microseconds=1)
    given(OFFERED).when(order.expire_offer, offer_id=OFFER, now=just_before).then_refused(
        order.OfferStillStands, status="offered"
    )


@pytest.mark.parametrize("history", [EXPIRED, DECLINED, ASSIGNED, CANCELLED])
def test_expire_offer_quiet_once_it_is_settled(history: tuple[Event, ...]) -> None:
    given(history).when(order.expire_offer, offer_id=OFFER, now=EXPIRES_AT).then_quiet()


def test_expire_offer_quiet_about_the_next_one() -> None:
    history = (*DECLINED, offered(NEXT_OFFER, BRUNO, sequence=2))
    given(history).when(order.expire_offer, offer_id=OFFER, now=EXPIRES_AT).then_quiet()


def test_withdraw_offer() -> None:
    given(OFFERED).when(order.withdraw_offer, reason="silent").then(WITHDRAWN)


def test_withdraw_offer_leads_back_to_searching_and_blames_nobody() -> None:
    after = an_order((*OFFERED, WITHDRAWN))
    assert (after.dispatch, after.offer, after.asked) == (DispatchStatus.SEARCHING, None, ())


@pytest.mark.parametrize("history", [SEARCHING, ASSIGNED, CANCELLED])
def test_withdraw_offer_quiet(history: tuple[Event, ...]) -> None:
    given(history).when(order.withdraw_offer, reason="silent").then_quiet()


# --- the driver's way


@pytest.mark.parametrize("history", [ASSIGNED, WAITED_FOR])
def test_unassign(history: tuple[Event, ...]) -> None:
    given(history).when(order.unassign, reason="flat tyre").then(UNASSIGNED_EVENT)


def test_unassign_leads_back_to_searching_without_that_driver() -> None:
    after = an_order(UNASSIGNED)
    assert (after.dispatch, after.driver_id, after.asked) == (DispatchStatus.SEARCHING, None, (ANNA,))


@pytest.mark.parametrize(("history", "status"), [(PICKED_UP, "picked_up"), (DELIVERED, "delivered")])
def test_unassign_refused_after_pick_up(history: tuple[Event, ...], status: str) -> None:
    given(history).when(order.unassign, reason="x").then_refused(order.IllegalTransition, status=status)


@pytest.mark.parametrize("history", [CONFIRMED, OFFERED, UNASSIGNED, CANCELLED])
def test_unassign_quiet(history: tuple[Event, ...]) -> None:
    given(history).when(order.unassign, reason="x").then_quiet()


@pytest.mark.parametrize("history", [ASSIGNED, COOKED])
def test_arrive(history: tuple[Event, ...]) -> None:
    given(history).when(order.arrive, driver_id=ANNA).then(order.DriverArrived(driver_id=ANNA))


def test_arrive_refused() -> None:
    given(ASSIGNED).when(order.arrive, driver_id=BRUNO).then_refused(order.NotYourDelivery, status="assigned")
    given(OFFERED).when(order.arrive, driver_id=ANNA).then_refused(order.NotYourDelivery, status="offered")
    given(PICKED_UP).when(order.arrive, driver_id=ANNA).then_refused(order.IllegalTransition, status="picked_up")


def test_arrive_quiet() -> None:
    given(WAITED_FOR).when(order.arrive, driver_id=ANNA).then_quiet()


@pytest.mark.parametrize("history", [WAITED_FOR, COOKED])
def test_pick_up(history: tuple[Event, ...]) -> None:
    given(history).when(order.pick_up, driver_id=ANNA).then(order.PickedUp(driver_id=ANNA))


def test_pick_up_refused() -> None:
    given(ASSIGNED).when(order.pick_up, driver_id=ANNA).then_refused(order.IllegalTransition, status="confirmed")
    given(COOKED).when(order.pick_up, driver_id=BRUNO).then_refused(order.NotYourDelivery, status="assigned")
    given(READY).when(order.pick_up, driver_id=ANNA).then_refused(order.NotYourDelivery, status="idle")
    given(DELIVERED).when(order.pick_up, driver_id=ANNA).then_refused(order.IllegalTransition, status="delivered")


def test_pick_up_quiet() -> None:
    given(PICKED_UP).when(order.pick_up, driver_id=ANNA).then_quiet()


LOST = order.DriverLostContact(driver_id=ANNA, last_seen_at=NOON)


def test_lose_contact() -> None:
    given(PICKED_UP).when(order.lose_contact, driver_id=ANNA, last_seen_at=NOON).then(LOST)


def test_lose_contact_moves_nothing() -> None:
    before, after = an_order(PICKED_UP), an_order((*PICKED_UP, LOST))
    assert (after.status, after.dispatch, after.driver_id) == (before.status, before.dispatch, ANNA)
    given((*PICKED_UP, LOST)).when(order.deliver, driver_id=ANNA).then(order.Delivered(driver_id=ANNA))


def test_lose_contact_refused() -> None:
    given(PICKED_UP).when(order.lose_contact, driver_id=BRUNO, last_seen_at=NOON).then_refused(
        order.NotYourDelivery, status="on_the_way"
    )
    given(WAITED_FOR).when(order.lose_contact, driver_id=ANNA, last_seen_at=NOON).then_refused(
        order.IllegalTransition, status="at_restaurant"
    )
    given(DELIVERED).when(order.lose_contact, driver_id=ANNA, last_seen_at=NOON).then_refused(
        order.IllegalTransition, status="delivered"
    )


def test_lose_contact_quiet_about_the_same_silence_only() -> None:
    later = NOON + timedelta(minutes=5)
    given((*PICKED_UP, LOST)).when(order.lose_contact, driver_id=ANNA, last_seen_at=NOON).then_quiet()
    given((*PICKED_UP, LOST)).when(order.lose_contact, driver_id=ANNA, last_seen_at=later).then(
        order.DriverLostContact(driver_id=ANNA, last_seen_at=later)
    )


def test_deliver() -> None:
    given(PICKED_UP).when(order.deliver, driver_id=ANNA).then(order.Delivered(driver_id=ANNA))


def test_deliver_refused() -> None:
    given(WAITED_FOR).when(order.deliver, driver_id=ANNA).then_refused(
        order.IllegalTransition, status="ready_for_pickup"
    )
    given(PICKED_UP).when(order.deliver, driver_id=BRUNO).then_refused(order.NotYourDelivery, status="on_the_way")


@pytest.mark.parametrize("history", [DELIVERED, COMPLETED])
def test_deliver_quiet(history: tuple[Event, ...]) -> None:
    given(history).when(order.deliver, driver_id=ANNA).then_quiet()


def test_each_step_is_timed_by_when_it_occurred() -> None:
    after = an_order(DELIVERED)
    assert after.confirmed_at == after.ready_at == after.picked_up_at == after.delivered_at == NOON
    assert after.dispatch is DispatchStatus.DONE
    assert after.driver_id == ANNA
