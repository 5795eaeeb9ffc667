"""The driver's side: decides on offers, drives, waits, hands over — and sometimes loses the network."""

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import aclosing
from typing import Any

import msgspec

from simulation.client import Person, Refused, Unreachable
from simulation.geometry import Point
from simulation.jobs import Job, OfferSeen, Stop, next_stop
from simulation.scenario import DriverPlan, Moment
from simulation.shapes import OrderStep
from simulation.stage import Stage

PING_SECONDS = 10.0
DECIDES_AFTER_SECONDS = (2.0, 8.0)
LOOK_AGAIN_SECONDS = 300.0
"""How often the driver's own orders are read although the live stream told nothing new."""
EXPECTED = frozenset({404, 409})
"""What a driver hears whom the platform has taken the order from."""
LOST_TOPICS = frozenset({"order.driver_unassigned", "order.cancelled"})


class Driver:
    """One driver with a phone. The phone is what goes dead: it neither pings, hears nor tells then."""

    def __init__(self, number: int, plan: DriverPlan, person: Person, stage: Stage) -> None:
        """`person` is logged in as the driver."""
        self.plan = plan
        self.person = person
        self._stage = stage
        self._rng = stage.rng(f"driver:{number}")
        self._silence = plan.silence
        self._place = plan.start
        self._leg: tuple[Point, float, Point, float] | None = None
        self._jobs: dict[str, Job] = {}
        self._offers_seen: set[str] = set()
        self._changed = asyncio.Event()
        self._online = asyncio.Event()
        self._reading = asyncio.Lock()
        self._dead = False
        self._on_shift = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def leaving(self) -> bool:
        """The shift is over, or should be."""
        off = self.plan.off_seconds
        return off is not None and self._stage.timeline.seconds() >= off

    async def start_shift(self) -> None:
        """Go on duty and say where."""
        await self.person.post("/v1/driver/shift")
        self._on_shift = True
        await self._ping()

    async def work(self) -> None:
        """Live through the shift; returns when it is over."""
        if not self._on_shift:
            await self._stage.timeline.until(self.plan.on_seconds)
            while not await self._try(self.start_shift()):
                await self._stage.timeline.pause(60)
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._listening = self._spawn(self._listen())
            for others in (self._keep_pinging(), self._look(), self._watch_the_clock()):
                self._spawn(others)
            await self._drive()
            for task in self._tasks:
                task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Hearing

    async def _listen(self) -> None:
        while True:
            async with aclosing(self.person.stream("/v1/driver/stream")) as messages:
                async for message in messages:
                    if message.event == "snapshot":
                        self._catch_up(message.data)
                        self._online.set()
                    elif message.event == "order":
                        await self._try(self._hear(msgspec.convert(message.data, OrderStep)))
            await asyncio.sleep(0.05)

    def _catch_up(self, snapshot: dict[str, Any]) -> None:
        """Believe the server about what is carried, and consider the offers that stand."""
        carried = {order["order_id"] for order in snapshot["deliveries"]}
        self._jobs = {order_id: job for order_id, job in self._jobs.items() if order_id in carried}
        for order in snapshot["deliveries"]:
            if order["order_id"] in self._jobs:
                self._jobs[order["order_id"]].hear(order)
            else:
                self._jobs[order["order_id"]] = Job.of_order(order, self._stage.scenario.plane)
        for offer in snapshot["offers"]:
            self._consider(msgspec.convert(offer, OfferSeen))
        self._changed.set()

    async def _hear(self, step: OrderStep) -> None:
        job = self._jobs.get(step.order_id)
        if step.topic == "order.driver_offered":
            for offer in (await self.person.get("/v1/driver/offers", position=step.position))["items"]:
                self._consider(msgspec.convert(offer, OfferSeen))
        elif job is not None and step.topic in LOST_TOPICS:
            del self._jobs[step.order_id]
            self._changed.set()
        elif job is not None and step.status == "ready_for_pickup" and not job.ready:
            job.ready = True
            self._changed.set()

    async def _look(self) -> None:
        while True:
            await self._stage.timeline.pause(LOOK_AGAIN_SECONDS)
            if not self._dead:
                await self._try(self._read_again())

    async def _read_again(self, position: int | None = None) -> None:
        # One at a time: an older answer must not overtake a newer one.
        async with self._reading:
            orders = await self.person.get("/v1/driver/orders", position=position, open="true", limit=20)
            offers = await self.person.get("/v1/driver/offers", position=position)
            self._catch_up({"deliveries": orders["items"], "offers": offers["items"]})

    # Deciding

    def _consider(self, offer: OfferSeen) -> None:
        if offer.offer_id not in self._offers_seen:
            self._offers_seen.add(offer.offer_id)
            self._spawn(self._decide(offer))

    async def _decide(self, offer: OfferSeen) -> None:
        accepts = self._rng.random() >= self.plan.decline_rate
        await self._stage.timeline.pause(self._rng.uniform(*DECIDES_AFTER_SECONDS))
        if self._goes_dead(Moment.OFFERED) or self._dead:
            return
        path = f"/v1/orders/{offer.order_id}/offers/{offer.offer_id}"
        try:
            if self.leaving or not accepts:
                await self.person.post(f"{path}/refusal", {"reason": "Shift is over" if self.leaving else "Too far"})
                self._stage.book.count("offers declined")
                return
            accepted = await self.person.post(f"{path}/acceptance")
            await self._read_again(accepted.position)
        except Refused as refusal:
            if refusal.status not in EXPECTED:
                self._stage.book.trouble(refusal)
            self._stage.book.count("answers too late")
        except Unreachable:
            self._stage.book.count("server away")

    # Driving

    async def _drive(self) -> None:
        while True:
            stop = next_stop(self._jobs.values(), self._place, self._stage.scenario.movement.metres_per_second)
            if stop is None:
                if self.leaving and not self._dead and await self._end_shift():
                    return
                await self._stage.timeline.wait_for(self._changed, 60)
                self._changed.clear()
                continue
            if stop.is_pickup:
                self._goes_dead(Moment.TO_RESTAURANT)
            self._changed.clear()
            if await self._travel(stop.point):
                await self._online.wait()
                if stop.job.order_id in self._jobs and not await self._try(self._stand(stop)):
                    await self._stage.timeline.pause(10)
                    await self._try(self._read_again())

    async def _travel(self, target: Point) -> bool:
        """Drive there; False when something changed on the way, which is then where the driver is."""
        timeline = self._stage.timeline
        seconds = self._place.distance_m(target) / self._stage.scenario.movement.metres_per_second
        if seconds < 1:
            self._place = target
            return True
        start = timeline.seconds()
        self._leg = (self._place, start, target, start + seconds)
        interrupted = await timeline.wait_for(self._changed, seconds)
        self._place = self._where() if interrupted else target
        self._leg = None
        return not interrupted

    async def _stand(self, stop: Stop) -> None:
        """Do what one comes for: hand over, pick up, or wait."""
        job, timeline, movement = stop.job, self._stage.timeline, self._stage.scenario.movement
        order = f"/v1/orders/{job.order_id}"
        if not stop.is_pickup:
            await timeline.pause(movement.dropoff_seconds / 2)
            await self.person.post(f"{order}/delivery")
            self._jobs.pop(job.order_id, None)
            await timeline.pause(movement.dropoff_seconds / 2)
            return
        if not job.arrived:
            await self.person.post(f"{order}/arrival")
            job.arrived = True
            await timeline.pause(movement.pickup_seconds / 2)
        if not job.ready:
            # The live stream says when; asking is for the case that it fell silent.
            if not await timeline.wait_for(self._changed, 120):
                await self._read_again()
            return
        await self.person.post(f"{order}/pickup")
        job.picked_up = True
        await timeline.pause(movement.pickup_seconds / 2)
        self._goes_dead(Moment.CARRYING)

    def _where(self) -> Point:
        if self._leg is None:
            return self._place
        start, left, target, arrives = self._leg
        return start.towards(target, min(1.0, (self._stage.timeline.seconds() - left) / (arrives - left)))

    # The phone

    async def _keep_pinging(self) -> None:
        timeline = self._stage.timeline
        due = timeline.seconds() + self._rng.uniform(0, PING_SECONDS)
        while True:
            await timeline.until(due)
            # A machine too slow for this speed skips pings instead of falling ever farther behind.
            due = max(due + PING_SECONDS, timeline.seconds())
            if not self._dead:
                await self._try(self._ping())

    async def _ping(self) -> None:
        ping = self._stage.position(self._where()) | {"at": self._stage.timeline.now().isoformat()}
        # The next one is due soon: one that does not get through is not worth repeating for long.
        answer = (await self.person.post("/v1/driver/positions", ping, attempts=2)).body
        self._stage.book.counts["positions dropped"] += answer["dropped"]
        self._stage.book.counts["positions accepted"] += answer["accepted"]

    def _goes_dead(self, moment: Moment) -> bool:
        silence = self._silence
        if silence is None or silence.moment is not moment or self._stage.timeline.seconds() < silence.after_seconds:
            return False
        self._silence = None
        self._dead = True
        self._online.clear()
        self._listening.cancel()
        self._stage.book.count("drivers fallen silent")
        self._stage.book.count(f"silent {moment.value}")
        self._spawn(self._revive(silence.for_seconds))
        return True

    async def _revive(self, for_seconds: float) -> None:
        await self._stage.timeline.pause(for_seconds)
        self._dead = False
        self._listening = self._spawn(self._listen())

    # The shift

    async def _watch_the_clock(self) -> None:
        if self.plan.off_seconds is not None:
            await self._stage.timeline.until(self.plan.off_seconds)
            self._changed.set()

    async def _end_shift(self) -> bool:
        try:
            await self.person.delete("/v1/driver/shift")
        except Refused as refusal:
            # Still carrying, as the server sees it: what that is, it will say.
            if refusal.status not in EXPECTED:
                self._stage.book.trouble(refusal)
            await self._try(self._read_again())
            return False
        self._on_shift = False
        self._stage.book.count("shifts ended")
        return True

    async def _try(self, act: Awaitable[None]) -> bool:
        """Do it; a refusal means that the server knows better, and is no surprise where two act at once."""
        try:
            await act
        except Refused as refusal:
            if refusal.status in EXPECTED:
                self._stage.book.count("refusals to drivers")
            else:
                self._stage.book.trouble(refusal)
            return False
        except Unreachable:
            self._stage.book.count("server away")
            return False
        return True
