"""An evening lived through in steps of ten seconds, between which time stands still.

Follower, planner and matching are the system's own, in this process; customers, kitchens and drivers come from a seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from datetime import timedelta
from math import hypot
from random import Random
from statistics import fmean
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from msgspec.structs import replace

from application import commands
from application.ids import new_id
from application.planner.planner import Planner
from application.reactions.actors import Work
from application.reactions.broker import open_broker
from application.reactions.follower import Follower
from application.reactions.rules import SEARCH
from domain.errors import Refusal
from domain.event import Role
from domain.geo import Position
from domain.order import DriverAssigned
from domain.region import Planning
from tests.application.reactions.town import AT, DROPOFF, METRES_NORTH, Town
from tests.application.stage import FixedClock
from tests.waiting import eventually

STEP_SECONDS = 10.0
METRES_A_SECOND = 4.6
"""What the region's travel times assume, as the crow flies."""
METRES_EAST = METRES_NORTH / 0.753
MOST_STEPS = 1_000
EXPIRE = "offers.expire_offer"
TO_DO = """
    SELECT position FROM reactions WHERE actor_name = %(actor)s AND state = 'pending' AND due_at <= %(now)s
    ORDER BY due_at, position
"""


class Meal(NamedTuple):
    """What a customer orders, and how long the kitchen says and takes. Metres from the town's middle."""

    placed_s: float
    restaurant: int
    east_m: float
    north_m: float
    said_s: int
    cooks_s: float


class Script(NamedTuple):
    """Everything that is the same whoever dispatches."""

    seed: int
    restaurants: Sequence[tuple[float, float]]
    drivers: Sequence[tuple[float, float]]
    meals: Sequence[Meal]

    def answer(self, meal: int, driver: int, time: int) -> str:
        """What this driver says when asked for this meal for the n-th time."""
        drawn = Random(f"{self.seed} {meal} {driver} {time}").random()  # noqa: S311 - no secret
        return "decline" if drawn < 0.12 else "silence" if drawn < 0.18 else "accept"


def script(seed: int, *, meals: int, drivers: int, restaurants: int, minutes: float) -> Script:
    random = Random(seed)  # noqa: S311 - no secret

    def somewhere(metres: float) -> tuple[float, float]:
        return random.uniform(-metres, metres), random.uniform(-metres, metres)

    def meal() -> Meal:
        said = random.choice((480, 720, 960))
        cooks = said * random.uniform(0.9, 1.15)
        return Meal(random.uniform(0, minutes * 60), random.randrange(restaurants), *somewhere(2_000.0), said, cooks)

    return Script(
        seed,
        [somewhere(1_200.0) for _ in range(restaurants)],
        [somewhere(1_500.0) for _ in range(drivers)],
        sorted(meal() for _ in range(meals)),
    )


@dataclass
class Delivery:
    """An order on its way through the evening. Seconds since it began."""

    meal: Meal
    number: int
    order_id: UUID
    confirmed_s: float
    ready: bool = False
    assigned: bool = False
    picked_s: float | None = None
    delivered_s: float | None = None
    batched: bool = False
    """Goes with another that its driver has or will have in the car."""
    asked: dict[UUID, UUID] = field(default_factory=dict)
    """Driver by offer."""


@dataclass
class Driving:
    """A driver, where they are, and what they carry or will, in the order of their yes."""

    number: int
    driver_id: UUID
    east_m: float
    north_m: float
    orders: list[Delivery] = field(default_factory=list)

    def away_m(self, east_m: float, north_m: float) -> float:
        return hypot(east_m - self.east_m, north_m - self.north_m)

    def towards(self, east_m: float, north_m: float) -> bool:
        """Drive for a step; whether that is where it ends."""
        away_m, reach_m = self.away_m(east_m, north_m), METRES_A_SECOND * STEP_SECONDS
        if away_m <= reach_m:
            self.east_m, self.north_m = east_m, north_m
            return True
        self.east_m += (east_m - self.east_m) * reach_m / away_m
        self.north_m += (north_m - self.north_m) * reach_m / away_m
        return False


