"""Whatever happens to a driver, in whatever order: never more orders than fit, never one paid twice."""

from collections import Counter
from collections.abc import Callable
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from domain import driver
from domain.driver import Driver
from domain.errors import Refusal
from domain.event import Event
from tests.domain.scenario import NOON, STREAM

ORDERS = [UUID(int=n) for n in range(1, 6)]
orders = st.sampled_from(ORDERS)


class Drivers(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.driver: Driver
        self.taken: Counter[UUID] = Counter()
        self.paid: Counter[UUID] = Counter()

    @initialize(capacity=st.integers(min_value=1, max_value=3))
    def register(self, capacity: int) -> None:
        events = driver.register(
            name="A", phone="1", region="porto", vehicle="car", capacity=capacity, earnings_goal=10
        )
        self.driver = driver.evolve(None, STREAM, events[0], NOON)

    @rule(order_id=orders)
    def take(self, order_id: UUID) -> None:
        before = self.driver
        try:
            decided = driver.take_delivery(before, order_id=order_id, most_orders=2)
        except Refusal:
            return
        if decided:
            assert before.on_shift
            assert not before.suspended
            assert len(before.deliveries) < min(before.capacity, 2)
            self.taken[order_id] += 1
        self._fold(decided)
        assert not self.driver.silent or not decided

    @rule(order_id=orders)
    def finish(self, order_id: UUID) -> None:
        decided = driver.finish_delivery(self.driver, order_id=order_id, currency="EUR", fee_minor=100, tip_minor=0)
        self.paid[order_id] += len(decided)
        self._fold(decided)

    @rule(order_id=orders)
    def release(self, order_id: UUID) -> None:
        self._fold(driver.release_delivery(self.driver, order_id=order_id, reason="x"))

    @rule(
        decide=st.sampled_from(
            [
                driver.start_shift,
                driver.start_shift,
                driver.end_shift,
                driver.come_back,
                driver.reinstate,
                lambda state: driver.suspend(state, reason="x"),
                lambda state: driver.go_silent(state, last_seen_at=NOON),
            ]
        )
    )
    def anything_else(self, decide: Callable[[Driver], list[Event]]) -> None:
        try:
            decided = decide(self.driver)
        except Refusal:
            return
        self._fold(decided)
        assert decide(self.driver) == []

    def _fold(self, decided: list[Event]) -> None:
        for event in decided:
            self.driver = driver.evolve(self.driver, STREAM, event, NOON)

    @invariant()
    def never_overloaded(self) -> None:
        if hasattr(self, "driver"):
            carried = self.driver.deliveries
            assert len(carried) <= self.driver.capacity
            assert len(set(carried)) == len(carried)
            assert self.driver.on_shift or not carried

    @invariant()
    def never_paid_twice(self) -> None:
        assert all(self.paid[order_id] <= self.taken[order_id] for order_id in ORDERS)


TestDrivers = Drivers.TestCase
TestDrivers.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
