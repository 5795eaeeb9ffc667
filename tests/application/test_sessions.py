"""Sessions: found in one look-up, and gone everywhere once revoked, whatever the cache does meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
import redis
from sqlalchemy import Engine

from application.bootstrap import create_read_engine
from application.ids import new_id
from application.sessions import Holder, Identity, Opened, Sessions, SessionsUnavailable, hash_token
from application.settings import Settings
from domain.event import Role
from tests.waiting import BOUND_SECONDS

HOUR = 3_600


class MovingClock:
    """Machine time that a test can turn on."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def machine_now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def machine_seconds_until(self, business: datetime) -> float:
        return (business - self.now()).total_seconds()


class World:
    """Sessions over real servers, and what a test wants to do to them."""

    def __init__(self, settings: Settings, engine: Engine, valkey: redis.Redis) -> None:
        self.engine = engine
        self.valkey = valkey
        self.clock = MovingClock()
        self.looked_up = 0
        self.prefix = settings.world.prefix
        self.sessions = self.made(self.fetch)
        self.holder = Holder(account_id=new_id(), role=Role.DRIVER, subject_id=new_id(), name="Rui", region="porto")
        with psycopg.connect(settings.database.url) as connection:
            connection.execute(
                "INSERT INTO accounts (id, email, password_hash, role, subject_id, name, region)"
                " VALUES (%s, 'rui@example.com', 'x', 'driver', %s, 'Rui', 'porto')",
                (self.holder.account_id, self.holder.subject_id),
            )

    def made(self, fetch: Callable[[str], Awaitable[bytes | None]], valkey: redis.Redis | None = None) -> Sessions:
        return Sessions(
            self.engine,
            valkey or self.valkey,
            fetch,
            self.clock,
            lifetime_seconds=HOUR,
            channel_prefix=self.prefix,
        )

    async def fetch(self, key: str) -> bytes | None:
        self.looked_up += 1
        found = self.valkey.get(key)
        return found if isinstance(found, bytes) else None

    def open(self) -> Opened:
        return self.sessions.open(self.holder, user_agent="phone/1", ip="192.0.2.1")

    def find(self, token: str, sessions: Sessions | None = None) -> Identity | None:
        return asyncio.run((sessions or self.sessions).find(token))


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    engine = create_read_engine(settings.database)
    with redis.Redis.from_url(settings.valkey.url, socket_timeout=5) as valkey:
        yield World(settings, engine, valkey)
    engine.dispose()


def test_a_session_speaks_for_its_account(world: World) -> None:
    opened = world.open()
    found = world.find(opened.token)
    assert found == opened.identity
    assert (found.account_id, found.subject_id, found.region) == (
        world.holder.account_id,
        world.holder.subject_id,
        "porto",
    )
    assert world.looked_up == 1


def test_the_cache_is_filled_again_from_the_row(world: World) -> None:
    opened = world.open()
    world.valkey.flushdb()
    assert world.find(opened.token) == opened.identity
    assert world.valkey.keys("session:*")


def test_an_unknown_token_is_remembered_as_such(world: World) -> None:
    assert world.find("nonsense") is None
    (key,) = world.valkey.keys("session:*")
    assert 0 < int(world.valkey.ttl(key)) <= 5


def test_a_session_ends_by_itself(world: World) -> None:
    opened = world.open()
    world.clock.ahead = timedelta(seconds=HOUR + 1)
    assert world.find(opened.token) is None
    world.valkey.flushdb()
    assert world.find(opened.token) is None


def test_a_look_up_that_read_the_row_before_cannot_revive_a_revoked_session(world: World) -> None:
    opened = world.open()
    world.valkey.flushdb()
    raced = world.made(world.fetch)
    read = raced.read

    def read_and_lose_the_race(token_hash: bytes) -> Identity | None:
        identity = read(token_hash)
        world.sessions.revoke(opened.identity)
        return identity

    raced.read = read_and_lose_the_race  # type: ignore[method-assign]
    world.find(opened.token, raced)
    assert world.find(opened.token) is None


def test_revoking_tells_the_streams(world: World) -> None:
    opened = world.open()
    with world.valkey.pubsub() as listener:  # type: ignore[no-untyped-call]
        listener.subscribe(world.sessions.channel(hash_token(opened.token)))
        assert listener.get_message(timeout=BOUND_SECONDS)
        world.sessions.revoke(opened.identity)
        message = listener.get_message(timeout=BOUND_SECONDS)
    assert message is not None
    assert message["type"] == "message"


def test_all_of_an_accounts_sessions_end(world: World) -> None:
    mine = [world.open() for _ in range(3)]
    assert world.sessions.revoke_all(world.holder.account_id) == 3
    assert [world.find(opened.token) for opened in mine] == [None] * 3
    assert world.sessions.revoke_all(UUID(int=0)) == 0


def test_without_the_cache_the_row_answers(world: World) -> None:
    opened = world.open()

    async def away(_: str) -> bytes | None:
        raise ConnectionError

    assert world.find(opened.token, world.made(away)) == opened.identity


def test_a_revocation_that_the_cache_did_not_hear_of_says_so(world: World) -> None:
    opened = world.open()
    with redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2) as nobody:
        with pytest.raises(SessionsUnavailable):
            world.made(world.fetch, nobody).revoke(opened.identity)
        world.sessions.revoke_all(world.holder.account_id)
    assert world.find(opened.token) is None, "asked again, it is buried after all"
