"""One region's planner: every few seconds looks at all that waits, plans, and offers what is due."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from functools import partial
from itertools import batched
from uuid import UUID

from application import commands, intentions, logs, metrics
from application.bootstrap import Tiffin
from application.intentions import Intention, Intentions
from application.planner.committing import Step, moment, steps
from application.planner.districts import districts
from application.planner.looking import Asked, Looking
from application.planner.outlook import OnDuty, followed, minutes, problem, ready_seconds
from application.planner.overdue import Overdue
from application.planner.unserved import Unserved
from application.positions import Near
from application.reactions import rows
from application.reactions.actors import Outcome, Work
from application.reactions.rules import SEARCH
from domain.order import NEEDS_DRIVER, Foreseen
from domain.region import Planning, Region
from planning import search
from planning.problem import Plan
from projections import driver_board, order_lists
from projections.order_lists import OrderInPlay

log = logs.logger(__name__)

MOST_IN_PLAY = 20_000
"""Open orders of a region that are looked at, the oldest first."""
CALM_BELOW = 0.5
"""Of the load from which on plans are made."""
LEAST_PUBLISHED_SECONDS = 2.0
LEAST_LIMIT_SECONDS = 0.1
"""Machine time that a search has on a clock so fast that half a window is less."""
LEAST_CARRY_OUT_SECONDS = 3.0
"""Machine time for offers, at least, where windows are shorter."""
UNCLEAR = timedelta(seconds=30)
"""Business time after which a search that the read model knows nothing of is done without it."""
BARRED = timedelta(minutes=1)
"""Business time for which a pair that a plan foresaw in vain is not foreseen again."""


CLAIMED_AT_ONCE = 20
"""Searches whose leases begin together and are done one after the other: the last one's must not run out before."""
LABELS = {Outcome.DONE: "offered", Outcome.OVERTAKEN: "overtaken"}

type Todo = commands.OfferPlanned | commands.MatchOrder | commands.TellUnserved


