"""A region full of drivers and orders, and how they came there, written where the map reads them."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from application.bootstrap import connect_valkey
from application.ids import new_id
from application.positions import Ping, Positions
from application.settings import Settings
from application.tracks import make_partitions
from domain.geo import Position
from domain.region import PORTO
from projections.valkey import functions
from projections.valkey.facts import DriverFacts

STEP = """
INSERT INTO order_timeline.steps (order_id, version, position, topic, occurred_at, recorded_at, actor_type, data)
VALUES (%s, %s, 0, %s, %s, %s, 'system', %s::jsonb)
"""
STATUSES = ("placed", "confirmed", "preparing", "ready_for_pickup", "picked_up")
STEPS = ("placed", "confirmed", "driver_assigned", "preparation_started", "ready_for_pickup", "picked_up")
"""Of an order, a minute each; a status is reached with the first one, two, four, five or six of them."""
KEPT = timedelta(minutes=20)
"""Of positions; everybody is on duty for an hour."""
DRIFT = 0.0001
"""Degrees that each goes north from one ping to the next."""


def crowd(settings: Settings, drivers: int, orders: int, *, every_seconds: int = 10) -> datetime:
    """Put it there; answers when now was."""
    chance, now = random.Random(11), datetime.now(UTC)  # noqa: S311 - no secret

    def somewhere(spread: float = 0.016) -> Position:
        return Position(
            lat=PORTO.center.lat + chance.gauss(0, spread), lon=PORTO.center.lon + chance.gauss(0, spread * 1.6)
        )

    ids = [new_id() for _ in range(drivers)]
    places = [somewhere() for _ in ids]
    _on_duty(settings, ids, places, now)
    with psycopg.connect(settings.database.url) as connection:
        _orders(connection, orders, ids[1::2], now, chance, somewhere)
        _history(connection, list(zip(ids, places, strict=True)), now, every_seconds)
    return now


def _on_duty(settings: Settings, ids: list[UUID], places: list[Position], now: datetime) -> None:
    with connect_valkey(settings.valkey) as valkey:
        positions = Positions(valkey, prefix=settings.world.prefix, regions={PORTO.id: PORTO})
        keys = positions.keys[PORTO.id]
        functions.call(valkey, "begin", keys.written, "1")
        for number, driver_id in enumerate(ids):
            facts = DriverFacts(on_shift=True, capacity=2, load=number % 2, suspended=number % 23 == 0)
            row = (str(driver_id), facts.flag, f"{facts.load:02d}02", msgspec.json.encode(facts))
            functions.call(valkey, "follow", keys.written, "1", 0, "1", 0, 1, *row)
        for late in (True, False):
            at = now - timedelta(minutes=5) if late else now + timedelta(minutes=4)
            there = enumerate(zip(ids, places, strict=True))
            pings = [Ping(one, place, at) for number, (one, place) in there if (number % 17 == 0) is late]
            positions.record(PORTO.id, pings, now=at, machine_now=at)


def _orders(
    connection: psycopg.Connection[Any],
    count: int,
    busy: list[UUID],
    now: datetime,
    chance: random.Random,
    somewhere: Any,
) -> None:
    kitchens = [(new_id(), f"Tasca {number}", somewhere(0.011)) for number in range(40)]
    insert = """INSERT INTO order_lists.orders VALUES (%(id)s, 1, %(status)s, 'idle', true, 'porto', %(id)s,
        'Carla Silva', %(kitchen)s, %(name)s, %(at)s::jsonb, %(driver)s, NULL, '[]', %(dropoff)s::jsonb, 1, 'EUR', 0, 0,
        0, 600, %(placed)s, %(promised)s, %(promised)s, NULL, NULL, NULL, NULL)"""
    opened = "INSERT INTO region_history.orders VALUES (%(id)s, 'porto', %(placed)s, NULL)"
    for number in range(count):
        kitchen, name, place = kitchens[number % len(kitchens)]
        dropoff = {"position": somewhere(), "address": "Rua", "instructions": ""}
        reached = number % len(STATUSES)
        driver = busy[number % len(busy)] if reached > 1 else None
        placed = now - timedelta(minutes=chance.randrange(8, 30))
        values = {
            "id": new_id(), "kitchen": kitchen, "name": name, "at": msgspec.json.encode(place).decode(),
            "status": STATUSES[reached], "dropoff": msgspec.json.encode(dropoff).decode(), "driver": driver,
            "placed": placed, "promised": now + timedelta(minutes=30 if number % 9 else -6),
        }  # fmt: skip
        connection.execute(insert, values)
        connection.execute(opened, values)
        for version, topic in enumerate(STEPS[: reached + (2 if reached > 1 else 1)], 1):
            at = placed + timedelta(minutes=version - 1)
            data = {"driver_id": str(driver)} if topic == "driver_assigned" else {}
            connection.execute(
                STEP, (values["id"], version, f"order.{topic}", at, at, msgspec.json.encode(data).decode())
            )


def _history(
    connection: psycopg.Connection[Any], places: list[tuple[UUID, Position]], now: datetime, every_seconds: int
) -> None:
    """Each went north to where it is; every seventeenth was not heard from for the last five minutes."""
    duty = "INSERT INTO region_history.drivers VALUES (%s, 'porto', true, false, %s, %s)"
    with connection.cursor() as cursor:
        cursor.executemany(duty, [(one, n % 23 == 0, now - timedelta(hours=1)) for n, (one, _) in enumerate(places)])
    make_partitions(connection, now - KEPT, now)
    pings = KEPT // timedelta(seconds=every_seconds)
    with connection.cursor().copy("COPY driver_positions (driver_id, at, lat, lon) FROM STDIN") as copy:
        for ago in range(pings, -1, -1):
            at = now - ago * timedelta(seconds=every_seconds)
            for number, (driver_id, place) in enumerate(places):
                if number % 17 or ago * every_seconds > 300:
                    copy.write_row((driver_id, at, place.lat - ago * DRIFT, place.lon))
