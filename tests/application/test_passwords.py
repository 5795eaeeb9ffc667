"""Passwords: slow to check on purpose, and never more at once than the machine can bear."""

import asyncio
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from application.passwords import Passwords, PasswordsBusy


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(threads=1, waiting=2)
    yield made
    made.close()


def test_only_the_password_matches(passwords: Passwords) -> None:
    async def check() -> None:
        kept = await passwords.hash("long enough")
        assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert await passwords.matches(kept, "long enough")
        assert not await passwords.matches(kept, "long enougH")
        assert not await passwords.matches("nonsense", "long enough")

    asyncio.run(check())


def test_nobody_has_no_password(passwords: Passwords) -> None:
    assert not asyncio.run(passwords.matches(None, "nobody has this password"))


def test_a_hash_of_another_cost_is_outdated(passwords: Passwords) -> None:
    assert passwords.outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("x"))
    assert not passwords.outdated(asyncio.run(passwords.hash("x")))


def test_more_than_can_wait_are_sent_away(passwords: Passwords) -> None:
    async def check() -> list[object]:
        return list(await asyncio.gather(*(passwords.hash("x") for _ in range(5)), return_exceptions=True))

    answers = asyncio.run(check())
    assert [isinstance(answer, PasswordsBusy) for answer in answers] == [False] * 3 + [True] * 2
    assert asyncio.run(passwords.hash("x")), "there is room again"
