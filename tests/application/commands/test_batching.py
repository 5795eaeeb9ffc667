"""A second order for a driver who waits for the first: offered when both go one way, and recorded with the saving."""

from collections.abc import Collection
from typing import override
from uuid import UUID

import pytest

from application import commands
from application.carrying import carried_by
from application.ids import new_id
from application.kinds import DRIVER
from application.matching import MOST_CARRYING, Search, unbatched
from application.memory_store import MemoryEventStore
from application.store import Kind, Versioned
from domain.batching import NotBatched
from domain.event import Role
from domain.order import DriverOffered, Foreseen, Status
from domain.routing import Call
from tests.application.stage import Stage
from tests.domain.samples import MAPPER, recorded


class Counted(MemoryEventStore):
    """Counts how often it is asked."""

    def __init__(self, store: MemoryEventStore) -> None:
        self.store = store
        self.round_trips = 0

    @override
    def load_many[S: Versioned](self, kind: Kind[S], stream_ids: Collection[UUID]) -> dict[UUID, S]:
        self.round_trips += bool(stream_ids)
        return self.store.load_many(kind, stream_ids)


def carrying(stage: Stage) -> tuple[UUID, UUID]:
    """An order that waits for pick-up, and its driver, as Valkey knows of both."""
    order_id, driver_id = stage.assigned()
    stage.street.loads[driver_id] = len(stage.store.load(DRIVER, driver_id).deliveries)
    stage.street.held.clear()
    return order_id, driver_id


def offered(stage: Stage, order_id: UUID) -> DriverOffered:
    stage.run(commands.MatchOrder(order_id=order_id))
    last = stage.events(order_id)[-1]
    assert isinstance(last, DriverOffered), last
    return last


def test_a_second_order_on_the_same_way_is_offered_with_the_route_and_the_saving(stage: Stage) -> None:
    first, driver_id = carrying(stage)
    second = stage.confirmed()
    found = offered(stage, second)
    assert found.driver_id == driver_id
    assert found.batch is not None
    stops = [(stop.order_id, stop.call) for stop in found.batch.stops]
    assert {stop for stop, call in stops[:2] if call is Call.PICK_UP} == {first, second}
    assert {stop for stop, call in stops[2:] if call is Call.DROP_OFF} == {first, second}
    assert found.batch.saved_m > 0
    assert found.batch.saved_seconds > 0
    assert found.score.factors["route_efficiency"] == pytest.approx(20.0 * found.batch.efficiency, abs=0.01)
    stage.accept(second, found.offer_id, driver_id)
    assert stage.driver_state(driver_id).deliveries == (first, second)


def test_food_that_comes_much_later_would_be_a_second_way_and_is_not_put_to_the_first(stage: Stage) -> None:
    _, driver_id = carrying(stage)
    stage.clock.forward(600.0)
    second = stage.confirmed()
    now = stage.clock.now()
    search = Search(
        order=stage.order(second),
        region=stage.tiffin.regions["porto"],
        now=now,
        machine_now=now,
        offer_until=now,
        carried=carried_by(stage.store, now),
    )
    found = unbatched(stage.street, search, 5_000.0)
    assert {who: one.why for who, one in found.items()} == {driver_id: (NotBatched.INEFFICIENT,)}
    stage.run(commands.MatchOrder(order_id=second))
    assert stage.topics(second)[-1] == "no_driver_found"
    free = stage.driver(metres_away=3_000.0)
    offer = offered(stage, second)
    assert (offer.driver_id, offer.batch, offer.candidates) == (free, None, 1)
    (left_out,) = offer.unbatched
    assert (left_out.driver_id, left_out.why, left_out.weighed.carried) == (driver_id, ("inefficient",), 1)
    assert (left_out.weighed.apart_m, left_out.weighed.delay_seconds) == (0.0, 0.0)
    assert left_out.weighed.efficiency is not None
    assert left_out.weighed.efficiency < 0.7


def test_after_pick_up_the_next_order_is_offered_as_one_that_comes_after(stage: Stage) -> None:
    first, driver_id = carrying(stage)
    stage.run(commands.StartPreparation(order_id=first), Role.RESTAURANT, stage.restaurant_id)
    stage.run(commands.MarkReady(order_id=first), Role.RESTAURANT, stage.restaurant_id)
    stage.run(commands.PickUpOrder(order_id=first, driver_id=driver_id), Role.DRIVER, driver_id)
    assert stage.order(first).status is Status.PICKED_UP
    found = offered(stage, stage.confirmed())
    assert (found.driver_id, found.batch) == (driver_id, None)
    assert found.score.factors["load"] == -15.0


def test_whom_a_plan_foresees_is_looked_up_though_others_who_carry_are_nearer(stage: Stage) -> None:
    _, planned = carrying(stage)
    stage.street.drivers[planned] = 900.0
    for number in range(MOST_CARRYING):
        stage.street.loads[stage.driver(metres_away=100.0 * number)] = 1
    order_id, now = stage.confirmed(), stage.clock.now()
    plan = Foreseen(pickup_at=now, needed_at=now, orders=1, drivers=MOST_CARRYING + 1)
    stage.run(commands.OfferPlanned(order_id=order_id, driver_id=planned, plan=plan))
    (offer,) = [event for event in stage.events(order_id) if isinstance(event, DriverOffered)]
    assert offer.driver_id == planned
    assert offer.batch is not None


def test_the_orders_of_all_who_are_near_are_looked_up_in_two_round_trips(stage: Stage) -> None:
    first, driver_id = stage.assigned()
    del stage.street.drivers[driver_id]
    second, other_id = stage.assigned()
    store = Counted(stage.store)
    carried = carried_by(store, stage.clock.now())
    carried.look_up([driver_id, other_id, nobody := new_id()])
    orders = [[errand.order_id for errand in carried(one)] for one in (driver_id, other_id, nobody)]
    assert (orders, store.round_trips) == ([[first], [second], []], 2)


def test_what_is_recorded_of_a_batch_is_read_again(stage: Stage) -> None:
    carrying(stage)
    found = offered(stage, stage.confirmed())
    stored = MAPPER.to_stored_event(recorded(found))
    assert MAPPER.to_domain_event(stored).event == found
