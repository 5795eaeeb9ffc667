"""One step of a planner, in this process, while time stands still: what is carried out, and in which order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace as replaced
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from application import commands, intentions
from application.bootstrap import Tiffin
from application.ids import new_id
from application.matching import PlanOvertaken
from application.planner.looking import Looking
from application.planner.planner import CLAIMED_AT_ONCE, UNCLEAR, Planner
from application.planner.unserved import PATIENCE
from application.reactions import rows
from application.reactions.actors import Outcome, Work
from application.reactions.rules import SEARCH
from application.settings import Settings
from domain.event import Role
from domain.order import Foreseen, NoDriverFound
from domain.region import Dispatch, Planning
from projections import order_lists
from tests.application.reactions.town import AT, PATIENT, Town, town
from tests.application.stage import FixedClock
from tests.waiting import eventually

PLANNING = Planning(from_load=0.1, lead_seconds=60.0)
LAST = 9_000
"""A position behind all others."""


class TickingClock(FixedClock):
    """Business time stands still; machine time goes on by a tick whenever somebody looks."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self.tick = self.ahead = timedelta()

    def machine_now(self) -> datetime:
        self.ahead += self.tick
        return self.time + self.ahead


class Noting(Work):
    """Notes commands, and how many rows are leased meanwhile, instead of doing them."""

    def __init__(self, tiffin: Tiffin) -> None:
        super().__init__(tiffin)
        self.tiffin = tiffin
        self.noted: list[msgspec.Struct] = []
        self.leased: list[int] = []
        self.outcome = Outcome.DONE
        self.really = False
        """Do them as well."""

    def carry_out(self, row: rows.Claimed, command: msgspec.Struct, *, unless_planned: bool = False) -> Outcome:
        assert not unless_planned
        self.noted.append(command)
        leased = "SELECT count(*) FROM reactions WHERE lease_until IS NOT NULL AND state = 'pending'"
        self.leased.append(self.tiffin.side.run(leased, {})[0][0])
        machine_now = self.tiffin.clock.machine_now()
        if self.really:
            return super().carry_out(row, command)
        if self.outcome is Outcome.DONE:
            rows.close(self.tiffin.side, row, "noted", machine_now=machine_now)
        else:
            rows.postpone(self.tiffin.side, row, until=machine_now, outcome="noted", error="")
        return self.outcome


class Stage:
    """A town, its planner, and what the planner does."""

    def __init__(self, place: Town, dispatch: Dispatch) -> None:
        assert dispatch.planning is not None
        self.place = place
        self.clock = TickingClock(place.tiffin.clock.now())
        self.place.tiffin = replaced(place.tiffin, clock=self.clock)
        self.work = Noting(self.place.tiffin)
        self.region = replace(place.tiffin.regions["porto"], dispatch=dispatch)
        self.planner = Planner(self.place.tiffin, self.work, self.region, dispatch.planning)

    def order(self, *, position: int = LAST, topic: str = "order.confirmed") -> UUID:
        """One that the read model knows, and whose driver is to be found."""
        order_id = self.place.confirm()
        eventually(lambda: order_id in self.confirmed(), what="the read model has the order")
        self.due(order_id, position, topic=topic)
        return order_id

    def confirmed(self) -> set[UUID]:
        with self.place.tiffin.reads.connect() as connection:
            return {one.order_id for one in order_lists.in_play(connection, "porto", limit=100) if one.confirmed_at}

    def intended(self, order_id: UUID) -> intentions.Intention | None:
        found = intentions.read(self.place.tiffin, "porto")
        return None if found is None else found.orders.get(order_id)

    def foreseen(self, order_id: UUID) -> UUID | None:
        intention = self.intended(order_id)
        return None if intention is None else intention.driver_id

    def due(
        self, order_id: UUID, position: int, *, since: timedelta = timedelta(), topic: str = "order.confirmed"
    ) -> None:
        statement = """
            INSERT INTO reactions (position, actor_name, stream_id, topic, correlation_id, region, due_at)
            VALUES (%(position)s, %(actor)s, %(stream_id)s, %(topic)s, 'test', 'porto', %(due_at)s)
        """
        due_at = self.clock.now() - since
        values = {"position": position, "actor": SEARCH, "stream_id": order_id, "due_at": due_at, "topic": topic}
        self.place.tiffin.side.run(statement, values)

    def cooked(self) -> None:
        """The kitchen has had its time; drivers are still heard of."""
        for _ in range(2):
            self.clock.forward(450.0)
            self.place.ping(*self.place.drivers)

    def carried_away(self) -> UUID:
        """A driver who has just picked an order up, and will be free once it is at its customer's."""
        driver_id = self.place.driver(metres_away=300.0)
        order_id = self.place.confirm()
        self.place.run(commands.MatchOrder(order_id=order_id))
        self.place.accept(order_id, *self.place.offered(order_id))
        for command in (commands.StartPreparation(order_id=order_id), commands.MarkReady(order_id=order_id)):
            self.place.run(command, Role.RESTAURANT, self.place.restaurant_id)
        picked_up = self.place.run(commands.PickUpOrder(order_id=order_id, driver_id=driver_id), Role.DRIVER, driver_id)
        self.place.seen("order_lists", picked_up.position)
        return driver_id

    def brought(self, driver_id: UUID) -> None:
        """The driver's customer has the food."""
        (order_id,) = self.place.driver_state(driver_id).deliveries
        deliver = commands.DeliverOrder(order_id=order_id, driver_id=driver_id)
        delivered = self.place.run(deliver, Role.DRIVER, driver_id)
        self.place.seen("order_lists", delivered.position)
        self.place.ping(driver_id)

    def step(self) -> list[msgspec.Struct]:
        self.work.noted.clear()
        self.planner.step()
        return list(self.work.noted)


