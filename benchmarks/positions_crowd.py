"""The drivers of `benchmarks.positions`: each has an account, a session, a shift and a place.

Their rows are copied into the tables that registering, logging in and starting a shift would have filled; the
projector then reads the board into Valkey by itself, as after any loss of Valkey.
"""

import random
import time
from datetime import datetime, timedelta
from itertools import batched
from uuid import UUID

import click
import psycopg
import redis

from application.clocks import Clock
from application.positions import Ping, Positions
from application.sessions import Identity, hash_token, remembered
from application.settings import Settings
from domain.event import Role
from domain.geo import Position
from domain.region import PORTO
from projections.driver_board import DRIVERS
from projections.valkey.keys import RegionKeys

SPREAD_DEGREES = 6_000 / 111_195
PATIENCE_SECONDS = 60.0
SESSION_SECONDS = 86_400
SEED = 41
PROBES = 1_000
"""The last drivers are left to the probes; the first of them waits here, far from all others."""
PROBES_PLACE = Position(lat=PORTO.center.lat + 1.0, lon=PORTO.center.lon)

_ACCOUNTS = "COPY accounts (id, email, password_hash, role, subject_id, name, region) FROM STDIN"
_SESSIONS = "COPY sessions (token_hash, account_id, role, subject_id, expires_at) FROM STDIN"
_BOARD = f"COPY driver_board.drivers ({', '.join(column.name for column in DRIVERS.columns)}) FROM STDIN"


def driver_id(number: int) -> UUID:
    """A fixed id, spread as real ones are."""
    return UUID(int=(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128))


def token(number: int) -> str:
    """As long as real ones are."""
    return f"benchmark-{number:033d}"


def homes(drivers: int) -> list[Position]:
    """Around one centre, six kilometres in a standard deviation."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    center = PORTO.center
    everywhere = [
        Position(
            lat=round(center.lat + chance.gauss(0, SPREAD_DEGREES), 6),
            lon=round(center.lon + chance.gauss(0, SPREAD_DEGREES), 6),
        )
        for _ in range(drivers)
    ]
    everywhere[-PROBES] = PROBES_PLACE
    return everywhere


def populate(settings: Settings, clock: Clock, drivers: int) -> None:
    """Put so many drivers on duty. The world's clock runs already."""
    identities = [_identity(number, clock.machine_now()) for number in range(drivers)]
    with psycopg.connect(settings.database.url, connect_timeout=5) as connection:
        _copy_people(connection, identities)
    with redis.Redis.from_url(settings.valkey.url, socket_timeout=60, socket_connect_timeout=2) as valkey:
        for some in batched(identities, 5_000):
            with valkey.pipeline(transaction=False) as pipeline:
                for identity in some:
                    pipeline.set(*remembered(identity), ex=SESSION_SECONDS)
                pipeline.execute()
        keys = RegionKeys(settings.world.prefix, PORTO.id)
        valkey.delete(keys.members)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while valkey.hlen(keys.state) != drivers:
            if time.monotonic() > deadline:
                raise click.ClickException("the projector did not read the board")
            time.sleep(0.1)
        positions = Positions(valkey, prefix=settings.world.prefix, regions={PORTO.id: PORTO})
        everywhere = homes(drivers)
        for numbers in batched(range(drivers), 5_000):
            now = clock.now()
            pings = [Ping(driver_id(number), everywhere[number], now) for number in numbers]
            positions.record(PORTO.id, pings, now=now, machine_now=clock.machine_now())


def _identity(number: int, now: datetime) -> Identity:
    return Identity(
        account_id=driver_id(number),
        role=Role.DRIVER,
        subject_id=driver_id(number),
        name=f"driver {number}",
        region=PORTO.id,
        expires_at=now + timedelta(seconds=SESSION_SECONDS),
        token_hash=hash_token(token(number)),
    )


def _copy_people(connection: psycopg.Connection[tuple[object, ...]], identities: list[Identity]) -> None:
    row = {column.name: 0 for column in DRIVERS.columns} | {
        "version": 2,
        "region": PORTO.id,
        "vehicle": "scooter",
        "capacity": 2,
        "on_shift": True,
        "silent": False,
        "suspended": False,
    }
    role = Role.DRIVER.value
    tables = {
        _ACCOUNTS: (
            (i.account_id, f"{i.account_id}@x.example", "!", role, i.subject_id, i.name, i.region) for i in identities
        ),
        _SESSIONS: ((rf"\\x{i.token_hash.hex()}", i.account_id, role, i.subject_id, i.expires_at) for i in identities),
        _BOARD: ((row | {"driver_id": i.subject_id, "name": i.name}).values() for i in identities),
    }
    for statement, rows in tables.items():
        with connection.cursor().copy(statement) as copy:
            copy.write("".join("\t".join(map(str, values)) + "\n" for values in rows))
