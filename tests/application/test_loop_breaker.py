"""The breaker of coroutines: opens on failures and on slowness, lets one probe decide, keeps nobody waiting."""

import asyncio

import pytest

from application.breakers import BreakerOpen, Limits, TooSlow
from application.loop_breaker import LoopBreaker

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Away(Exception):  # noqa: N818 - names the outcome
    pass


class Declined(Exception):  # noqa: N818 - names the outcome
    pass


def make(*, timeout_seconds: float = 5.0, reset_seconds: float = 600.0) -> LoopBreaker:
    return LoopBreaker(
        "the gateway",
        Limits(timeout_seconds=timeout_seconds, failure_rate=0.5, reset_seconds=reset_seconds, min_calls=3),
        counts=lambda error: isinstance(error, Away),
    )


async def away() -> int:
    raise Away


async def declined() -> int:
    raise Declined


async def one() -> int:
    return 1


async def broken(breaker: LoopBreaker) -> LoopBreaker:
    for _ in range(3):
        with pytest.raises(Away):
            await breaker.call(away)
    assert not breaker.closed
    return breaker


async def test_failures_open_it_and_then_nothing_is_called() -> None:
    breaker = await broken(make())
    with pytest.raises(BreakerOpen, match="the gateway") as caught:
        await breaker.call(declined)
    assert caught.value.retry_after_seconds == 600


async def test_answers_that_say_no_do_not_count() -> None:
    breaker = make()
    for _ in range(10):
        with pytest.raises(Declined):
            await breaker.call(declined)
    assert await breaker.call(one) == 1


async def test_a_call_that_takes_too_long_is_ended_and_counts() -> None:
    breaker, ended = make(timeout_seconds=0.01), []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    for _ in range(3):
        with pytest.raises(TooSlow, match="the gateway did not answer"):
            await breaker.call(slow)
    assert ended == [1, 1, 1]
    assert not breaker.closed


async def test_a_probe_that_succeeds_closes_it_and_one_that_fails_does_not() -> None:
    breaker = await broken(make(reset_seconds=1e-9))
    with pytest.raises(Away):
        await breaker.call(away)
    assert not breaker.closed
    assert await breaker.call(one) == 1
    assert breaker.closed


async def test_one_probe_at_a_time_and_nobody_waits_for_it() -> None:
    breaker = await broken(make(reset_seconds=1e-9))
    probing, decided = asyncio.Event(), asyncio.Event()

    async def slow() -> int:
        probing.set()
        await decided.wait()
        return 1

    probe = asyncio.create_task(breaker.call(slow))
    await probing.wait()
    with pytest.raises(BreakerOpen):
        await breaker.call(one)
    decided.set()
    assert await probe == 1
    assert await breaker.call(one) == 1
