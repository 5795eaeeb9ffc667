"""Wiring: from settings to a container of everything a process uses. Nothing connects before this is called."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import redis
from sqlalchemy import Engine, create_engine, make_url

from application import revision, valkey_mode
from application.clocks import Clock, WorldClock, open_clock
from application.event_store import PostgresEventStore
from application.gateways.payments.guarded import GuardedPayments
from application.gateways.payments.port import Payments
from application.gateways.payments.sandbox import SandboxPayments
from application.positions import Positions
from application.privacy.keys import KeyTable, open_keys
from application.settings import DatabaseSettings, Settings, ValkeySettings
from application.side import SideStatements
from application.store import EventStore
from application.valkey_link import ValkeyLink
from domain.region import Region
from projections.restaurant_cache import RestaurantCache

RECYCLE_SECONDS = 1_800


@dataclass(frozen=True, kw_only=True)
class Tiffin:
    """What a process works with. Threads may share all of it."""

    settings: Settings
    clock: Clock
    store: EventStore
    engine: Engine
    """Read models, in transactions."""
    reads: Engine
    """The same connections, each statement on its own: two round trips less for a query."""
    valkey: redis.Redis
    link: ValkeyLink
    """The same server for coroutines; it connects when first used."""
    restaurants: RestaurantCache
    """For coroutines."""
    positions: Positions
    payments: Payments
    side: SideStatements
    keys: KeyTable
    regions: Mapping[str, Region]


@contextmanager
def open_tiffin(
    settings: Settings,
    *,
    clock: Clock | None = None,
    store: EventStore | None = None,
    payments: Payments | None = None,
) -> Iterator[Tiffin]:
    """Open everything, close it in the end. Tests hand in what they want otherwise; both URLs are filled in.

    Raises WrongRevision when the database was migrated for other code, OnACluster for a node of a Valkey cluster.
    """
    revision.check(settings.database.url)
    valkey_mode.check(settings.valkey.url)
    regions = {region.id: region for region in settings.regions}
    with ExitStack() as closing:
        valkey = closing.enter_context(connect_valkey(settings.valkey))
        engine = create_read_engine(settings.database)
        closing.callback(engine.dispose)
        reads = engine.execution_options(isolation_level="AUTOCOMMIT")
        link = ValkeyLink(settings.valkey.url)
        side = closing.enter_context(SideStatements(settings.database))
        keys = closing.enter_context(open_keys(settings, side))
        yield Tiffin(
            settings=settings,
            clock=clock or closing.enter_context(_clock(settings.database.url)),
            store=store or closing.enter_context(_store(settings, keys)),
            engine=engine,
            reads=reads,
            valkey=valkey,
            link=link,
            restaurants=RestaurantCache(link.call, reads),
            positions=Positions(valkey, prefix=settings.world.prefix, regions=regions),
            payments=payments or GuardedPayments(SandboxPayments(side)),
            side=side,
            keys=keys,
            regions=regions,
        )


def create_read_engine(database: DatabaseSettings) -> Engine:
    """SQLAlchemy's pool as `database.read_pool` says; it connects when first asked."""
    pool = database.read_pool
    return create_engine(
        make_url(database.url).set(drivername="postgresql+psycopg"),
        pool_size=pool.max_size,
        max_overflow=0,
        pool_timeout=pool.checkout_timeout_seconds,
        pool_recycle=RECYCLE_SECONDS,
        # A ping before each use costs a round trip, but a restarted server costs nobody an error.
        pool_pre_ping=True,
        # What a statement was given may be personal; errors end in logs.
        hide_parameters=True,
        connect_args={"connect_timeout": database.connect_timeout_seconds, "options": _options(database)},
    )


@contextmanager
def connect_valkey(settings: ValkeySettings) -> Iterator[redis.Redis]:
    """A blocking client; who finds all its connections taken waits `socket_timeout_seconds` for one."""
    pool = redis.BlockingConnectionPool.from_url(
        settings.url,
        max_connections=settings.max_connections,
        timeout=settings.socket_timeout_seconds,
        socket_timeout=settings.socket_timeout_seconds,
        socket_connect_timeout=settings.connect_timeout_seconds,
        health_check_interval=30,
    )
    with redis.Redis.from_pool(pool) as client:
        yield client


@contextmanager
def _clock(url: str) -> Iterator[Clock]:
    clock = open_clock(url)
    yield clock
    if isinstance(clock, WorldClock):
        clock.close()


@contextmanager
def _store(settings: Settings, keys: KeyTable) -> Iterator[EventStore]:
    store = PostgresEventStore(settings.database, keys)
    try:
        yield store
    finally:
        store.close()


def _options(database: DatabaseSettings) -> str:
    """Time-outs that the server keeps, in milliseconds."""
    return (
        f"-c statement_timeout={round(database.statement_timeout_seconds * 1000)}"
        f" -c lock_timeout={round(database.lock_timeout_seconds * 1000)}"
    )
