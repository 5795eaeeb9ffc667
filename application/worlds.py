"""Worlds: a demo or a replay gets databases, processes and a clock of its own, beside the kept ones."""

import re
import secrets
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import psycopg

from application import clocks, revision, staff
from application.clocks import WorldClock
from application.engines import embedded
from application.settings import PrivacySettings, SealSettings, Settings, WorldSettings, read_settings
from application.supervise import Supervisor, supervised
from domain.region import Region

KEPT_WORLDS = 3
"""How many finished worlds stay on disk for who wants to look into them."""


class WorldExists(Exception):  # noqa: N818 - names the outcome
    """There is a world of that name; worlds are never run twice."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """With what a member of staff logs in."""

    email: str
    password: str


class RunningWorld:
    """A world whose processes run and whose API is ready. Its time stands still until `start_clock`."""

    def __init__(self, settings: Settings, clock: WorldClock, supervisor: Supervisor) -> None:
        """Made by `create`."""
        self.settings = settings
        self.clock = clock
        self.supervisor = supervisor

    @property
    def base_url(self) -> str:
        """Where its API answers."""
        return self.supervisor.base_url

    def start_clock(self) -> datetime:
        """Let time run; every process of the world follows within `clocks.POLL_SECONDS`. Returns the machine time."""
        with psycopg.connect(self.settings.database.url, autocommit=True, connect_timeout=5) as connection:
            started = clocks.start_world(connection)
        self.clock.refresh()
        return started

    def appoint(self, role: staff.StaffRole) -> Credentials:
        """Create an account for a member of staff, with a password that nobody else knows."""
        credentials = Credentials(
            email=f"{role}@{self.settings.world.name}.example", password=secrets.token_urlsafe(18)
        )
        staff.appoint(
            self.settings.database.url, role=role, email=credentials.email, name=role, password=credentials.password
        )
        return credentials


@contextmanager
def create(
    name: str, *, speed: float, origin_business: datetime, regions: Sequence[Region], settings: Settings | None = None
) -> Iterator[RunningWorld]:
    """Run a new world for as long as the block lasts: engines, migrations, clock (standing still), processes.

    `speed` is business seconds a machine second; `settings` are the environment's unless given, and its URLs are
    not used. Raises WorldExists, EngineFailed, MigrationFailed, NotReady.
    """
    base = settings or read_settings()
    folder = base.data_dir / "worlds" / _checked(name)
    _make_room(folder)
    with ExitStack() as closing:
        addresses = closing.enter_context(embedded.embedded(folder))
        revision.upgrade(addresses.database_url)
        here = msgspec.structs.replace(
            base,
            database=msgspec.structs.replace(base.database, url=addresses.database_url),
            valkey=msgspec.structs.replace(base.valkey, url=addresses.valkey_url),
            world=WorldSettings(name=name),
            api=msgspec.structs.replace(base.api, host="127.0.0.1", port=_free_port()),
            observability=msgspec.structs.replace(base.observability, metrics_dir=folder / "run" / "metrics"),
            regions=tuple(regions),
            seals=SealSettings(folder=folder / "seals", key_file=folder / "keys" / "seal.ed25519"),
            privacy=PrivacySettings(key_file=folder / "keys" / "personal.json"),
            data_dir=folder,
        )
        world = clocks.World(name=name, speed=speed, origin_business=origin_business, origin_machine=None)
        with psycopg.connect(here.database.url, autocommit=True, connect_timeout=5) as connection:
            clocks.create_world(connection, world)
        clock = WorldClock(here.database.url, world)
        closing.callback(clock.close)
        supervisor = closing.enter_context(supervised(here))
        supervisor.wait_ready()
        yield RunningWorld(here, clock, supervisor)


def _checked(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        raise ValueError(f"a world's name has small letters, digits and hyphens, at most 41; not {name!r}")
    return name


def _make_room(folder: Path) -> None:
    """Make the world's folder and remove the oldest worlds that nobody uses."""
    worlds = folder.parent
    worlds.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        raise WorldExists(f"There is a world {folder.name!r} already in {worlds}: choose another name.") from None
    oldest_last = sorted((path for path in worlds.iterdir() if path != folder), key=_age, reverse=True)
    for path in oldest_last[KEPT_WORLDS - 1 :]:
        if not embedded.in_use(path):
            embedded.stop(path)
            shutil.rmtree(path, ignore_errors=True)


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
