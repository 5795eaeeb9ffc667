"""A region that broadcasts, on real engines: many are asked at once, one gets the order, whoever is how fast."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from uuid import UUID

import pytest
from msgspec.structs import replace

from application import commands
from application.positions import Near
from application.settings import Settings
from domain.errors import Refusal
from domain.event import Event, Role
from domain.order import DispatchStatus, DriverAssigned, DriverOffered, Offer, OfferTaken, OfferWithdrawn
from domain.order.dispatching import FASTER
from domain.region import Offers
from projections import driver_board
from tests.application.reactions.town import AT, HASTY, PATIENT, Town, town
from tests.waiting import eventually

EXPIRY, MATCHING = "offers.expire_offer", "matching.match_order"
ASKED = 5
ORDERS = 6


@pytest.fixture
def loud(settings: Settings, tmp_path: Path) -> Iterator[Town]:
    with town(settings, replace(PATIENT, offers=Offers.BROADCAST, broadcast_drivers=ASKED), tmp_path) as place:
        yield place


def asked(place: Town, order_id: UUID) -> Sequence[Offer]:
    """Wait for the offers of a broadcast."""
    place.offered(order_id)
    return place.order(order_id).offers


def accepting(place: Town, order_id: UUID, offers: Sequence[Offer]) -> list[UUID | Refusal]:
    """Let all these drivers accept at the same moment; answers who has the order, and why others have not."""
    together = Barrier(len(offers))

    def accept(offer: Offer) -> UUID | Refusal:
        together.wait(10.0)
        try:
            place.accept(order_id, offer.offer_id, offer.driver_id)
        except Refusal as refusal:
            return refusal
        return offer.driver_id

    with ThreadPoolExecutor(len(offers)) as threads:
        return list(threads.map(accept, offers))


def of_kind[E: Event](place: Town, stream_id: UUID, kind: type[E]) -> list[E]:
    return [event for event in place.events(stream_id) if isinstance(event, kind)]


def timer_closed(place: Town, order_id: UUID) -> bool:
    """Once it is there: the follower may be behind."""
    return [state for state, *_ in place.rows(order_id, EXPIRY)][:1] == ["done"]


def test_many_who_accept_at_the_same_moment_have_one_winner_each_time(loud: Town) -> None:
    drivers = {loud.driver(metres_away=100.0 * number) for number in range(1, ASKED + 1)}
    with loud.processes("follower", "worker"):
        for number in range(ORDERS):
            _all_are_free(loud, drivers)
            order_id = loud.confirm()
            offers = asked(loud, order_id)
            assert {offer.driver_id for offer in offers} == drivers, f"order {number}"
            answers = accepting(loud, order_id, offers)
            (winner,) = [answer for answer in answers if isinstance(answer, UUID)]
            assert {type(answer) for answer in answers if not isinstance(answer, UUID)} == {OfferTaken}
            assert loud.order(order_id).driver_id == winner
            (assigned,) = of_kind(loud, order_id, DriverAssigned)
            assert assigned.driver_id == winner
            withdrawn = of_kind(loud, order_id, OfferWithdrawn)
            assert {event.driver_id for event in withdrawn} == drivers - {winner}
            assert {event.reason for event in withdrawn} == {FASTER}
            assert [loud.driver_state(one).deliveries for one in drivers - {winner}] == [()] * (ASKED - 1)
            assert loud.driver_state(winner).deliveries == (order_id,)
            _deliver(loud, order_id, winner)
            # One timer for all, closed by the acceptance; nobody searches on.
            closed = partial(timer_closed, loud, order_id)
            eventually(closed, what="the timer is closed")
            assert [row[1] for row in loud.rows(order_id, EXPIRY)] == ["overtaken by order.driver_assigned"]
            assert len(loud.rows(order_id, MATCHING)) == 1
    _nothing_is_held_against_anybody(loud, drivers)


def _nothing_is_held_against_anybody(place: Town, drivers: set[UUID]) -> None:
    """In the read model and in what matching weighs: offers withdrawn are neither declined nor missed."""
    head = place.run(commands.StartShift(driver_id=next(iter(drivers))), Role.SYSTEM).position
    place.seen("driver_board", head)
    with place.tiffin.reads.connect() as connection:
        rows = [driver_board.get(connection, one, day_start=place.tiffin.clock.now()) for one in drivers]
    assert sum(row.offers_made for row in rows if row) == ASKED * ORDERS
    assert sum(row.offers_accepted for row in rows if row) == ORDERS
    assert {(row.offers_declined, row.offers_expired, row.acceptance_rate) for row in rows if row} == {(0, 0, 1.0)}
    assert {near.board.acceptance_rate for near in _all_are_free(place, drivers)} == {1.0}


def _all_are_free(place: Town, drivers: set[UUID]) -> list[Near]:
    """Wait until searches find all of them, held for nothing and with empty hands."""

    def look() -> list[Near]:
        now, machine_now = place.tiffin.clock.now(), place.tiffin.clock.machine_now()
        found = place.tiffin.positions.nearest("porto", AT, k=20, radius_m=5_000.0, now=now, machine_now=machine_now)
        return found if {one.driver_id for one in found if not one.load} == drivers else []

    return eventually(look, what="all are free")


def test_who_declines_makes_nobody_else_hurry_and_the_last_one_moves_the_search_on(loud: Town) -> None:
    for number in range(1, ASKED):
        loud.driver(metres_away=100.0 * number)
    with loud.processes("follower", "worker"):
        order_id = loud.confirm()
        offers = asked(loud, order_id)
        assert len(offers) == ASKED - 1
        for offer in offers[:-1]:
            _decline(loud, order_id, offer)
            assert loud.order(order_id).dispatch is DispatchStatus.OFFERED
        late = loud.driver(metres_away=900.0)
        _decline(loud, order_id, offers[-1])
        # The round has one offer left, and it is for whoever was not asked.
        (last,) = eventually(lambda: loud.order(order_id).offers, what="another broadcast")
        assert (last.driver_id, last.sequence) == (late, ASKED)
        assert len(loud.rows(order_id, MATCHING)) == 2, "one search by the confirmation, one by the last to decline"


def test_those_who_say_nothing_expire_together_and_the_next_round_asks_again(
    settings: Settings, tmp_path: Path
) -> None:
    hasty = replace(HASTY, offers=Offers.BROADCAST, broadcast_drivers=2, max_offers=2, silent_seconds=600.0)
    with town(settings, hasty, tmp_path) as place:
        drivers = {place.driver(metres_away=100.0 * number) for number in (1, 2)}
        with place.processes("follower", "worker"):
            order_id = place.confirm()
            place.reached(order_id, "offer_expired", times=2)
            place.reached(order_id, "no_driver_found")
            place.reached(order_id, "driver_offered", times=4)
            again = of_kind(place, order_id, DriverOffered)[2:]
            assert {offer.driver_id for offer in again} == drivers
            assert place.order(order_id).round == 2


def test_a_cancelled_order_takes_all_offers_back(loud: Town) -> None:
    drivers = [loud.driver(metres_away=100.0 * number) for number in (1, 2, 3)]
    with loud.processes("follower", "worker"):
        order_id = loud.confirm()
        offers = asked(loud, order_id)
        loud.run(commands.CancelOrder(order_id=order_id, reason="hungry no more"), Role.CUSTOMER, loud.customer_id)
        assert {event.driver_id for event in of_kind(loud, order_id, OfferWithdrawn)} == set(drivers)
        assert all(isinstance(answer, Refusal) for answer in accepting(loud, order_id, offers))


def test_a_driver_who_leaves_takes_only_their_own_offer_along(loud: Town) -> None:
    near, far = loud.driver(metres_away=100.0), loud.driver(metres_away=200.0)
    with loud.processes("follower", "worker"):
        order_id = loud.confirm()
        asked(loud, order_id)
        # Whose offers they are is looked up in the read model.
        loud.seen("order_lists", loud.tiffin.side.run("SELECT position FROM log_head", {})[0][0])
        loud.run(commands.EndShift(driver_id=near), Role.DRIVER, near)
        loud.reached(order_id, "offer_withdrawn")
        (left,) = loud.order(order_id).offers
        assert left.driver_id == far
        loud.accept(order_id, left.offer_id, far)


def test_the_same_driver_is_held_for_one_order_at_a_time(loud: Town) -> None:
    drivers = {loud.driver(metres_away=100.0 * number) for number in range(1, ASKED + 3)}
    with loud.processes("follower", "worker"):
        orders = [loud.confirm() for _ in range(2)]
        found = [asked(loud, order_id) for order_id in orders]
    everybody = [offer.driver_id for offers in found for offer in offers]
    assert set(everybody) == drivers
    assert len(everybody) == len(drivers)


def _decline(place: Town, order_id: UUID, offer: Offer) -> None:
    decline = commands.DeclineOffer(order_id=order_id, offer_id=offer.offer_id, driver_id=offer.driver_id)
    place.run(decline, Role.DRIVER, offer.driver_id)


def _deliver(place: Town, order_id: UUID, driver_id: UUID) -> None:
    for command in (commands.StartPreparation(order_id=order_id), commands.MarkReady(order_id=order_id)):
        place.run(command, Role.RESTAURANT, place.restaurant_id)
    place.run(commands.PickUpOrder(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)
    place.run(commands.DeliverOrder(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)