class Lived(NamedTuple):
    """What an evening was like."""

    click_to_door_min: float
    food_waits_min: float
    offers: int
    declined: int
    expired: int
    bundled: int
    most_carried: int


class Evening:
    """One evening, with a planner or without."""

    def __init__(self, place: Town, said: Script, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self.said, self.connection = said, connection
        tomorrow = place.tiffin.clock.now() + timedelta(days=1)
        self.begins = tomorrow.replace(hour=20, minute=0, second=0, microsecond=0)
        self.clock = FixedClock(self.begins)
        self.place = place
        self.place.tiffin = replaced(place.tiffin, clock=self.clock)
        self.tiffin = self.place.tiffin
        self.restaurants = [self._restaurant(*where) for where in said.restaurants]
        self.drivers = [self._driver(number, *where) for number, where in enumerate(said.drivers)]
        self.open: list[Delivery] = []
        self.coming = list(enumerate(said.meals))
        self.done: list[Delivery] = []
        self.most_carried = 0

    def live(self, planning: Planning | None) -> Lived:
        region = self.tiffin.regions["porto"]
        region = replace(region, dispatch=replace(region.dispatch, planning=planning))
        self.tiffin = self.place.tiffin = replaced(self.tiffin, regions={"porto": region})
        self.work = Work(self.tiffin)
        planner = None if planning is None else Planner(self.tiffin, self.work, region, planning)
        self.follower = Follower(self.tiffin, open_broker(self.tiffin.valkey, prefix=self.tiffin.settings.world.prefix))
        self.follower.begin(self.connection)
        began = self._head()
        self._follow()
        for _ in range(MOST_STEPS):
            self._customers()
            self._kitchens()
            for driver in self.drivers:
                self._drive(driver)
            self._ping()
            self._follow()
            if planner is not None:
                planner.step()
            for actor in (SEARCH, EXPIRE):
                due = self.tiffin.side.run(TO_DO, {"actor": actor, "now": self.clock.now()})
                self.work.do(actor, [row[0] for row in due])
            self._answers()
            if not self.open and not self.coming:
                break
            self.clock.forward(STEP_SECONDS)
        assert not self.open, f"not delivered: {[self.place.topics(one.order_id) for one in self.open]}"
        if planner is not None:
            planner.stand_back()
        for driver in self.drivers:
            self.place.run(commands.EndShift(driver_id=driver.driver_id), Role.DRIVER, driver.driver_id)
        self._follow()
        return self._lived(began)

    def _lived(self, began: int) -> Lived:
        statement = "SELECT topic, count(*) FROM events WHERE position > %(began)s GROUP BY topic"
        topics: dict[str, int] = dict(self.tiffin.side.run(statement, {"began": began}))
        picked = [(one.picked_s or 0.0) - one.confirmed_s - one.meal.cooks_s for one in self.done]
        return Lived(
            click_to_door_min=fmean((one.delivered_s or 0.0) - one.meal.placed_s for one in self.done) / 60,
            food_waits_min=fmean(picked) / 60,
            offers=topics["order.driver_offered"],
            declined=topics.get("order.offer_declined", 0),
            expired=topics.get("order.offer_expired", 0),
            bundled=sum(one.batched for one in self.done),
            most_carried=self.most_carried,
        )

    def _customers(self) -> None:
        while self.coming and self.coming[0][1].placed_s <= self._now_s():
            number, meal = self.coming.pop(0)
            restaurant_id = self.restaurants[meal.restaurant]
            dropoff = replace(DROPOFF, position=_at(meal.east_m, meal.north_m))
            order_id = self.place.place(restaurant_id=restaurant_id, dropoff=dropoff)
            for command in (
                commands.ConfirmOrder(order_id=order_id, prep_seconds=meal.said_s),
                commands.StartPreparation(order_id=order_id),
            ):
                self.place.run(command, Role.RESTAURANT, restaurant_id)
            self.open.append(Delivery(meal, number, order_id, self._now_s()))

    def _kitchens(self) -> None:
        for one in self.open:
            if not one.ready and one.confirmed_s + one.meal.cooks_s <= self._now_s():
                one.ready = True
                restaurant_id = self.restaurants[one.meal.restaurant]
                self.place.run(commands.MarkReady(order_id=one.order_id), Role.RESTAURANT, restaurant_id)

    def _drive(self, driver: Driving) -> None:
        """Fetch what was agreed to before anything was in the car, then bring it, then fetch the next."""
        if not driver.orders:
            return
        inside = [one for one in driver.orders if one.picked_s is not None]
        outside = [one for one in driver.orders if one.picked_s is None]
        if inside and not (outside and all(one.batched for one in outside)):
            goal = min(inside, key=lambda one: driver.away_m(one.meal.east_m, one.meal.north_m))
            if driver.towards(goal.meal.east_m, goal.meal.north_m):
                driver.orders.remove(goal)
                goal.delivered_s = self._now_s()
                self._must(commands.DeliverOrder(order_id=goal.order_id, driver_id=driver.driver_id), driver)
                self.open.remove(goal)
                self.done.append(goal)
            return
        first = outside[0]
        if driver.towards(*self.said.restaurants[first.meal.restaurant]):
            for one in driver.orders:
                if one.picked_s is None and one.ready and one.meal.restaurant == first.meal.restaurant:
                    one.picked_s = self._now_s()
                    self._must(commands.PickUpOrder(order_id=one.order_id, driver_id=driver.driver_id), driver)

    def _answers(self) -> None:
        for one in self.open:
            offer = None if one.assigned else self.place.order(one.order_id).offer
            if offer is None or offer.offer_id in one.asked:
                continue
            one.asked[offer.offer_id] = offer.driver_id
            driver = next(driver for driver in self.drivers if driver.driver_id == offer.driver_id)
            said = self.said.answer(one.number, driver.number, list(one.asked.values()).count(offer.driver_id))
            if said == "decline":
                self._do(
                    commands.DeclineOffer(order_id=one.order_id, offer_id=offer.offer_id, driver_id=offer.driver_id),
                    driver,
                )
            elif said == "accept" and self._do(
                commands.AcceptOffer(order_id=one.order_id, offer_id=offer.offer_id, driver_id=offer.driver_id), driver
            ):
                one.assigned = True
                (assigned,) = (event for event in self.place.events(one.order_id) if isinstance(event, DriverAssigned))
                one.batched = assigned.batch is not None
                driver.orders.append(one)
                self.most_carried = max(self.most_carried, len(driver.orders))

    def _must(self, command: Any, driver: Driving) -> None:
        self.place.run(command, Role.DRIVER, driver.driver_id)

    def _do(self, command: Any, driver: Driving) -> bool:
        """Say something; whether it was in time."""
        try:
            self._must(command, driver)
        except Refusal:
            return False
        return True

    def _follow(self) -> None:
        while self.follower.follow(self.connection):
            pass
        head = self._head()
        self.place.seen("order_lists", head)
        members = self.tiffin.positions.keys["porto"].members
        eventually(lambda: int(self.tiffin.valkey.hget(members, "position") or 0) >= head, what="Valkey has it all")

    def _ping(self) -> None:
        for driver in self.drivers:
            self.place.drivers[driver.driver_id] = _at(driver.east_m, driver.north_m)
        assert self.place.ping(*(driver.driver_id for driver in self.drivers)) == len(self.drivers)

    def _restaurant(self, east_m: float, north_m: float) -> UUID:
        return self.place.restaurant(_at(east_m, north_m))

    def _driver(self, number: int, east_m: float, north_m: float) -> Driving:
        driver_id = new_id()
        joined = commands.RegisterDriver(
            driver_id=driver_id, name=f"Driver {number}", phone="+351 910 000 000", region="porto", vehicle="bicycle"
        )
        self.place.run(joined)
        self.place.run(commands.StartShift(driver_id=driver_id), Role.DRIVER, driver_id)
        return Driving(number, driver_id, east_m, north_m)

    def _head(self) -> int:
        return int(self.tiffin.side.run("SELECT position FROM log_head", {})[0][0])

    def _now_s(self) -> float:
        return (self.clock.now() - self.begins).total_seconds()


def _at(east_m: float, north_m: float) -> Position:
    return Position(lat=AT.lat + north_m * METRES_NORTH, lon=AT.lon + east_m * METRES_EAST)
