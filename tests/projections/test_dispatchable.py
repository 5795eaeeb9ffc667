"""Who can be dispatched, followed from events into a real Valkey, and read anew when it is lost."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
import redis
from sqlalchemy import Connection

from application.ids import new_id
from application.positions import Near, Ping, Positions
from domain.driver import events as driver
from domain.order import events as order
from domain.region import PORTO, Region
from projections import driver_board, order_details
from projections.dispatchable import Dispatchable
from projections.positions import POSITIONS
from projections.valkey.facts import DriverFacts
from tests.projections.history import NOON, History, assigned, joined, offered, placed

BRAGA = Region(id="braga", name="Braga", currency="EUR", timezone="Europe/Lisbon", center=PORTO.center)
REGIONS = {PORTO.id: PORTO, BRAGA.id: BRAGA}
PREFIX = "t:"


class Dispatch:
    """The follower beside the read models that it is read anew from."""

    def __init__(self, valkey: redis.Redis, connection: Connection, history: History) -> None:
        self.valkey = valkey
        self.history = history
        self.connection = connection
        self.follower = Dispatchable(valkey, prefix=PREFIX, regions=REGIONS)
        self.positions = Positions(valkey, prefix=PREFIX, regions=REGIONS)

    def on_shift(self, *, capacity: int = 2, region: str = PORTO.id) -> UUID:
        driver_id = new_id()
        self.history.tell(driver_id, joined(capacity=capacity, region=region), driver.ShiftStarted())
        return driver_id

    def follow(self, *, batch: int = 1_000) -> int:
        """What the runner does, until nothing is left."""
        while (at := self.follower.position(self.connection)) < self.history.position:
            self.follower.apply(self.history.events[at : at + batch])
        return at

    def fold_tables(self) -> None:
        """Let the PostgreSQL read models come up to the log's head."""
        for projection in (driver_board.PROJECTION, order_details.PROJECTION):
            self.history.fold(self.connection, projection)
            at = POSITIONS.update().where(POSITIONS.c.name == projection.name).values(position=self.history.position)
            self.connection.execute(at)
        self.connection.commit()

    def ping(self, *drivers: UUID, region: str = PORTO.id) -> int:
        pings = [Ping(driver_id, PORTO.center, self.history.now) for driver_id in drivers]
        return self.positions.record(region, pings, now=self.history.now, machine_now=NOON).accepted

    def near(self, region: str = PORTO.id) -> list[Near]:
        return self.positions.nearest(
            region, PORTO.center, k=20, radius_m=5_000.0, now=self.history.now, machine_now=NOON
        )

    def near_ids(self, region: str = PORTO.id) -> set[UUID]:
        return {near.driver_id for near in self.near(region)}

    def rows(self) -> dict[str, object]:
        """Everything that the follower keeps of both regions."""
        keys = [key for region in REGIONS for key in self.positions.keys[region].written]
        return {key: self.valkey.hgetall(key) for key in keys if self.valkey.type(key) == b"hash"}


@pytest.fixture
def dispatch(valkey_url: str, connection: Connection, history: History) -> Iterator[Dispatch]:
    with redis.Redis.from_url(valkey_url, socket_timeout=5, socket_connect_timeout=2) as valkey:
        yield Dispatch(valkey, connection, history)


def test_drivers_on_shift_are_near_until_the_shift_ends(dispatch: Dispatch) -> None:
    on, off = dispatch.on_shift(), new_id()
    dispatch.history.tell(off, joined())
    dispatch.follow()
    assert dispatch.ping(on, off) == 1
    assert dispatch.near_ids() == {on}
    dispatch.history.tell(on, driver.ShiftEnded())
    dispatch.follow()
    assert dispatch.near_ids() == set()


def test_regions_are_apart(dispatch: Dispatch) -> None:
    here, there = dispatch.on_shift(), dispatch.on_shift(region=BRAGA.id)
    nowhere = dispatch.on_shift(region="lisbon")
    dispatch.follow()
    assert dispatch.ping(here, there, nowhere) == 1
    assert dispatch.ping(here, there, nowhere, region=BRAGA.id) == 1
    assert dispatch.near_ids() == {here}
    assert dispatch.near_ids(BRAGA.id) == {there}


def test_load_follows_deliveries_up_to_capacity(dispatch: Dispatch) -> None:
    driver_id, first, second = dispatch.on_shift(capacity=2), new_id(), new_id()
    dispatch.follow()
    dispatch.ping(driver_id)
    dispatch.history.tell(driver_id, driver.DeliveryTaken(order_id=first))
    dispatch.follow()
    [near] = dispatch.near()
    assert (near.load, near.capacity) == (1, 2)
    dispatch.history.tell(driver_id, driver.DeliveryTaken(order_id=second))
    dispatch.follow()
    assert dispatch.near() == []
    dispatch.history.tell(
        driver_id, driver.DeliveryFinished(order_id=first, currency="EUR", fee_minor=200, tip_minor=0)
    )
    dispatch.follow()
    [near] = dispatch.near()
    assert (near.load, near.board.deliveries, near.board.deliveries_on(NOON.date())) == (1, 1, 1)


