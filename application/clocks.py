"""The two clocks: business time, which a world may run faster, and machine time, which is always real.

Nothing else in the code asks the machine for the time.
"""

import threading
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import psycopg

CONNECT_SECONDS = 5
POLL_SECONDS = 0.2
"""How often a world that stands still is asked whether it has started."""


class Clock(Protocol):
    """What everything that needs the time is given."""

    def now(self) -> datetime:
        """Business time, UTC."""
        ...

    def machine_now(self) -> datetime:
        """Machine time, UTC."""
        ...

    def machine_seconds_until(self, business: datetime) -> float:
        """How long to wait, really, until business time is there: 0 when it is past.

        While time stands still nobody knows; then it is `POLL_SECONDS`, after which to ask again.
        """
        ...


class MachineClock:
    """Business time is machine time: a real city."""

    def now(self) -> datetime:
        """Business time, UTC."""
        return datetime.now(UTC)

    def machine_now(self) -> datetime:
        """Machine time, UTC."""
        return datetime.now(UTC)

    def machine_seconds_until(self, business: datetime) -> float:
        """Real seconds until then; 0 when past."""
        return max(0.0, (business - self.now()).total_seconds())


class World(msgspec.Struct, frozen=True, kw_only=True):
    """The row `world`: simulated now = origin + elapsed × speed. Without `origin_machine` time stands still."""

    name: str
    speed: float
    origin_business: datetime
    origin_machine: datetime | None

    def at(self, machine: datetime) -> datetime:
        """Business time at a moment of machine time."""
        if self.origin_machine is None:
            return self.origin_business
        return self.origin_business + (machine - self.origin_machine) * self.speed


class WorldClock:
    """Business time as the world's row says. While the world has not started, a thread follows the row."""

    def __init__(self, url: str, world: World) -> None:
        """`world` is the row as read just now; `url` is where to read it again."""
        self._url = url
        self._world = world
        self._closing = threading.Event()
        if world.origin_machine is None:
            threading.Thread(target=self._follow, name="world-clock", daemon=True).start()

    def now(self) -> datetime:
        """Business time, UTC."""
        return self._world.at(datetime.now(UTC))

    def machine_now(self) -> datetime:
        """Machine time, UTC."""
        return datetime.now(UTC)

    def machine_seconds_until(self, business: datetime) -> float:
        """Real seconds until then; 0 when past, `POLL_SECONDS` while time stands still."""
        seconds = (business - self.now()).total_seconds()
        if seconds <= 0:
            return 0.0
        return POLL_SECONDS if self._world.origin_machine is None else seconds / self._world.speed

    @property
    def world(self) -> World:
        """The row as it was read last."""
        return self._world

    def refresh(self) -> None:
        """Read the row again now; for who has just started the world."""
        with psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
            self._world = read_world(connection) or self._world

    def close(self) -> None:
        """Stop following."""
        self._closing.set()

    def _started(self) -> bool:
        return self._world.origin_machine is not None

    def _follow(self) -> None:
        while not self._closing.is_set() and not self._started():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
                    while not self._started() and not self._closing.wait(POLL_SECONDS):
                        self._world = read_world(connection) or self._world
            except psycopg.OperationalError:
                # The server is away for a moment; time stands still meanwhile, as it did.
                self._closing.wait(POLL_SECONDS * 5)


def read_world(connection: psycopg.Connection[tuple[object, ...]]) -> World | None:
    """The world's row, or None where business time is machine time."""
    row = connection.execute("SELECT name, speed, origin_business, origin_machine FROM world").fetchone()
    return (
        None
        if row is None
        else msgspec.convert(dict(zip(("name", "speed", "origin_business", "origin_machine"), row, strict=True)), World)
    )


def create_world(connection: psycopg.Connection[tuple[object, ...]], world: World) -> None:
    """Give a fresh database its world. One database holds one world for ever."""
    connection.execute(
        "INSERT INTO world (name, speed, origin_business, origin_machine) VALUES (%s, %s, %s, %s)",
        (world.name, world.speed, world.origin_business, world.origin_machine),
    )


def start_world(connection: psycopg.Connection[tuple[object, ...]]) -> datetime:
    """Let time run from now on; answers the machine time it runs from. Starting twice changes nothing."""
    now = datetime.now(UTC)
    row = connection.execute(
        "UPDATE world SET origin_machine = coalesce(origin_machine, %s) RETURNING origin_machine", (now,)
    ).fetchone()
    if row is None or not isinstance(row[0], datetime):
        raise LookupError("this database has no world to start")
    return row[0]


def open_clock(url: str) -> MachineClock | WorldClock:
    """The clock of the database at `url`: the world's, or the machine's where there is no world row."""
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
        world = read_world(connection)
    return MachineClock() if world is None else WorldClock(url, world)
