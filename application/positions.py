"""Where drivers are and who is near: pings in, nearest drivers out, claims and silence, all in Valkey.

Times are business time, UTC, except `machine_now`: silence needs both clocks.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
import redis

from domain.geo import Position
from domain.region import Region
from projections.valkey.keys import RegionKeys


class Ping(msgspec.Struct, frozen=True):
    """A driver's device says where it is; `at` is business time."""

    driver_id: UUID
    position: Position
    at: datetime


class PingCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some pings."""

    accepted: int = 0
    dropped_stale: int = 0
    """Not newer than the last one."""
    dropped_unknown: int = 0
    """The driver is not on shift in this region, or Valkey is just being reloaded."""
    dropped_impossible: int = 0
    """More than 5 min in the future, or further away than any driver drives."""
    came_back: tuple[UUID, ...] = ()
    """Drivers held for silent who were heard again: command ReportBack for each."""

    @property
    def dropped(self) -> int:
        """All that was not accepted."""
        return self.dropped_stale + self.dropped_unknown + self.dropped_impossible


class DriverFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What scoring asks about a driver, as of the driver board."""

    rating: float = 5.0
    deliveries: int = 0
    deliveries_today: int = 0
    today: date | None = None
    """The region's business date that `deliveries_today` counts."""
    earnings_goal: int = 0
    acceptance_rate: float = 1.0

    def deliveries_on(self, day: date) -> int:
        """Deliveries on the region's business date `day`, if that is today's or later."""
        return self.deliveries_today if self.today == day else 0


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


class LastPosition(msgspec.Struct, frozen=True):
    """Where a driver was last, and when."""

    position: Position
    at: datetime


class Positions:
    """The drivers of all regions, over a blocking client: for workers and clock jobs."""

    def __init__(self, valkey: redis.Redis, *, prefix: str, regions: Mapping[str, Region]) -> None:
        """`prefix` as in `projections.valkey.keys.prefix`."""
        self.valkey = valkey
        self.regions = regions
        self.keys = {region: RegionKeys(prefix, region) for region in regions}

    def record(self, region: str, pings: Sequence[Ping], *, now: datetime, machine_now: datetime) -> PingCounts:
        """Take pings in; one call of a server-side function for each 500."""

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

        Leaves out the silent, the full, those in `exclude` (already asked), and those claimed for another order than `order_id`.
        """

    def claim(self, region: str, driver_id: UUID, order_id: UUID, *, until: datetime, now: datetime) -> bool:
        """Hold a driver for an order until business time `until`; False if full, gone or held for another order.

        The projection of offers keeps the claim for as long as the offer stands and lifts it afterwards.
        """

    def release_claim(self, region: str, driver_id: UUID, order_id: UUID) -> None:
        """Let the driver go, if still held for this order: the offer was not made."""

    def sweep(self, region: str, *, now: datetime, machine_now: datetime) -> list[Silent]:
        """Take silent drivers out of the search; return those with orders or an offer, each time until the log knows."""

    def last_position(self, region: str, driver_id: UUID) -> LastPosition | None:
        """Where a driver on shift was last."""
