"""One run: enrol everybody, let time go, live through the rush, wait for the last order, count."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from rich.console import Console

from simulation.book import Book
from simulation.client import Api, Person
from simulation.clock import Clock, Timeline
from simulation.customer import Customer
from simulation.driver import Driver
from simulation.enrolment import enrol, log_in
from simulation.kitchen import Kitchen
from simulation.outcome import Outcome, bundled, most_eventful, times
from simulation.progress import ProgressView
from simulation.scenario import Scenario
from simulation.staff import Watch, read_log, statuses
from simulation.stage import Stage


@dataclass(frozen=True, kw_only=True)
class World:
    """Where the city lives: a server whose business clock stands still at `origin` until `start` is called."""

    base_url: str
    clock: Clock
    origin: datetime
    start: Callable[[], object]
    admin_email: str
    admin_password: str


@dataclass(frozen=True)
class Lived:
    """A run's figures, and one order's timeline as support reads it (None when nothing was delivered)."""

    outcome: Outcome
    order_id: str | None
    timeline: list[dict[str, Any]]


async def live(scenario: Scenario, world: World, console: Console, *, began: float) -> Lived:
    """Live through the scenario. `began` is `time.monotonic()` when the run's `seconds` start to count."""
    stage = Stage(scenario, Timeline(world.clock, world.origin), Book())
    async with Api(world.base_url) as api:
        admin = await log_in(api, world.admin_email, world.admin_password)
        people = await enrol(api, scenario)
        kitchens = [
            Kitchen(plan, person, stage) for plan, person in zip(scenario.restaurants, people.restaurants, strict=True)
        ]
        drivers = [
            Driver(number, plan, person, stage)
            for number, (plan, person) in enumerate(zip(scenario.drivers, people.drivers, strict=True))
        ]
        restaurant_ids = [person.subject_id for person in people.restaurants]
        customers = [Customer(person, stage, restaurant_ids) for person in people.customers]
        await asyncio.gather(*(kitchen.open() for kitchen in kitchens))
        await asyncio.gather(*(driver.start_shift() for driver in drivers if driver.plan.on_seconds <= 0))
        console.print(
            f"{len(customers)} customers, {len(kitchens)} restaurants and {len(drivers)} drivers are logged in "
            f"after {time.monotonic() - began:.0f} s; time runs."
        )
        with ProgressView(console, stage.timeline, scenario) as view:
            watch = Watch(admin, view.show)
            await watch.settled()
            await _rush(stage, customers, kitchens, drivers, watch, world.start)
            final_lag = await watch.settled()
        return await _counted(stage, admin, watch.max_lag, final_lag, began)


async def _rush(
    stage: Stage,
    customers: list[Customer],
    kitchens: list[Kitchen],
    drivers: list[Driver],
    watch: Watch,
    start: Callable[[], object],
) -> None:
    """Let everybody live from the moment that time starts until the last order is over, or the drain is."""
    async with asyncio.TaskGroup() as group:
        background = [group.create_task(kitchen.work()) for kitchen in kitchens]
        background += [group.create_task(driver.work()) for driver in drivers]
        background.append(group.create_task(watch.keep_looking()))
        await asyncio.to_thread(start)
        lives = (customers[plan.customer].live(number, plan) for number, plan in enumerate(stage.scenario.orders))
        await asyncio.gather(*lives, _drained(stage, watch))
        for task in background:
            task.cancel()


async def _drained(stage: Stage, watch: Watch) -> None:
    """Wait until every order is over and paid for, at most the drain."""
    end = stage.scenario.ends_at_seconds
    await stage.timeline.until(end)
    while stage.timeline.seconds() < end + stage.scenario.drain_seconds:
        if watch.latest is not None and watch.latest.under_way == 0:
            return
        await stage.timeline.pause(30)


async def _counted(stage: Stage, admin: Person, max_lag: int, final_lag: int, began: float) -> Lived:
    placed = stage.book.placed
    reads = {order_id: partial(order.customer.get, f"/v1/orders/{order_id}") for order_id, order in placed.items()}
    found = await statuses(reads)
    log = await read_log(admin)
    order_id = most_eventful(log, placed)
    steps = (await admin.get(f"/v1/support/orders/{order_id}/timeline"))["steps"] if order_id else []
    outcome = Outcome(
        placed=len(placed),
        statuses=Counter(found.values()),
        topics=Counter(event.topic for event in log),
        times=times(log, placed),
        counts=stage.book.counts,
        troubles=stage.book.troubles,
        max_lag=max_lag,
        final_lag=final_lag,
        bundled=bundled(log, placed),
        seconds=time.monotonic() - began,
    )
    return Lived(outcome, order_id, steps)