class Planner:
    """Plans one region. Keeps the last plan between two steps; everything else it asks each time."""

    def __init__(
        self, tiffin: Tiffin, work: Work, region: Region, planning: Planning, *, most_in_play: int = MOST_IN_PLAY
    ) -> None:
        """`work` carries commands out; `planning` is the region's."""
        self._most_in_play = most_in_play
        self._tiffin, self._work = tiffin, work
        self._region, self._planning = region, planning
        self._plan: Plan = {}
        self._plans = 0
        self._planning_now = False
        self._intentions: Intentions | None = None
        self._looking = Looking(tiffin, region)
        self._barred: dict[tuple[UUID, UUID], datetime] = {}
        self._overdue = Overdue(region)
        self._unserved = Unserved()

    def step(self) -> bool:
        """Plan once, if orders queue. Returns whether they do."""
        now = self._tiffin.clock.now()
        with self._tiffin.reads.connect() as connection:
            in_play = order_lists.in_play(connection, self._region.id, limit=self._most_in_play)
            if not self._on_shift() and driver_board.on_shift(connection, self._region.id):
                # Valkey was emptied: without drivers every order would be sent to look for one, and find nobody.
                log.warning("plan put off until Valkey has the drivers again", region=self._region.id)
                return self._planning_now
        if not self._queue(sum(order.status in NEEDS_DRIVER for order in in_play)):
            self.stand_back()
            return False
        self._planning_now = True
        # Whoever is told of a search meanwhile leaves it to the plan.
        self._publish(self._intentions or Intentions(at=now, waiting=0, drivers=0), now)
        with metrics.plan_duration_seconds.time():
            self._plan_and_offer(in_play, now)
        return True

    def _queue(self, waiting: int) -> bool:
        enough = self._planning.from_load * (CALM_BELOW if self._planning_now else 1.0)
        return waiting > 0 and waiting >= enough * self._on_shift()

    def _on_shift(self) -> int:
        return self._tiffin.valkey.hlen(self._tiffin.positions.keys[self._region.id].state)

    def stand_back(self) -> None:
        """Let searches go on by themselves."""
        if self._planning_now:
            self._planning_now = False
            self._plan, self._intentions = {}, None
            self._looking.forget()
            intentions.withdraw(self._tiffin, self._region.id)
            rows.unleave(self._tiffin.side, SEARCH, self._region.id)

    def _plan_and_offer(self, in_play: Sequence[OrderInPlay], now: datetime) -> None:
        clock, side = self._tiffin.clock, self._tiffin.side
        machine_now = clock.machine_now()
        look_until = machine_now + self._limit(now)
        due = rows.searches(side, SEARCH, self._region.id, now=now, machine_now=machine_now, limit=self._most_in_play)
        self._forget(now)
        known = {order.order_id: order for order in in_play}
        waiting = {one.order_id: one for one in due if _searches(known.get(one.order_id))}
        asked = self._looking.asked(waiting.values(), partial(self._past, look_until))
        searching = [known[order_id] for order_id in waiting if order_id in asked and asked[order_id].may_ask]
        restaurants, near = self._looking.near(
            (order.restaurant_position for order in searching), now, partial(self._past, look_until)
        )
        over = sum(not one.may_ask for one in asked.values())
        searching = [order for order in searching if order.restaurant_position in restaurants]
        self._tell_unseen(len(waiting) - over - len(searching), due, now)
        carriers = self._looking.carrying(in_play, now)
        # The read model and Valkey are not of one moment: who carries something in either is not idle.
        carrying = {one.driver_id for one in carriers}
        on_duty = self._overdue.left_out(carriers, now)
        on_duty += [_idle(one) for one in near.values() if not one.load and one.driver_id not in carrying]
        foreseen = self._planned(searching, on_duty, self._refused(asked), now)
        self._intend(foreseen, in_play, len(on_duty), now)
        plans = {
            UUID(int=step.order.id): Foreseen(
                pickup_at=moment(step.pickup_min),
                needed_at=moment(step.needed_min),
                orders=len(searching),
                drivers=len(on_duty),
            )
            for step in foreseen
        }
        todo: dict[UUID, Todo] = {
            (order_id := UUID(int=step.order.id)): commands.OfferPlanned(
                order_id=order_id, driver_id=UUID(int=step.driver.id), plan=plans[order_id]
            )
            for step in _due(foreseen, minutes(now), near)
        }
        ready = {order_id for order_id in plans if ready_seconds(known[order_id], now) <= 0.0}
        for order_id in self._unserved.to_tell(waiting.keys(), ready, now):
            todo.setdefault(order_id, commands.TellUnserved(order_id=order_id, plan=plans[order_id]))
        alone = [
            one
            for order_id, one in waiting.items()
            if order_id not in plans
            and (self._urgent(known[order_id], now) or (order_id in asked and not asked[order_id].may_ask))
        ]
        alone += [one for one in due if one.order_id not in waiting and now - one.due_at > UNCLEAR]
        self._carry_out(waiting, todo, alone)

    def _planned(
        self,
        searching: Sequence[OrderInPlay],
        on_duty: Sequence[OnDuty],
        refused: Mapping[UUID, AbstractSet[UUID]],
        now: datetime,
    ) -> list[Step]:
        """Plan district by district; the seed is the number of the plan."""
        clock, previous = self._tiffin.clock, self._plan
        self._plans += 1
        self._plan = {}
        found: list[Step] = []
        started_at = clock.machine_now()
        parts = districts(searching, on_duty, most_orders=self._planning.most_orders)
        limit = self._limit(now)
        late = False
        for number, part in enumerate(parts, start=1):
            # What one district leaves of its share is the next one's.
            until = started_at + limit * number / len(parts)
            todo = problem(self._region, now, part.searching, part.on_duty, refused)
            plan = search.plan(todo, followed(previous, todo), self._plans, expired=partial(self._past, until))
            late |= self._past(until)
            found += steps(todo, plan, self._planning.lead_seconds / 60.0)
            self._plan |= plan
        log.info(
            "planned",
            region=self._region.id,
            orders=len(searching),
            drivers=len(on_duty),
            districts=len(parts),
            late=late,
            seconds=round((clock.machine_now() - started_at).total_seconds(), 3),
        )
        return found

    def _limit(self, now: datetime) -> timedelta:
        """Machine time for looking around, and again for the search."""
        half_seconds = self._window_seconds(now) / 2
        return timedelta(seconds=min(self._planning.limit_seconds, max(LEAST_LIMIT_SECONDS, half_seconds)))

    def _window_seconds(self, now: datetime) -> float:
        """Machine time from one plan to the next."""
        return self._tiffin.clock.machine_seconds_until(now + timedelta(seconds=self._planning.every_seconds))

    def _tell_unseen(self, late: int, due: Sequence[rows.Search], now: datetime) -> None:
        """Count the orders that this plan leaves out, for want of time or because there are too many."""
        more = 0
        if len(due) == self._most_in_play:
            machine_now = self._tiffin.clock.machine_now()
            all_due = rows.due_searches(self._tiffin.side, SEARCH, self._region.id, now=now, machine_now=machine_now)
            more = max(0, all_due - len(due))
        if late or more:
            metrics.plan_unseen_orders_total.labels("late").inc(late)
            metrics.plan_unseen_orders_total.labels("too_many").inc(more)
            log.warning("a plan leaves orders out", region=self._region.id, not_looked_at=late, beyond_the_most=more)

    def _past(self, moment: datetime) -> bool:
        return self._tiffin.clock.machine_now() >= moment

    def _carry_out(
        self,
        waiting: Mapping[UUID, rows.Search],
        planned: Mapping[UUID, Todo],
        alone: Sequence[rows.Search],
    ) -> None:
        """Ask the drivers; whom no driver fits, and what is unclear, is matched as if there were no plan.

        In this order, for a search without a plan could take a driver whom the plan has for another. What is left when
        the next plan is due is that one's, which knows better.
        """
        todo: dict[int, Todo] = {waiting[order_id].position: one for order_id, one in planned.items()}
        todo |= {one.position: commands.MatchOrder(order_id=one.order_id) for one in alone}
        clock, side = self._tiffin.clock, self._tiffin.side
        until = clock.machine_now() + timedelta(seconds=max(LEAST_CARRY_OUT_SECONDS, self._window_seconds(clock.now())))
        for number, handful in enumerate(batched(todo, CLAIMED_AT_ONCE)):
            if number and self._past(until):
                log.warning(
                    "left to the next plan", region=self._region.id, searches=len(todo) - number * CLAIMED_AT_ONCE
                )
                return
            found = rows.claim(side, SEARCH, handful, now=clock.now(), machine_now=clock.machine_now())
            claimed = {row.position: row for row in found}
            for position in handful:
                if position in claimed:
                    self._do(claimed[position], todo[position])

    def _urgent(self, order: OrderInPlay, now: datetime) -> bool:
        """Whether an order without a place can wait for no other plan: a late search has looked at few of them."""
        return ready_seconds(order, now) <= self._planning.lead_seconds

    def _do(self, row: rows.Claimed, command: Todo) -> None:
        outcome = self._work.carry_out(row, command)
        label = "unplanned"
        if isinstance(command, commands.TellUnserved):
            label = "told" if outcome is Outcome.DONE else "put_off"
            if outcome is Outcome.DONE:
                self._unserved.told(command.order_id)
        if isinstance(command, commands.OfferPlanned):
            label = LABELS.get(outcome, "put_off")
            if outcome is Outcome.OVERTAKEN:
                # Not when the store was busy or the row somebody else's: that says nothing about the pair.
                self._barred[command.driver_id, command.order_id] = self._tiffin.clock.now() + BARRED
        metrics.planned_orders_total.labels(label).inc()

    def _refused(self, asked: Mapping[UUID, Asked]) -> dict[UUID, AbstractSet[UUID]]:
        refused: dict[UUID, set[UUID]] = defaultdict(set)
        for order_id, before in asked.items():
            for driver_id in before.drivers:
                refused[driver_id].add(order_id)
        for driver_id, order_id in self._barred:
            refused[driver_id].add(order_id)
        return dict(refused)

    def _forget(self, now: datetime) -> None:
        self._barred = {pair: until for pair, until in self._barred.items() if until > now}

    def _intend(self, foreseen: Sequence[Step], in_play: Sequence[OrderInPlay], drivers: int, now: datetime) -> None:
        self._intentions = Intentions(
            at=now,
            waiting=sum(order.status in NEEDS_DRIVER for order in in_play),
            drivers=drivers,
            orders={
                UUID(int=step.order.id): Intention(
                    driver_id=UUID(int=step.driver.id),
                    pickup_at=moment(step.pickup_min),
                    offer_at=moment(step.offer_min),
                )
                for step in foreseen
            },
        )
        self._publish(self._intentions, now)

    def _publish(self, what: Intentions, now: datetime) -> None:
        seconds = max(LEAST_PUBLISHED_SECONDS, 3 * self._window_seconds(now))
        intentions.publish(self._tiffin, self._region.id, what, seconds=seconds)


def _searches(order: OrderInPlay | None) -> bool:
    """Whether an order needs a driver, as far as the read model knows: it may be a moment behind."""
    return order is not None and order.status in NEEDS_DRIVER and order.driver_id is None and order.offered_to is None


def _idle(one: Near) -> OnDuty:
    return OnDuty(driver_id=one.driver_id, position=one.position)


def _due(foreseen: Sequence[Step], now_min: float, near: Mapping[UUID, Near]) -> list[Step]:
    """What has to be offered now; each driver is asked for one order at a time."""
    asked: dict[int, Step] = {}
    for step in foreseen:
        if step.next and step.offer_min <= now_min and UUID(int=step.driver.id) in near:
            asked.setdefault(step.driver.id, step)
    return list(asked.values())
