"""A region as it was: five minutes of it at a time, sampled and bounded, to be replayed on the map.

Who was on duty and which orders were open is read from the read models, where drivers were from the history of their
positions. What a slice costs depends on how many drivers and orders there were, never on how often drivers were heard
from.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from math import ceil
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from application import tracks
from application.bootstrap import Tiffin
from application.clocks import Clock
from application.ops_map import MOST_DRIVERS, MOST_ORDERS, way
from domain.errors import InvalidInput
from domain.order import events
from domain.region import Dispatch, Region
from projections import order_lists, order_timeline, region_history
from projections.order_lists import OrderOnMap
from projections.order_steps import STATUS
from projections.order_timeline import Move
from projections.region_history import Duty

BACK = timedelta(hours=1)
SLICE = timedelta(minutes=5)
STEPS_SECONDS = (10, 15, 30, 60)
MOST_FIXES = 100_000
"""Samples in one slice: the more drivers, the rarer they are."""
MOST_MOVES = 100_000

ABSENT, UNPLACED, FREE, BUSY, SILENT, SUSPENDED = "-ufbsx"
"""Letters of a driver's states: off duty, on duty with no position known, and as in `DriverState`."""


class DriverThen(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A driver, as an array: a letter and a place for each sample.

    Places are differences in 0.00001 degrees: the first from the region's centre, each from the one before; null while
    none is known.
    """

    driver_id: UUID
    states: str
    lats: list[int | None]
    lons: list[int | None]


class OrderStep(NamedTuple):
    """What an order was from a moment on; `at_seconds` after the slice's beginning, `eta_at` in Unix time."""

    at_seconds: float
    status: str
    driver_id: UUID | None
    eta_at: int


class OrderThen(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An order, as an array, with its steps; the first one tells how it was when the slice began."""

    order_id: UUID
    restaurant_name: str
    restaurant_lat: float
    restaurant_lon: float
    dropoff_lat: float
    dropoff_lon: float
    promised_at: int
    steps: list[OrderStep]


class RegionHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A region from `since` on: `samples` moments, `step_seconds` apart. `truncated`: something is left out."""

    region: str
    timezone: str
    lat: float
    lon: float
    since: datetime
    step_seconds: int
    samples: int
    drivers: list[DriverThen]
    orders: list[OrderThen]
    truncated: bool


def slice_of(clock: Clock, moment: datetime) -> datetime:
    """When the slice that has a moment began. Raises InvalidInput beyond the last hour, and for what is yet to come."""
    now = clock.now()
    began = datetime.fromtimestamp(moment.timestamp() // SLICE.seconds * SLICE.seconds, UTC)
    if not now - BACK - 2 * SLICE <= began <= now:
        raise InvalidInput("since", f"The map goes back {BACK.seconds // 60} minutes; it is {now.isoformat()}.")
    return began


def region_slice(tiffin: Tiffin, connection: Connection, region: Region, since: datetime) -> RegionHistory:
    """Look at a slice, which began at `since`: five queries, each with a bound. Blocks."""
    until = min(since + SLICE, tiffin.clock.now())
    duties = region_history.on_duty(connection, region.id, since, until, limit=2 * MOST_DRIVERS)
    by_driver = {key: list(spans) for key, spans in groupby(duties, attrgetter("driver_id"))}
    drivers = list(by_driver)[:MOST_DRIVERS]
    ids = region_history.open_orders(connection, region.id, since, until, limit=MOST_ORDERS + 1)
    moves = order_timeline.moves(connection, ids[:MOST_ORDERS], tuple(_SHOWN), until, limit=MOST_MOVES)
    orders = order_lists.on_map(connection, ids[:MOST_ORDERS])
    step_seconds = next(
        (step for step in STEPS_SECONDS if len(drivers) * (SLICE.seconds // step) <= MOST_FIXES), STEPS_SECONDS[-1]
    )
    samples = max(1, -int(-(until - since).total_seconds() // step_seconds))
    quiet = _quiet_seconds(region.dispatch, tiffin.clock)
    fixes = tracks.samples(tiffin.reads, drivers, since, step_seconds=step_seconds, count=samples, back=BACK)
    moments = _Moments(since, step_seconds, samples, quiet)
    carrying = _carrying(moves)
    return RegionHistory(
        region=region.id,
        timezone=region.timezone,
        lat=region.center.lat,
        lon=region.center.lon,
        since=since,
        step_seconds=step_seconds,
        samples=samples,
        drivers=[_driver(moments, region, key, by_driver[key], carrying[key], fixes.get(key)) for key in drivers],
        orders=list(_orders(orders, moves, since)),
        truncated=(
            len(duties) == 2 * MOST_DRIVERS
            or len(by_driver) > MOST_DRIVERS
            or len(ids) > MOST_ORDERS
            or len(moves) == MOST_MOVES
        ),
    )


class _Moments(NamedTuple):
    since: datetime
    step_seconds: int
    samples: int
    quiet_seconds: float

    def within(self, start: datetime, end: datetime | None) -> range:
        """The numbers of the moments from `start` to before `end`; to the last one where it lasts."""
        return range(max(0, self._first(start)), self.samples if end is None else min(self.samples, self._first(end)))

    def _first(self, at: datetime) -> int:
        return ceil((at - self.since).total_seconds() / self.step_seconds)


def _quiet_seconds(dispatch: Dispatch, clock: Clock) -> float:
    """After how long without a position a driver counts as silent: in a world that runs fast, a while of real time."""
    minute = timedelta(minutes=1)
    speed = minute.seconds / clock.machine_seconds_until(clock.now() + minute)
    return max(dispatch.silent_seconds, dispatch.silent_machine_seconds * speed)


def _driver(
    moments: _Moments,
    region: Region,
    driver_id: UUID,
    duties: Iterable[Duty],
    carrying: Iterable[tuple[datetime, datetime | None]],
    fixes: tracks.Samples | None,
) -> DriverThen:
    states = _states(moments, duties, carrying)
    lats: list[int | None] = [None] * moments.samples
    lons: list[int | None] = [None] * moments.samples
    known = {} if fixes is None else {number: fix for number, *fix in zip(*fixes, strict=True)}
    lat, lon = round(region.center.lat * tracks.PARTS), round(region.center.lon * tracks.PARTS)
    heard_at: float | None = None
    for number, state in enumerate(states):
        if (fix := known.get(number)) is not None:
            heard_at, lat_now, lon_now = fix
            lats[number], lons[number] = int(lat_now) - lat, int(lon_now) - lon
            lat, lon = int(lat_now), int(lon_now)
        elif heard_at is not None:
            lats[number] = lons[number] = 0
        if state == ABSENT:
            continue
        if heard_at is None:
            states[number] = UNPLACED
        elif number * moments.step_seconds - heard_at > moments.quiet_seconds:
            states[number] = SILENT
    return DriverThen(driver_id=driver_id, states="".join(states), lats=lats, lons=lons)


def _states(
    moments: _Moments, duties: Iterable[Duty], carrying: Iterable[tuple[datetime, datetime | None]]
) -> list[str]:
    """As the log has it: a letter for each moment."""
    states = [ABSENT] * moments.samples
    for duty in duties:
        letter = SILENT if duty.silent else SUSPENDED if duty.suspended else FREE
        for number in moments.within(duty.since, duty.until):
            states[number] = letter
    for start, end in carrying:
        for number in moments.within(start, end):
            if states[number] == FREE:
                states[number] = BUSY
    return states


_MOVED = {kind.TOPIC: status.value for kind, status in STATUS.items() if kind is not events.Completed}
_TAKEN, _GIVEN_UP = events.DriverAssigned.TOPIC, events.DriverUnassigned.TOPIC
_SHOWN = {*_MOVED, _TAKEN, _GIVEN_UP, events.EtaRevised.TOPIC}
_ENDS = {_GIVEN_UP, events.Delivered.TOPIC, events.Cancelled.TOPIC}
_CLOSED = {kind.TOPIC for kind in (events.Delivered, events.Cancelled, events.Rejected)}


def _carrying(moves: Iterable[Move]) -> Mapping[UUID, list[tuple[datetime, datetime | None]]]:
    """From when to when each driver had an order, order by order."""
    found: defaultdict[UUID, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for _, steps in groupby(moves, attrgetter("order_id")):
        taken: Move | None = None
        for step in steps:
            if taken is not None and taken.driver_id is not None and step.topic in _ENDS:
                found[taken.driver_id].append((taken.occurred_at, step.occurred_at))
                taken = None
            if step.topic == _TAKEN:
                taken = step
        if taken is not None and taken.driver_id is not None:
            found[taken.driver_id].append((taken.occurred_at, None))
    return found


def _orders(orders: Iterable[OrderOnMap], moves: Iterable[Move], since: datetime) -> Iterator[OrderThen]:
    by_order = {key: list(steps) for key, steps in groupby(moves, attrgetter("order_id"))}
    for order in orders:
        if not (found := by_order.get(order.order_id)):
            continue
        yield OrderThen(
            order_id=order.order_id,
            restaurant_name=order.restaurant_name,
            **way(order),
            promised_at=int(order.promised_at.timestamp()),
            steps=_steps(order, found, since),
        )


def _steps(order: OrderOnMap, moves: Iterable[Move], since: datetime) -> list[OrderStep]:
    steps: list[OrderStep] = []
    status, driver_id, eta_at = "", None, int(order.promised_at.timestamp())
    for move in moves:
        status = _MOVED.get(move.topic, status)
        if move.topic == _TAKEN:
            driver_id = move.driver_id
        elif move.topic in {_GIVEN_UP, events.Cancelled.TOPIC}:
            driver_id = None
        if move.eta_at is not None:
            eta_at = int(move.eta_at.timestamp())
        step = OrderStep(round((move.occurred_at - since).total_seconds(), 1), status, driver_id, eta_at)
        if steps and step.at_seconds <= 0:
            steps.clear()
        steps.append(step)
        if move.topic in _CLOSED:
            break
    return steps