@pytest.fixture
def stage(settings: Settings, tmp_path: Path) -> Iterator[Stage]:
    with planned(settings, tmp_path, PLANNING) as found:
        yield found


@contextmanager
def planned(settings: Settings, folder: Path, planning: Planning) -> Iterator[Stage]:
    dispatch = replace(PATIENT, planning=planning)
    with town(settings, dispatch, folder) as place:
        yield Stage(place, dispatch)


def test_rows_are_claimed_by_the_handful_and_offers_come_first(stage: Stage) -> None:
    driver_id = stage.place.driver(metres_away=300.0)
    for position in range(1_000, 1_000 + 2 * CLAIMED_AT_ONCE + 5):
        stage.due(new_id(), position, since=2 * UNCLEAR)
    order_id = stage.order(position=LAST)
    stage.cooked()
    first, *others = stage.step()
    assert isinstance(first, commands.OfferPlanned)
    assert (first.order_id, first.driver_id) == (order_id, driver_id)
    assert [type(one) for one in others] == [commands.MatchOrder] * (2 * CLAIMED_AT_ONCE + 5)
    assert max(stage.work.leased) == CLAIMED_AT_ONCE


@pytest.mark.parametrize(("outcome", "again"), [(Outcome.UNDONE, True), (Outcome.OVERTAKEN, False)])
def test_only_who_could_not_be_asked_is_not_foreseen_again(stage: Stage, outcome: Outcome, *, again: bool) -> None:
    stage.place.driver(metres_away=300.0)
    stage.order()
    stage.cooked()
    stage.work.outcome = outcome
    (first,) = stage.step()
    assert isinstance(first, commands.OfferPlanned)
    (then,) = stage.step()
    assert isinstance(then, commands.OfferPlanned) is again


def test_an_order_without_a_place_waits_for_another_plan_while_it_cooks(stage: Stage) -> None:
    stage.place.driver(metres_away=20_000.0)
    order_id = stage.order()
    assert stage.step() == []
    stage.cooked()
    assert stage.step() == [commands.MatchOrder(order_id=order_id)]


def test_who_comes_on_shift_replaces_a_match_that_nobody_was_told_of(stage: Stage) -> None:
    busy = stage.carried_away()
    order_id = stage.order()
    stage.cooked()
    assert stage.step() == []
    assert stage.foreseen(order_id) == busy
    free = stage.place.driver(metres_away=300.0)
    (offer,) = stage.step()
    assert isinstance(offer, commands.OfferPlanned)
    assert offer.driver_id == free


def test_who_falls_silent_is_not_foreseen_any_more(stage: Stage) -> None:
    drivers = {stage.place.driver(metres_away=300.0), stage.place.driver(metres_away=1_500.0)}
    order_id = stage.order()
    assert stage.step() == []
    first = stage.foreseen(order_id)
    assert first in drivers
    (other,) = drivers - {first}
    stage.clock.forward(PATIENT.silent_seconds + 1.0)
    stage.place.ping(other)
    stage.step()
    assert stage.foreseen(order_id) == other


def test_a_late_search_leaves_what_cooks_to_the_next_one(settings: Settings, tmp_path: Path) -> None:
    with planned(settings, tmp_path, replace(PLANNING, limit_seconds=0.0)) as stage:
        stage.place.driver(metres_away=300.0)
        stage.order()
        assert stage.step() == []
        stage.cooked()
        (offer,) = stage.step()
        assert isinstance(offer, commands.OfferPlanned)


