"""Whatever callers do, in whatever order: the two state machines stay on their paths."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import event as label
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain import order
from domain.errors import Refusal
from domain.event import Event, Role
from domain.order import DispatchStatus, Order, Status
from tests.domain.order.histories import ANNA, BRUNO, PLACED, SCORE
from tests.domain.scenario import NOON, STREAM

DRIVERS = (ANNA, BRUNO)
OFFERS = [UUID(int=0xF00 + number) for number in range(4)]
MAX_OFFERS = 2

STATUS_PATHS = {
    Status.PLACED: {Status.CONFIRMED, Status.REJECTED, Status.CANCELLED},
    Status.CONFIRMED: {Status.PREPARING, Status.CANCELLED},
    Status.PREPARING: {Status.READY_FOR_PICKUP, Status.CANCELLED},
    Status.READY_FOR_PICKUP: {Status.PICKED_UP, Status.CANCELLED},
    Status.PICKED_UP: {Status.DELIVERED, Status.CANCELLED},
    Status.DELIVERED: {Status.COMPLETED},
    Status.COMPLETED: set(),
    Status.REJECTED: set(),
    Status.CANCELLED: set(),
}
DISPATCH_PATHS = {
    DispatchStatus.IDLE: {DispatchStatus.SEARCHING},
    DispatchStatus.SEARCHING: {DispatchStatus.OFFERED},
    DispatchStatus.OFFERED: {DispatchStatus.SEARCHING, DispatchStatus.ASSIGNED},
    DispatchStatus.ASSIGNED: {DispatchStatus.AT_RESTAURANT, DispatchStatus.ON_THE_WAY, DispatchStatus.SEARCHING},
    DispatchStatus.AT_RESTAURANT: {DispatchStatus.ON_THE_WAY, DispatchStatus.SEARCHING},
    DispatchStatus.ON_THE_WAY: {DispatchStatus.DONE},
    DispatchStatus.DONE: set(),
}
"""Every one also leads back to IDLE when the order is cancelled, and only then."""

WITH_DRIVER = {
    DispatchStatus.ASSIGNED,
    DispatchStatus.AT_RESTAURANT,
    DispatchStatus.ON_THE_WAY,
    DispatchStatus.DONE,
}

type Decision = Callable[[Order], list[Event]]


def moves(now: datetime, offer_id: UUID, driver_id: UUID, by: Role) -> dict[str, Decision]:
    """Everything anybody can ask of an order, with these facts."""
    return {
        "confirm": lambda o: order.confirm(o, prep_seconds=600),
        "reject": lambda o: order.reject(o, reason="x"),
        "start_preparation": order.start_preparation,
        "mark_ready": order.mark_ready,
        "start_matching": lambda o: order.start_matching(o, radius_m=5_000.0),
        "offer": lambda o: order.offer(
            o,
            offer_id=offer_id,
            driver_id=driver_id,
            expires_at=now + timedelta(seconds=30),
            distance_m=1.0,
            travel_seconds=1.0,
            radius_m=5_000.0,
            candidates=1,
            score=SCORE,
            max_offers=MAX_OFFERS,
            now=now,
        ),
        "broadcast": lambda o: order.broadcast(
            o,
            broadcast_id=offer_id,
            asks=[
                order.Ask(
                    offer_id=UUID(int=offer_id.int + place),
                    driver_id=asked,
                    distance_m=500.0,
                    travel_seconds=60.0,
                    score=SCORE,
                )
                for place, asked in enumerate(DRIVERS)
            ],
            expires_at=now + timedelta(seconds=30),
            radius_m=5_000.0,
            candidates=2,
            max_offers=MAX_OFFERS,
            now=now,
        ),
        "no_driver": lambda o: order.no_driver(o, radius_m=10_000.0, retry_at=now),
        "accept_offer": lambda o: order.accept_offer(
            o, offer_id=offer_id, driver_id=driver_id, driver_name="A", now=now
        ),
        "decline_offer": lambda o: order.decline_offer(o, offer_id=offer_id, driver_id=driver_id),
        "expire_offer": lambda o: order.expire_offer(o, offer_id=offer_id, now=now),
        "withdraw_offer": lambda o: order.withdraw_offer(o, reason="x"),
        "unassign": lambda o: order.unassign(o, reason="x"),
        "arrive": lambda o: order.arrive(o, driver_id=driver_id),
        "pick_up": lambda o: order.pick_up(o, driver_id=driver_id),
        "lose_contact": lambda o: order.lose_contact(o, driver_id=driver_id, last_seen_at=now),
        "deliver": lambda o: order.deliver(o, driver_id=driver_id),
        "complete": order.complete,
        "request_review": order.request_review,
        "rate": lambda o: order.rate(o, stars=4),
        "cancel": lambda o: order.cancel(o, by=by, reason="x", cost_bearer=None),
        "record_capture": lambda o: order.record_capture(o, amount_minor=o.price.total_minor),
        "record_void": order.record_void,
        "record_refund": lambda o: order.record_refund(o, amount_minor=o.price.total_minor),
    }


MOVES = sorted(moves(NOON, ANNA, ANNA, Role.CUSTOMER))
NEXT = {
    Status.PLACED: "confirm",
    Status.CONFIRMED: "start_preparation",
    Status.PREPARING: "mark_ready",
    Status.READY_FOR_PICKUP: "pick_up",
    Status.PICKED_UP: "deliver",
    Status.DELIVERED: "complete",
}


class Witness:
    """Reads the events alone, knowing nothing of states, and objects to what must never be."""

    def __init__(self) -> None:
        self.driver: UUID | None = None
        self.picked_up_by: UUID | None = None
        self.offers: dict[UUID, order.DriverOffered] = {}

    def sees(self, event: Event, now: datetime) -> None:
        match event:
            case order.DriverOffered():
                for other in self.offers.values():
                    assert event.broadcast is not None, "two offers at once"
                    assert other.broadcast is not None, "two offers at once"
                    assert other.broadcast.broadcast_id == event.broadcast.broadcast_id, "two broadcasts at once"
                    assert other.driver_id != event.driver_id, "one driver asked twice"
                    assert other.expires_at == event.expires_at
                assert self.driver is None, "an offer for an order that has a driver"
                self.offers[event.offer_id] = event
            case order.OfferDeclined() | order.OfferExpired() | order.OfferWithdrawn():
                self._settle(event.offer_id, event.driver_id)
                assert event.standing == len(self.offers)
            case order.DriverAssigned():
                assert self.driver is None, "a second driver"
                assert now < self._settle(event.offer_id, event.driver_id), "an answer to an expired offer"
                assert not self.offers, "others of the broadcast left standing"
                self.driver = event.driver_id
            case order.DriverUnassigned():
                assert self.picked_up_by is None, "un-assigned with the food on board"
                assert self.driver == event.driver_id
                self.driver = None
            case order.DriverArrived():
                assert self.driver == event.driver_id
            case order.PickedUp():
                assert self.driver == event.driver_id, "picked up without being assigned"
                self.picked_up_by = event.driver_id
            case order.DriverLostContact():
                assert self.picked_up_by == event.driver_id, "contact lost with a driver who does not have the food"
            case order.Delivered():
                assert self.picked_up_by == event.driver_id, "delivered without a pick-up"
            case order.Cancelled() | order.Rejected():
                assert not self.offers, "an offer left standing"

    def _settle(self, offer_id: UUID, driver_id: UUID) -> datetime:
        assert offer_id in self.offers, "an answer to no offer"
        assert self.offers[offer_id].driver_id == driver_id
        return self.offers.pop(offer_id).expires_at


def check_path(before: Order, after: Order) -> None:
    if after.status is not before.status:
        assert after.status in STATUS_PATHS[before.status]
    if after.dispatch is not before.dispatch:
        if after.dispatch is DispatchStatus.IDLE:
            assert after.status is Status.CANCELLED
        else:
            assert after.dispatch in DISPATCH_PATHS[before.dispatch]


def check_whole(state: Order) -> None:
    """What holds in every state there is."""
    assert bool(state.offers) == (state.dispatch is DispatchStatus.OFFERED)
    assert len({one.driver_id for one in state.offers}) == len(state.offers)
    assert (state.driver_id is not None) == (state.dispatch in WITH_DRIVER)
    assert (state.accepted_offer_id is not None) == (state.driver_id is not None)
    assert (state.status is Status.PICKED_UP) == (state.dispatch is DispatchStatus.ON_THE_WAY)
    assert (state.status in (Status.DELIVERED, Status.COMPLETED)) == (state.dispatch is DispatchStatus.DONE)
    if state.status in (Status.PLACED, Status.REJECTED, Status.CANCELLED):
        assert state.dispatch is DispatchStatus.IDLE
    assert 0 <= state.offers_made <= MAX_OFFERS
    assert state.round > 0 or state.dispatch is DispatchStatus.IDLE


class Orders(RuleBasedStateMachine):
    """Anybody asks anything of one order, at any time, with any offer and any driver."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.witness = Witness()
        self.offers_made = 0
        self.order: Order

    @initialize()
    def place(self) -> None:
        self.order = order.evolve(None, STREAM, PLACED[0], self.now)
        self._fold(list(PLACED[1:]))

    @rule(seconds=st.sampled_from([1, 10, 29, 30, 31, 300]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(
        move=st.sampled_from(MOVES),
        driver_id=st.sampled_from(DRIVERS),
        offer_id=st.sampled_from(OFFERS),
        by=st.sampled_from(list(Role)),
    )
    def anything(self, move: str, driver_id: UUID, offer_id: UUID, by: Role) -> None:
        self._decide(moves(self.now, offer_id, driver_id, by)[move])

    @rule(driver_id=st.sampled_from(DRIVERS))
    def a_new_offer(self, driver_id: UUID) -> None:
        self.offers_made += 1
        self._decide(moves(self.now, UUID(int=OFFERS[0].int + self.offers_made), driver_id, Role.SYSTEM)["offer"])

    @rule()
    def a_new_broadcast(self) -> None:
        self.offers_made += 2
        self._decide(moves(self.now, UUID(int=OFFERS[0].int + self.offers_made), ANNA, Role.SYSTEM)["broadcast"])

    @precondition(lambda self: self.order.offers)
    @rule(answer=st.sampled_from(["accept_offer", "decline_offer", "expire_offer"]), which=st.integers(0, 1))
    def a_driver_answers(self, answer: str, which: int) -> None:
        standing = self.order.offers[which % len(self.order.offers)]
        self._decide(moves(self.now, standing.offer_id, standing.driver_id, Role.DRIVER)[answer])

    @precondition(lambda self: self.order.status in NEXT)
    @rule()
    def the_next_step(self) -> None:
        driver_id = self.order.driver_id or ANNA
        self._decide(moves(self.now, OFFERS[0], driver_id, Role.SYSTEM)[NEXT[self.order.status]])

    def _decide(self, decide: Decision) -> None:
        before = self.order
        try:
            decided = decide(before)
        except Refusal:
            return
        for event in decided:
            self.witness.sees(event, self.now)
        self._fold(decided)
        assert decide(self.order) == [], "said twice, it happened twice"

    def _fold(self, decided: list[Event]) -> None:
        for event in decided:
            before = self.order
            self.order = order.evolve(before, STREAM, event, self.now)
            check_path(before, self.order)

    @invariant()
    def whole(self) -> None:
        if hasattr(self, "order"):
            check_whole(self.order)

    def teardown(self) -> None:
        if hasattr(self, "order"):
            label(f"ended {self.order.status}, {self.order.dispatch}")


TestOrders = Orders.TestCase
TestOrders.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


def _shape(state: Order) -> object:
    """What decides about an order's future, its round's number and its times aside."""
    standing = tuple((one.offer_id, one.driver_id) for one in state.offers)
    return (
        state.status,
        state.dispatch,
        min(state.round, 1),
        state.round_over,
        state.offers_made,
        frozenset(state.asked),
        frozenset(state.declined),
        standing,
        state.driver_id,
        state.accepted_offer_id,
        state.payment.status,
        state.contact_lost_at,
        state.review_requested,
        state.stars,
    )


def _decisions() -> list[Decision]:
    soon, late = NOON, NOON + timedelta(seconds=60)
    found = []
    for name in MOVES:
        for driver_id in DRIVERS:
            # One offer a driver; expiry is asked for late, all else in time.
            asked = moves(
                late if name == "expire_offer" else soon, UUID(int=driver_id.int + 0xF00), driver_id, Role.SUPPORT
            )
            found.append(asked[name])
    found += [moves(soon, ANNA, ANNA, by)["cancel"] for by in (Role.CUSTOMER, Role.RESTAURANT)]
    return found


@pytest.fixture(scope="module")
def every_path() -> list[tuple[Order, Order]]:
    """Every step from every state that two drivers and all the others can bring an order into."""
    first = order.evolve(order.evolve(None, STREAM, PLACED[0], NOON), STREAM, PLACED[1], NOON)
    seen, edge, paths = {_shape(first)}, [first], []
    decisions = _decisions()
    while edge:
        before = edge.pop()
        for decide in decisions:
            try:
                decided = decide(before)
            except Refusal:
                continue
            state = before
            for event in decided:
                after = order.evolve(state, STREAM, event, NOON)
                paths.append((state, after))
                state = after
            if _shape(state) not in seen:
                seen.add(_shape(state))
                edge.append(state)
    return paths


def test_no_state_is_left_by_a_path_that_is_not_drawn(every_path: list[tuple[Order, Order]]) -> None:
    for before, after in every_path:
        check_path(before, after)
        check_whole(after)


def test_every_path_that_is_drawn_can_be_walked(every_path: list[tuple[Order, Order]]) -> None:
    walked = {(before.status, after.status) for before, after in every_path if before.status is not after.status}
    assert walked == {(start, end) for start, ends in STATUS_PATHS.items() for end in ends}
    searched = {
        (before.dispatch, after.dispatch)
        for before, after in every_path
        if before.dispatch is not after.dispatch and after.status is not Status.CANCELLED
    }
    assert searched == {(start, end) for start, ends in DISPATCH_PATHS.items() for end in ends}
