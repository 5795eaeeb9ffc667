"""One region as operators watch it: every driver on shift with a place, and every open order, bounded."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypedDict, cast
from uuid import UUID

import msgspec
import redis
from msgspec import Meta
from sqlalchemy import Connection

from application.bootstrap import Tiffin
from application.positions import silent_before
from domain.encryption import ERASED_POSITION
from domain.order.state import Status
from domain.region import Region
from projections import order_lists
from projections.order_lists import OrderOnMap
from projections.valkey.facts import DriverFacts
from projections.valkey.functions import stamp
from projections.valkey.keys import RegionKeys
from projections.valkey.rows import parse, unheard

MOST_DRIVERS = 20_000
MOST_ORDERS = 5_000
ROWS_A_SCAN = 5_000
DECIMALS = 5
"""Of degrees: about a metre."""
_NEVER = b"0000000000000"


class DriverState(StrEnum):
    """What colours a driver: the first that is so, from the bottom up."""

    FREE = "free"
    BUSY = "busy"
    SUSPENDED = "suspended"
    SILENT = "silent"


class DriverOnMap(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A driver, as an array: thousands of these go out every second. `heard_seconds` ago there was a sign of life."""

    driver_id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    lat: float
    lon: float
    state: DriverState
    load: int
    capacity: int
    heard_seconds: int


class OrderShown(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An open order, as an array; `late_seconds` is how far beyond its promise it is, or is expected to be."""

    order_id: UUID
    status: Status
    restaurant_lat: float
    restaurant_lon: float
    dropoff_lat: float
    dropoff_lon: float
    driver_id: UUID | None
    promised_at: int
    """Unix time in seconds, like `eta_at`."""
    eta_at: int
    late_seconds: int
    restaurant_name: str


class RegionMap(msgspec.Struct, frozen=True, kw_only=True):
    """A region at a moment of business time. Beyond the bounds `truncated` says that something is left out."""

    region: str
    name: str
    timezone: str
    lat: float
    lon: float
    at: datetime
    drivers: list[DriverOnMap]
    unplaced: int
    """Drivers on shift who sent no position yet."""
    orders: list[OrderShown]
    truncated: bool


def region_map(tiffin: Tiffin, connection: Connection, region: Region) -> RegionMap:
    """Look at a region: a few round trips to Valkey, one query."""
    now, machine_now = tiffin.clock.now(), tiffin.clock.machine_now()
    drivers, unplaced, more_drivers = _drivers(tiffin, region, now, machine_now)
    orders = order_lists.open_in_region(connection, region.id, limit=MOST_ORDERS + 1)
    return RegionMap(
        region=region.id,
        name=region.name,
        timezone=region.timezone,
        lat=region.center.lat,
        lon=region.center.lon,
        at=now,
        drivers=drivers,
        unplaced=unplaced,
        orders=[_shown(order, now) for order in orders[:MOST_ORDERS]],
        truncated=more_drivers or len(orders) > MOST_ORDERS,
    )


class Way(TypedDict):
    """From where to where an order goes, as the map is told."""

    restaurant_lat: float
    restaurant_lon: float
    dropoff_lat: float
    dropoff_lon: float


def way(order: OrderOnMap) -> Way:
    """An order's; where its customer was forgotten it ends at the restaurant: nobody lives at 0° N 0° E."""
    start, end = order.restaurant_position, order.dropoff_position
    if end == ERASED_POSITION:
        end = start
    return Way(
        restaurant_lat=round(start.lat, DECIMALS),
        restaurant_lon=round(start.lon, DECIMALS),
        dropoff_lat=round(end.lat, DECIMALS),
        dropoff_lon=round(end.lon, DECIMALS),
    )


def _drivers(
    tiffin: Tiffin, region: Region, now: datetime, machine_now: datetime
) -> tuple[list[DriverOnMap], int, bool]:
    keys = RegionKeys(tiffin.settings.world.prefix, region.id)
    rows, more = _rows(tiffin.valkey, keys)
    suspended = _suspended(tiffin.valkey, keys, rows)
    now_ms = int(stamp(now))
    since = silent_before(region.dispatch, now, machine_now)
    drivers: list[DriverOnMap] = []
    unplaced = 0
    for driver_id, text in rows.items():
        row = parse(text)
        if row.last is None:
            unplaced += 1
            continue
        last_seen = text[13:26] if text[13:26] != _NEVER else text[:13]
        if unheard(text, *since) or text[39:40] == b"S" or text[40:41] == b"1":
            state = DriverState.SILENT
        elif driver_id in suspended:
            state = DriverState.SUSPENDED
        else:
            state = DriverState.BUSY if row.load else DriverState.FREE
        drivers.append(
            DriverOnMap(
                driver_id=driver_id.decode(),
                lat=round(row.last.position.lat, DECIMALS),
                lon=round(row.last.position.lon, DECIMALS),
                state=state,
                load=row.load,
                capacity=row.capacity,
                heard_seconds=max(0, (now_ms - int(last_seen)) // 1_000),
            )
        )
    return drivers, unplaced, more


def _rows(valkey: redis.Redis, keys: RegionKeys) -> tuple[dict[bytes, bytes], bool]:
    """Drivers' rows, and whether there are more. Scanned: other callers of Valkey need not wait for the whole hash."""
    rows: dict[bytes, bytes] = {}
    cursor = 0
    while True:
        reply = cast("tuple[int, Mapping[bytes, bytes]]", valkey.hscan(keys.state, cursor, count=ROWS_A_SCAN))
        cursor = reply[0]
        rows.update(reply[1])
        if cursor == 0 or len(rows) > MOST_DRIVERS:
            return dict(list(rows.items())[:MOST_DRIVERS]), len(rows) > MOST_DRIVERS


def _suspended(valkey: redis.Redis, keys: RegionKeys, rows: Mapping[bytes, bytes]) -> Collection[bytes]:
    """Who of those that cannot be dispatched is suspended, rather than at capacity: the row does not tell."""
    held = [driver_id for driver_id, row in rows.items() if row[39:40] == b"N"]
    if not held:
        return ()
    facts = cast("list[bytes | None]", valkey.hmget(keys.board, cast("list[str]", held)))
    return {
        driver_id
        for driver_id, text in zip(held, facts, strict=True)
        if text and msgspec.json.decode(text, type=DriverFacts).suspended
    }


def _shown(order: OrderOnMap, now: datetime) -> OrderShown:
    """An order not delivered is at least as late as it is now."""
    done = order.delivered_at or max(now, order.eta_at)
    return OrderShown(
        order_id=order.order_id,
        status=order.status,
        **way(order),
        driver_id=order.driver_id,
        promised_at=int(order.promised_at.timestamp()),
        eta_at=int(order.eta_at.timestamp()),
        late_seconds=max(0, int((done - order.promised_at).total_seconds())),
        restaurant_name=order.restaurant_name,
    )