def test_who_waits_with_ready_food_for_a_busy_driver_is_told_once(stage: Stage) -> None:
    driver_id = stage.carried_away()
    order_id = stage.order()
    stage.cooked()
    stage.work.really = True
    assert stage.step() == [], "a plan may still find somebody"
    stage.clock.forward(PATIENCE.total_seconds())
    (told,) = stage.step()
    assert isinstance(told, commands.TellUnserved)
    (nobody,) = [event for event in stage.place.events(order_id) if isinstance(event, NoDriverFound)]
    assert nobody.plan == told.plan
    assert nobody.plan.pickup_at > stage.clock.now(), "the driver comes later"
    assert nobody.retry_at - stage.clock.now() == timedelta(seconds=PLANNING.every_seconds)
    stage.clock.forward(PATIENCE.total_seconds())
    assert stage.step() == [], "told already, and still in the plan"
    assert stage.foreseen(order_id) == driver_id
    stage.brought(driver_id)
    (offer,) = stage.step()
    assert isinstance(offer, commands.OfferPlanned)
    assert stage.place.offered(order_id)[1] == driver_id
    assert stage.place.order(order_id).round == 2


def test_who_is_offered_in_time_is_told_of_no_delay(stage: Stage) -> None:
    stage.place.driver(metres_away=300.0)
    stage.order()
    stage.cooked()
    (offer,) = stage.step()
    stage.clock.forward(PATIENCE.total_seconds())
    assert isinstance(offer, commands.OfferPlanned)
    assert stage.step() == []


def test_what_there_is_no_time_to_look_at_is_offered_alone(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    near = stage.place.driver(metres_away=300.0)
    first, second = (stage.order(position=number, topic="order.offer_declined") for number in (1_001, 1_002))
    stage.cooked()
    stage.clock.tick = timedelta(seconds=PLANNING.limit_seconds)
    offer, alone = stage.step()
    assert isinstance(offer, commands.OfferPlanned)
    assert (offer.order_id, offer.driver_id) == (first, near)
    assert alone == commands.MatchOrder(order_id=second)
    assert "beyond_the_most=0 not_looked_at=1" in capsys.readouterr().out


def test_looking_around_ends_in_time_and_goes_on_where_it_ended(stage: Stage) -> None:
    near = stage.place.driver(metres_away=300.0)
    looking, now = Looking(stage.place.tiffin, stage.region), stage.clock.now()
    restaurants = [AT, replace(AT, lat=AT.lat + 0.001), replace(AT, lat=AT.lat + 0.002)]
    times = iter([False, True])
    looked, found = looking.near(restaurants, now, lambda: next(times))
    assert looked == set(restaurants[:2])
    assert set(found) == {near}
    orders = [stage.place.confirm() for _ in range(2)]
    declined = [rows.Search(number, order_id, "order.offer_declined", now) for number, order_id in enumerate(orders)]
    assert looking.asked(declined, lambda: True).keys() == {orders[0]}
    assert looking.asked(declined, lambda: True).keys() == set(orders), "what was read once is known"


def test_when_the_next_plan_is_due_the_rest_is_left_to_it(stage: Stage) -> None:
    stage.place.driver(metres_away=300.0)
    stage.order()
    for position in range(1_000, 1_000 + CLAIMED_AT_ONCE + 5):
        stage.due(new_id(), position, since=2 * UNCLEAR)
    stage.clock.tick = timedelta(seconds=PLANNING.every_seconds)
    assert len(stage.step()) == CLAIMED_AT_ONCE
    assert len(stage.step()) == 5


def test_more_orders_than_a_plan_looks_at_are_told(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.place.driver(metres_away=300.0)
    for position in range(1_001, 1_004):
        stage.order(position=position)
    planner = Planner(stage.place.tiffin, stage.work, stage.region, PLANNING, most_in_play=1)
    planner.step()
    assert "beyond_the_most=2 not_looked_at=0" in capsys.readouterr().out


def test_nothing_is_done_while_valkey_has_lost_the_drivers(stage: Stage) -> None:
    stage.place.driver(metres_away=300.0)
    stage.order()
    stage.cooked()
    state = stage.place.tiffin.positions.keys["porto"].state
    valkey = stage.place.tiffin.valkey
    valkey.rename(state, "kept")
    assert stage.step() == []
    valkey.rename("kept", state)
    (offer,) = stage.step()
    assert isinstance(offer, commands.OfferPlanned)


def test_a_driver_whom_the_restaurants_own_search_does_not_reach_is_asked(settings: Settings, tmp_path: Path) -> None:
    with town(settings, replace(PATIENT, candidates=2), tmp_path) as place:
        _, _, third, away = [place.driver(metres_away=metres) for metres in (100.0, 200.0, 300.0, 20_000.0)]
        order_id, now = place.confirm(), place.tiffin.clock.now()
        plan = Foreseen(pickup_at=now, needed_at=now, orders=1, drivers=4)
        with pytest.raises(PlanOvertaken):
            place.run(commands.OfferPlanned(order_id=order_id, driver_id=away, plan=plan))
        place.run(commands.OfferPlanned(order_id=order_id, driver_id=third, plan=plan))
        assert place.offered(order_id)[1] == third