def test_nobody_is_asked_to_carry_more_than_the_region_allows(dispatch: Dispatch) -> None:
    driver_id = dispatch.on_shift(capacity=10)
    dispatch.follow()
    dispatch.ping(driver_id)
    dispatch.history.tell(driver_id, driver.DeliveryTaken(order_id=new_id()))
    dispatch.follow()
    [near] = dispatch.near()
    assert (near.load, near.capacity, near.board.capacity) == (1, 2, 10)
    dispatch.history.tell(driver_id, driver.DeliveryTaken(order_id=new_id()))
    dispatch.follow()
    assert dispatch.near() == []


@pytest.mark.parametrize(
    ("away", "back"),
    [
        (driver.WentSilent(last_seen_at=NOON), driver.CameBack()),
        (driver.Suspended(reason="complaints"), driver.Reinstated()),
    ],
)
def test_silent_and_suspended_drivers_cannot_be_dispatched(
    dispatch: Dispatch, away: driver.WentSilent | driver.Suspended, back: driver.CameBack | driver.Reinstated
) -> None:
    driver_id = dispatch.on_shift()
    dispatch.follow()
    dispatch.ping(driver_id)
    dispatch.history.tell(driver_id, away)
    dispatch.follow()
    assert dispatch.near() == []
    dispatch.history.tell(driver_id, back)
    dispatch.follow()
    assert dispatch.near_ids() == {driver_id}


def test_answers_to_offers_make_the_acceptance_rate(dispatch: Dispatch) -> None:
    driver_id = dispatch.on_shift()
    for event in (
        order.OfferDeclined(offer_id=new_id(), driver_id=driver_id),
        order.OfferExpired(offer_id=new_id(), driver_id=driver_id),
        order.OfferWithdrawn(offer_id=new_id(), driver_id=driver_id, reason="cancelled"),
        assigned(driver_id),
        assigned(driver_id),
    ):
        dispatch.history.tell(new_id(), event)
    dispatch.follow()
    dispatch.ping(driver_id)
    [near] = dispatch.near()
    assert near.board.acceptance_rate == 0.5


def test_stars_make_the_rating_once_each(dispatch: Dispatch) -> None:
    driver_id = dispatch.on_shift()
    dispatch.history.tell(driver_id, driver.Rated(order_id=new_id(), stars=1), driver.Rated(order_id=new_id(), stars=4))
    dispatch.follow()
    dispatch.follower.apply(dispatch.history.events)
    dispatch.ping(driver_id)
    [near] = dispatch.near()
    assert near.board.rating == 30 / 7
    dispatch.fold_tables()
    dispatch.follower.forget()
    dispatch.follow()
    dispatch.ping(driver_id)
    [near] = dispatch.near()
    assert near.board.rating == 30 / 7, "read anew from the board"


def test_an_offer_holds_its_driver_until_it_ends(dispatch: Dispatch) -> None:
    driver_id, order_id = dispatch.on_shift(), new_id()
    dispatch.history.tell(order_id, offered(driver_id))
    dispatch.follow()
    dispatch.ping(driver_id)
    assert dispatch.near() == []
    dispatch.history.tell(order_id, order.OfferDeclined(offer_id=UUID(int=500), driver_id=driver_id))
    dispatch.follow()
    assert dispatch.near_ids() == {driver_id}


def test_an_old_offer_read_late_takes_no_driver_from_a_newer_claim(dispatch: Dispatch) -> None:
    driver_id, old, new = dispatch.on_shift(), new_id(), new_id()
    dispatch.follow()
    dispatch.ping(driver_id)
    until = dispatch.history.now + timedelta(minutes=10)
    assert dispatch.positions.claim(PORTO.id, driver_id, new, until=until, now=dispatch.history.now)
    dispatch.history.tell(old, offered(driver_id))
    dispatch.history.tell(old, order.OfferExpired(offer_id=UUID(int=500), driver_id=driver_id))
    dispatch.follow()
    assert not dispatch.positions.claim(PORTO.id, driver_id, old, until=until, now=dispatch.history.now)


@pytest.mark.parametrize("batch", [1, 3, 1_000])
def test_a_batch_applied_twice_changes_nothing(dispatch: Dispatch, batch: int) -> None:
    driver_id = dispatch.on_shift()
    dispatch.history.tell(driver_id, driver.DeliveryTaken(order_id=new_id()))
    dispatch.history.tell(new_id(), assigned(driver_id))
    dispatch.follow(batch=batch)
    before = dispatch.rows()
    dispatch.follower.apply(dispatch.history.events)
    assert dispatch.rows() == before


