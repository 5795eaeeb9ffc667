"""Where drivers are and who is near: pings in, nearest drivers out, claims and silence, all in Valkey.

Times are business time, UTC, except `machine_now`: silence needs both clocks.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import batched
from math import ceil
from typing import cast
from uuid import UUID

import msgspec
import redis

from application import metrics
from domain.geo import Position, distance_m
from domain.region import Dispatch, Region
from projections.valkey import functions
from projections.valkey.facts import DriverFacts
from projections.valkey.functions import moment, stamp
from projections.valkey.keys import RegionKeys
from projections.valkey.rows import LastPosition, parse, place, slots, unheard

PINGS_A_CALL = 32
"""A call holds up every search: 32 pings for some 0.15 ms, as `benchmarks.nearest` measures (`server_ms`)."""
SWEPT_A_CALL = 500
NEAR_HEAD = 2


class Ping(msgspec.Struct, frozen=True):
    """A driver's device says where it is; `at` is business time."""

    driver_id: UUID
    position: Position
    at: datetime


class PingCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some pings."""

    accepted: int = 0
    late: int = 0
    """Older than 6 min: kept in the history, but nobody is taken to be there now, or to have been heard of."""
    dropped_stale: int = 0
    """Not newer than the last one."""
    dropped_unknown: int = 0
    """The driver is not on shift in this region, or Valkey is just being reloaded."""
    dropped_impossible: int = 0
    """More than 5 min in the future, older than a day, or further from the last place than anybody drives."""
    came_back: tuple[UUID, ...] = ()
    """Drivers held for silent who were heard again: command ReportBack for each."""

    @property
    def dropped(self) -> int:
        """All that counts for nothing."""
        return self.dropped_stale + self.dropped_unknown + self.dropped_impossible


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """A driver who can be offered an order; `load` orders are carried, fewer than `capacity`."""

    driver_id: UUID
    distance_m: float
    position: Position
    load: int
    capacity: int
    board: DriverFacts


class Silent(msgspec.Struct, frozen=True, kw_only=True):
    """A driver not heard of for too long who carries orders or holds an offer: command ReportSilent."""

    driver_id: UUID
    last_seen_at: datetime
    load: int


class Positions:
    """The drivers of all regions, over a blocking client: for workers and clock jobs. Unknown regions are KeyErrors."""

    def __init__(self, valkey: redis.Redis, *, prefix: str, regions: Mapping[str, Region]) -> None:
        """`prefix` is `WorldSettings.prefix`; `valkey` decodes no responses."""
        self.valkey = valkey
        self.regions = regions
        self.keys = {region: RegionKeys(prefix, region) for region in regions}

    def record(self, region: str, pings: Sequence[Ping], *, now: datetime, machine_now: datetime) -> PingCounts:
        """Take pings in, oldest first where one driver has several."""
        keys = self.keys[region]
        outcomes = b"".join(
            cast("bytes", functions.call(self.valkey, "record", *record_call(keys, chunk, now, machine_now)))
            for chunk in batched(pings, PINGS_A_CALL)
        )
        counts = count(pings, outcomes)
        tally(counts)
        return counts

    def nearest(
        self,
        region: str,
        position: Position,
        *,
        k: int,
        radius_m: float,
        now: datetime,
        machine_now: datetime,
        exclude: Collection[UUID] = (),
        order_id: UUID | None = None,
    ) -> list[Near]:
        """At most `k` drivers within `radius_m`, nearest first, in one round trip.

        Leaves out who is silent, at capacity, in `exclude` (asked already), or
        claimed for an order other than `order_id`.
        """
        seen, heard = silent_before(self.regions[region].dispatch, now, machine_now)
        args = (position.lon, position.lat, k, radius_m, stamp(now), seen, heard, str(order_id or ""))
        with metrics.geo_query_duration_seconds.time():
            flat = functions.call(self.valkey, "nearest", nearest_keys(self.keys[region]), *args, *map(str, exclude))
        return read_near(cast("list[bytes]", flat))

    def look_up(
        self,
        region: str,
        driver_id: UUID,
        position: Position,
        *,
        radius_m: float,
        now: datetime,
        machine_now: datetime,
    ) -> Near | None:
        """One driver as `nearest` has them, however many are nearer. Whether suspended or held, `claim` will say."""
        keys, field = self.keys[region], str(driver_id)
        with self.valkey.pipeline(transaction=False) as pipeline:
            pipeline.hget(keys.state, field)
            pipeline.hget(keys.board, field)
            row, facts = cast("list[bytes | None]", pipeline.execute())
        heard = silent_before(self.regions[region].dispatch, now, machine_now)
        if row is None or parse(row).last is None or unheard(row, *heard):
            return None
        found = _near(driver_id, position, row, facts or b"")
        return found if found.load < found.capacity and found.distance_m <= radius_m else None

    def claim(self, region: str, driver_id: UUID, order_id: UUID, *, until: datetime, now: datetime) -> bool:
        """Hold a driver for an order until business time `until`; False when full, gone or held for another order.

        The projection of offers keeps the claim as long as an offer stands and lifts it afterwards.
        """
        keys = self.keys[region]
        args = (str(driver_id), str(order_id), stamp(now), stamp(until))
        return functions.call(self.valkey, "claim", (keys.state, keys.claims), *args) == 1

    def release_claim(self, region: str, driver_id: UUID, order_id: UUID) -> None:
        """Let the driver go if still held for this order: no offer was made after all."""
        functions.call(self.valkey, "release", (self.keys[region].claims,), str(driver_id), str(order_id))

    def sweep(self, region: str, *, now: datetime, machine_now: datetime) -> list[Silent]:
        """Take silent drivers out of the search. Answers those with orders or an offer, each time until the log knows.

        Looks at the silent and, once in `silent_seconds`, at each of the others.
        Drivers without any ping count from the first sweep that sees them: so after a reload of Valkey, too.
        """
        keys = self.keys[region]
        silent = {found.driver_id: found for found in self._sweep(keys, region, now, machine_now)}
        functions.call(self.valkey, "prune", (keys.claims,), stamp(now))
        return list(silent.values())

    def last_position(self, region: str, driver_id: UUID) -> LastPosition | None:
        """Where a driver on shift was last."""
        row = cast("bytes | None", self.valkey.hget(self.keys[region].state, str(driver_id)))
        return parse(row).last if row is not None else None

    def _sweep(self, keys: RegionKeys, region: str, now: datetime, machine_now: datetime) -> Iterator[Silent]:
        seen, heard = silent_before(self.regions[region].dispatch, now, machine_now)
        args = (stamp(now), stamp(machine_now), seen, heard)
        offset = 0
        # One window at a time; whoever stays due is passed over by the next, so this ends.
        while True:
            reply = cast(
                "list[bytes]",
                functions.call(
                    self.valkey,
                    "sweep",
                    (keys.due, keys.state, keys.free, keys.full, keys.claims),
                    *args,
                    offset,
                    SWEPT_A_CALL,
                    ceil(self.regions[region].dispatch.silent_seconds * 1_000),
                ),
            )
            stay, looked_at, *found = reply
            for driver_id, last_seen, load in batched(found, 3):
                yield Silent(driver_id=UUID(driver_id.decode()), last_seen_at=moment(last_seen), load=int(load))
            offset += int(stay)
            if int(looked_at) < SWEPT_A_CALL:
                return


def record_call(
    keys: RegionKeys, pings: Sequence[Ping], now: datetime, machine_now: datetime
) -> tuple[tuple[str, ...], str, str, str, *tuple[str | float, ...]]:
    """Keys and arguments of `record`, which answers one letter a ping (see `count`)."""
    args: list[str] = []
    # All at once, as JSON would have them: str() of each takes ten times as long.
    ids: list[str] = msgspec.to_builtins([ping.driver_id for ping in pings])
    for driver_id, ping in zip(ids, pings, strict=True):
        at = ping.position
        # A tenth of a metre. More digits are longer to write, to read and to keep, and no device knows them.
        args += (driver_id, f"{at.lon:.6f}", f"{at.lat:.6f}", stamp(ping.at))
    return (
        (keys.state, keys.free, keys.full),
        stamp(now),
        stamp(machine_now),
        keys.positions_channel,
        *args,
    )


def count(pings: Sequence[Ping], outcomes: bytes) -> PingCounts:
    """Sum up what `record` answered for these pings."""
    came_back: dict[UUID, None] = {}
    if b"c" in outcomes:
        returned = (ping.driver_id for ping, letter in zip(pings, outcomes, strict=True) if letter == ord("c"))
        came_back = dict.fromkeys(returned)
    return PingCounts(
        accepted=outcomes.count(b"a") + outcomes.count(b"c"),
        late=outcomes.count(b"l"),
        dropped_stale=outcomes.count(b"s"),
        dropped_unknown=outcomes.count(b"u"),
        dropped_impossible=outcomes.count(b"i"),
        came_back=tuple(came_back),
    )


def tally(counts: PingCounts) -> None:
    """Count pings in the metrics."""
    metrics.driver_location_updates_total.inc(counts.accepted)
    metrics.driver_location_late_total.inc(counts.late)
    for reason in ("stale", "unknown", "impossible"):
        if dropped := getattr(counts, f"dropped_{reason}"):
            metrics.driver_location_dropped_total.labels(reason).inc(dropped)


def nearest_keys(keys: RegionKeys) -> tuple[str, ...]:
    """Keys of `nearest`; `read_near` reads what it answers."""
    return (keys.free, keys.state, keys.board, keys.claims)


def read_near(flat: Sequence[bytes]) -> list[Near]:
    """Drivers out of the answer of `nearest`: where was searched, then three values each."""
    if len(flat) <= NEAR_HEAD:
        return []
    lon, lat = flat[:NEAR_HEAD]
    here = Position(lat=float(lat), lon=float(lon))
    ids = msgspec.convert([text.decode() for text in flat[NEAR_HEAD::3]], list[UUID])
    return [
        _near(driver_id, here, row, facts)
        for driver_id, row, facts in zip(ids, flat[NEAR_HEAD + 1 :: 3], flat[NEAR_HEAD + 2 :: 3], strict=True)
    ]


def silent_before(dispatch: Dispatch, now: datetime, machine_now: datetime) -> tuple[str, str]:
    """Stamps that a driver's last signs of life must both be older than, for the driver to be silent."""
    return (
        stamp(now - timedelta(seconds=dispatch.silent_seconds)),
        stamp(machine_now - timedelta(seconds=dispatch.silent_machine_seconds)),
    )


def _near(driver_id: UUID, here: Position, row: bytes, facts: bytes) -> Near:
    there, (load, capacity) = place(row), slots(row)
    return Near(
        driver_id=driver_id,
        distance_m=distance_m(here, there),
        position=there,
        load=load,
        capacity=capacity,
        board=msgspec.json.decode(facts, type=DriverFacts) if facts else DriverFacts(),
    )
