"""Accounts: one an address, and a registration that broke half-way is finished by its repetition."""

import asyncio
from collections.abc import Iterator

import msgspec
import psycopg
import pytest
import redis
from argon2 import PasswordHasher

from application.accounts import (
    FAILURES_ALLOWED,
    Accounts,
    EmailTaken,
    NewAccount,
    TooManyAttempts,
    WrongCredentials,
)
from application.bootstrap import create_read_engine
from application.clocks import MachineClock
from application.commands import StartShift
from application.context import Context
from application.passwords import Passwords
from application.sessions import Holder, Opened, Sessions
from application.settings import Settings
from application.store import KeyReused
from domain.errors import InvalidInput
from domain.event import Meta, Role

PASSWORD = "long enough"


class Enrolling:
    """Stands for `execute`: remembers what it was asked, and fails as often as told."""

    def __init__(self) -> None:
        self.failures = 0
        self.asked: list[tuple[Context, msgspec.Struct]] = []

    def __call__(self, ctx: Context, command: msgspec.Struct) -> None:
        self.asked.append((ctx, command))
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database went away")


class Desk:
    """Where people register and log in."""

    def __init__(self, settings: Settings, valkey: redis.Redis, passwords: Passwords) -> None:
        self.settings = settings
        self.enrolling = Enrolling()
        self.engine, clock = create_read_engine(settings.database), MachineClock()

        async def nothing(_: str) -> None:
            return None

        sessions = Sessions(self.engine, valkey, nothing, clock, lifetime_seconds=60, channel_prefix="")
        self.accounts = Accounts(self.engine, valkey, clock, passwords, sessions, self.enrolling, frozenset({"porto"}))

    def register(self, **changes: object) -> Holder:
        new = msgspec.structs.replace(ANA, **changes)
        ctx = Context(meta=Meta(request_id="r-1"), now=MachineClock().now())
        return asyncio.run(self.accounts.register(new, ctx))

    def log_in(self, email: str = "ana@example.com", password: str = PASSWORD) -> Opened:
        return asyncio.run(self.accounts.log_in(email, password, user_agent=None, ip=None))

    def hashes(self) -> list[str]:
        with psycopg.connect(self.settings.database.url) as connection:
            return [row[0] for row in connection.execute("SELECT password_hash FROM accounts")]


ANA = NewAccount(
    email="Ana@Example.com ",
    password="long enough",
    role=Role.CUSTOMER,
    name="Ana",
    key="k",
    payload_hash=b"what was asked",
)


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    passwords = Passwords()
    with redis.Redis.from_url(settings.valkey.url) as valkey:
        desk = Desk(settings, valkey, passwords)
        yield desk
        desk.engine.dispose()
    passwords.close()


def test_an_address_is_known_in_every_spelling(desk: Desk) -> None:
    holder = desk.register()
    assert desk.log_in(" ANA@example.COM").identity.account_id == holder.account_id
    with pytest.raises(EmailTaken):
        desk.register(email="aNa@example.com", key="other")


def test_the_same_registration_again_is_the_same_account(desk: Desk) -> None:
    assert desk.register() == desk.register()
    assert len(desk.hashes()) == 1


@pytest.mark.parametrize("change", [{"payload_hash": b"something else"}, {"password": "another one"}])
def test_a_key_belongs_to_what_was_asked_with_it(desk: Desk, change: dict[str, object]) -> None:
    desk.register()
    with pytest.raises(KeyReused):
        desk.register(**change)


def test_a_registration_that_broke_half_way_is_finished_by_its_repetition(desk: Desk) -> None:
    driver = {"role": Role.DRIVER, "region": "porto", "enrol": lambda subject: StartShift(driver_id=subject)}
    desk.enrolling.failures = 1
    with pytest.raises(ConnectionError):
        desk.register(**driver)
    holder = desk.register(**driver)
    (first, asked_first), (second, asked_second) = desk.enrolling.asked
    assert asked_first == asked_second == StartShift(driver_id=holder.subject_id)
    assert first.idempotency == second.idempotency, "so the stream begins once"
    assert (second.role, second.actor_id) == (Role.DRIVER, holder.subject_id)


def test_an_unknown_region_opens_no_account(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="porto") as refused:
        desk.register(role=Role.DRIVER, region="atlantis")
    assert refused.value.field == "driver.region"
    assert desk.hashes() == []


def test_staff_acts_as_itself(desk: Desk) -> None:
    holder = desk.register(role=Role.SUPPORT)
    assert holder.subject_id == holder.account_id


def test_an_outdated_hash_is_made_anew_at_log_in(desk: Desk) -> None:
    desk.register()
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("long enough")
    with psycopg.connect(desk.settings.database.url) as connection:
        connection.execute("UPDATE accounts SET password_hash = %s", (cheap,))
    desk.log_in()
    assert "m=19456,t=2,p=1" in desk.hashes()[0]
    desk.log_in()


def test_guessing_is_stopped_for_one_address_and_no_other(desk: Desk) -> None:
    desk.register()
    for _ in range(FAILURES_ALLOWED):
        with pytest.raises(WrongCredentials):
            desk.log_in(password="guess")
    with pytest.raises(TooManyAttempts) as stopped:
        desk.log_in()
    assert 1 <= stopped.value.retry_after_seconds <= 60
    with pytest.raises(WrongCredentials):
        desk.log_in(email="other@example.com")