def test_position_and_rows_are_lost_together_and_read_anew(dispatch: Dispatch) -> None:
    drivers = [dispatch.on_shift() for _ in range(3)]
    order_id = new_id()
    dispatch.history.tell(drivers[0], driver.DeliveryTaken(order_id=new_id()))
    dispatch.history.tell(drivers[1], driver.WentSilent(last_seen_at=NOON))
    done = driver.DeliveryFinished(order_id=new_id(), currency="EUR", fee_minor=200, tip_minor=0)
    dispatch.history.tell(drivers[2], driver.DeliveryTaken(order_id=done.order_id), done)
    dispatch.history.tell(order_id, placed(), offered(drivers[2]))
    dispatch.fold_tables()
    dispatch.follow()
    before = dispatch.rows()
    dispatch.valkey.flushdb()
    assert dispatch.ping(*drivers) == 0, "nobody is known meanwhile"
    assert dispatch.follow() == dispatch.history.position
    assert dispatch.rows() == before
    assert dispatch.ping(*drivers) == 3
    assert dispatch.near_ids() == {drivers[0]}, "the silent one is out, and the offered one held"


def test_what_the_board_has_not_reached_is_followed_from_the_log(dispatch: Dispatch) -> None:
    driver_id = dispatch.on_shift()
    dispatch.fold_tables()
    dispatch.history.tell(driver_id, driver.DeliveryTaken(order_id=new_id()))
    later = dispatch.on_shift()
    dispatch.follow()
    dispatch.ping(driver_id, later)
    assert {near.driver_id: near.load for near in dispatch.near()} == {driver_id: 1, later: 0}


def test_a_reload_of_many_drivers(dispatch: Dispatch) -> None:
    drivers = [dispatch.on_shift() for _ in range(1_200)]
    dispatch.fold_tables()
    dispatch.follow()
    assert dispatch.ping(*drivers) == len(drivers)


def test_one_region_lost_is_read_anew_alone(dispatch: Dispatch) -> None:
    here, there = dispatch.on_shift(), dispatch.on_shift(region=BRAGA.id)
    dispatch.fold_tables()
    dispatch.follow()
    dispatch.ping(there, region=BRAGA.id)
    dispatch.valkey.delete(*dispatch.positions.keys[PORTO.id].written)
    dispatch.follow()
    assert dispatch.ping(here) == 1
    assert dispatch.near_ids(BRAGA.id) == {there}, "whose place was not lost"


def test_nothing_is_written_where_the_rows_were_lost_a_moment_ago(dispatch: Dispatch) -> None:
    dispatch.on_shift()
    dispatch.fold_tables()
    dispatch.follow()
    second = dispatch.on_shift()
    dispatch.valkey.flushdb()
    dispatch.follower.apply(dispatch.history.events[-2:])
    assert dispatch.valkey.dbsize() == 0
    dispatch.follow()
    assert dispatch.ping(second) == 1


def test_a_leader_that_was_replaced_writes_nothing_more(dispatch: Dispatch) -> None:
    driver_id = dispatch.on_shift()
    dispatch.follow()
    replaced = Dispatchable(dispatch.valkey, prefix=PREFIX, regions=REGIONS)
    behind = replaced._places()
    dispatch.history.tell(driver_id, driver.ShiftEnded())
    dispatch.follow()
    place = behind[PORTO.id]
    assert place is not None
    assert not replaced._follow(PORTO.id, place, place, {driver_id: DriverFacts(on_shift=True)})
    assert dispatch.ping(driver_id) == 0


def test_another_layout_of_the_rows_is_read_anew(dispatch: Dispatch) -> None:
    driver_id = dispatch.on_shift()
    dispatch.fold_tables()
    dispatch.follow()
    keys = dispatch.positions.keys[PORTO.id]
    dispatch.valkey.hset(keys.members, "generation", "0")
    dispatch.valkey.hset(keys.state, str(driver_id), "another layout")
    dispatch.follow()
    assert dispatch.ping(driver_id) == 1


def test_told_to_forget_it_reads_anew(dispatch: Dispatch) -> None:
    driver_id = dispatch.on_shift()
    dispatch.fold_tables()
    dispatch.follow()
    dispatch.valkey.hdel(dispatch.positions.keys[PORTO.id].state, str(driver_id))
    dispatch.follower.forget()
    dispatch.follow()
    assert dispatch.ping(driver_id) == 1


def test_deliveries_of_today_begin_anew_at_local_midnight(dispatch: Dispatch) -> None:
    driver_id = dispatch.on_shift()
    lisbon_midnight = NOON.replace(month=7, hour=23)  # summer time: UTC + 1
    for moment in (lisbon_midnight - timedelta(minutes=2), lisbon_midnight + timedelta(minutes=1)):
        dispatch.history.now = moment
        taken = new_id()
        done = driver.DeliveryFinished(order_id=taken, currency="EUR", fee_minor=200, tip_minor=0)
        dispatch.history.tell(driver_id, driver.DeliveryTaken(order_id=taken), done)
    dispatch.follow()

    def stored() -> DriverFacts:
        told = dispatch.valkey.hget(dispatch.positions.keys[PORTO.id].board, str(driver_id))
        assert isinstance(told, bytes)
        return msgspec.json.decode(told, type=DriverFacts)

    facts = stored()
    assert (facts.deliveries, facts.deliveries_on(lisbon_midnight.date() + timedelta(days=1))) == (2, 1)
    dispatch.fold_tables()
    dispatch.valkey.flushdb()
    dispatch.follow()
    assert stored() == facts
