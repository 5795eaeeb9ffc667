"""Drivers who can be offered an order, in Valkey: membership from events, places from pings.

Every region's rows stand beside the generation and log position that they are of, and are written with them in
one function call. Where those are missing the region is read anew from `driver_board` and `order_details`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec
import redis
from msgspec.structs import replace
from sqlalchemy import Connection

from domain.driver import events as driver
from domain.event import REGISTRY
from domain.order import events as order
from domain.region import Region
from projections.log import Logged
from projections.valkey import functions
from projections.valkey.facts import DriverFacts, evolve
from projections.valkey.functions import Argument, stamp
from projections.valkey.keys import RegionKeys, driver_regions
from projections.valkey.source import Claim, read_board, read_claims

GENERATION = "3"
"""Of the rows' layout. A new one makes every region be read anew."""
ROWS_A_CALL = 1_000
"""How many drivers a reload writes at once: other callers wait meanwhile."""

DRIVER_EVENTS = tuple(event for topic, event in REGISTRY.items() if topic.startswith("driver."))
OFFER_EVENTS = (
    order.DriverOffered,
    order.OfferDeclined,
    order.OfferExpired,
    order.OfferWithdrawn,
    order.DriverAssigned,
)

type Field = bytes | bytearray | memoryview[int] | str | int | float
type Place = tuple[str, int]
"""The generation and log position that a region's rows are of."""
type News = tuple[Logged, UUID]
"""An event and the driver it concerns."""


class Dispatchable:
    """The follower that keeps the rows; see `projections.projection.Follower`."""

    name = "dispatchable"

    def __init__(self, valkey: redis.Redis, *, prefix: str, regions: Mapping[str, Region]) -> None:
        """`valkey` decodes no responses; drivers of regions not named here are left out."""
        self._valkey = valkey
        self._prefix = prefix
        self._keys = {region: RegionKeys(prefix, region) for region in regions}
        self._timezones = {region: ZoneInfo(regions[region].timezone) for region in regions}
        self._most_orders = {region: regions[region].dispatch.most_orders for region in regions}
        self._region_of: dict[UUID, str] = {}

    def position(self, connection: Connection) -> int:
        """Tell the position of the region furthest behind; regions without rows are read anew first."""
        places = self._places()
        lost = [region for region, place in places.items() if place is None]
        if lost:
            self._reload(connection, lost)
            places = self._places()
        # Where a server was emptied once more meanwhile, 0: nothing is applied, and the next call reloads.
        return min((place[1] if place else 0 for place in places.values()), default=0)

    def apply(self, events: Sequence[Logged]) -> None:
        """Fold a batch into every region that stands before its end.

        Where rows are gone nothing is written: `position`, asked next, finds that out.
        """
        places = self._places()
        if not events or None in places.values():
            return
        by_region: dict[str, list[News]] = defaultdict(list)
        for logged, driver_id in self._concerning(events):
            by_region[self._region_of.get(driver_id, "")].append((logged, driver_id))
        end = events[-1].position
        for region, place in places.items():
            if place is not None and place[1] < end:
                news = [pair for pair in by_region[region] if pair[0].position > place[1]]
                self._follow(region, place, (GENERATION, end), self._fold(region, news), _claims(news))

    def forget(self) -> None:
        """Have every region read anew."""
        self._valkey.delete(*(keys.members for keys in self._keys.values()))

    def _places(self) -> dict[str, Place | None]:
        with self._valkey.pipeline(transaction=False) as pipeline:
            for keys in self._keys.values():
                pipeline.hmget(keys.members, "generation", "position")
            replies = pipeline.execute()
        return {
            region: (GENERATION, int(position)) if generation == GENERATION.encode() else None
            for region, (generation, position) in zip(self._keys, replies, strict=True)
        }

    def _concerning(self, events: Sequence[Logged]) -> list[News]:
        """Pick what concerns drivers, and learn the drivers' regions."""
        news = [(logged, driver_id) for logged in events if (driver_id := _driver_of(logged)) is not None]
        joined = {d: logged.event.region for logged, d in news if isinstance(logged.event, driver.Registered)}
        if joined:
            self._remember(joined)
        unknown = [str(driver_id) for _, driver_id in news if driver_id not in self._region_of]
        if unknown:
            found = cast("list[bytes | None]", self._valkey.hmget(driver_regions(self._prefix), unknown))
            self._region_of |= {UUID(d): region.decode() for d, region in zip(unknown, found, strict=True) if region}
        return news

    def _remember(self, regions: Mapping[UUID, str]) -> None:
        self._region_of.update(regions)
        mapping: dict[Field, Field] = {str(d): region for d, region in regions.items()}
        self._valkey.hset(driver_regions(self._prefix), mapping=mapping)

    def _fold(self, region: str, news: Sequence[News]) -> dict[UUID, DriverFacts]:
        drivers = list(dict.fromkeys(driver_id for _, driver_id in news))
        if not drivers:
            return {}
        stored = cast("list[bytes | None]", self._valkey.hmget(self._keys[region].board, [str(d) for d in drivers]))
        facts = {
            driver_id: msgspec.json.decode(text, type=DriverFacts) if text else DriverFacts()
            for driver_id, text in zip(drivers, stored, strict=True)
        }
        for logged, driver_id in news:
            facts[driver_id] = evolve(facts[driver_id], logged, self._timezones[region])
        return facts

    def _follow(
        self, region: str, place: Place, then: Place, facts: Mapping[UUID, DriverFacts], claims: Sequence[Claim] = ()
    ) -> bool:
        """Write rows and go from one place to the next; False, and nothing written, when the region is not there."""
        args: list[Argument] = [*place, *then, len(facts)]
        for driver_id, row in facts.items():
            allowed = replace(row, capacity=min(row.capacity, self._most_orders[region], 99))
            load_and_capacity = f"{min(max(row.load, 0), 99):02d}{allowed.capacity:02d}"
            args += (str(driver_id), allowed.flag, load_and_capacity, msgspec.json.encode(row))
        for claim in claims:
            args += (str(claim.driver_id), str(claim.order_id), claim.until, claim.at)
        return functions.call(self._valkey, "follow", self._keys[region].written, *args) == 1

    def _reload(self, connection: Connection, lost: Sequence[str]) -> None:
        position, rows = read_board(connection, self._timezones)
        claims = read_claims(connection)
        self._region_of.clear()
        if rows:
            self._remember({driver_id: region for driver_id, (region, _) in rows.items()})
        for region in lost:
            facts = [(driver_id, row) for driver_id, (home, row) in rows.items() if home == region]
            ours = {driver_id for driver_id, _ in facts}
            # The token keeps two reloads, or a reload and a flush, from making one half-written region together.
            loading = (f"loading {uuid4()}", 0)
            functions.call(self._valkey, "begin", self._keys[region].written, loading[0])
            written = [
                self._follow(region, loading, loading, dict(facts[start : start + ROWS_A_CALL]))
                for start in range(0, len(facts), ROWS_A_CALL)
            ]
            if all(written):
                held = [claim for claim in claims if claim.driver_id in ours]
                self._follow(region, loading, (GENERATION, position), {}, held)


def _driver_of(logged: Logged) -> UUID | None:
    if isinstance(logged.event, DRIVER_EVENTS):
        return logged.stream_id
    return logged.event.driver_id if isinstance(logged.event, OFFER_EVENTS) else None


def _claims(news: Sequence[News]) -> list[Claim]:
    """An offer holds its driver until it expires; its end, whichever, lets the driver go."""
    return [
        Claim(
            driver_id,
            logged.stream_id,
            until=stamp(logged.event.expires_at) if isinstance(logged.event, order.DriverOffered) else "0",
            at=stamp(logged.occurred_at),
        )
        for logged, driver_id in news
        if isinstance(logged.event, OFFER_EVENTS)
    ]
