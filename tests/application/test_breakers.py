"""A breaker that threads share: opens on failures, turns calls away, lets one probe at a time decide."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from application.breakers import Breaker, BreakerOpen, Limits
from tests.waiting import eventually


class Away(Exception):  # noqa: N818 - names the outcome
    pass


class Declined(Exception):  # noqa: N818 - names the outcome
    pass


@pytest.fixture
def breaker() -> Breaker:
    return make()


def make(*, timeout_seconds: float = 5.0, reset_seconds: float = 0.2) -> Breaker:
    return Breaker(
        "the gateway",
        Limits(timeout_seconds=timeout_seconds, failure_rate=0.5, reset_seconds=reset_seconds, min_calls=3),
        counts=lambda error: isinstance(error, Away),
    )


def away() -> None:
    raise Away


def declined() -> None:
    raise Declined


def broken(breaker: Breaker) -> Breaker:
    failures = 0
    while breaker.closed and failures < 20:
        failures += 1
        with pytest.raises(Away):
            breaker.call(away)
    return breaker


def test_failures_open_it_and_then_nothing_is_called(breaker: Breaker) -> None:
    assert breaker.call(lambda: 1) == 1
    assert not broken(breaker).closed
    calls: list[int] = []
    with pytest.raises(BreakerOpen, match="the gateway"):
        breaker.call(lambda: calls.append(1))
    assert calls == []


def test_answers_that_say_no_do_not_count(breaker: Breaker) -> None:
    for _ in range(10):
        with pytest.raises(Declined):
            breaker.call(declined)
    assert breaker.closed


def test_fewer_than_the_least_calls_decide_nothing(breaker: Breaker) -> None:
    for _ in range(2):
        with pytest.raises(Away):
            breaker.call(away)
    assert breaker.closed


def test_a_call_that_takes_too_long_counts_though_it_answers() -> None:
    breaker = make(timeout_seconds=0.0)
    assert [breaker.call(lambda: 1) for _ in range(3)] == [1, 1, 1]
    assert not breaker.closed


def test_a_probe_that_succeeds_closes_it(breaker: Breaker) -> None:
    broken(breaker)
    assert eventually(lambda: _try(breaker), what="a probe is let through") == 1
    assert breaker.closed


def test_a_probe_that_fails_opens_it_again() -> None:
    breaker = broken(make())

    def probe() -> bool:
        try:
            breaker.call(away)
        except BreakerOpen:
            return False
        except Away:
            return True
        return False

    assert eventually(probe, what="a probe is let through")
    with pytest.raises(BreakerOpen):
        breaker.call(lambda: 1)


def test_one_probe_at_a_time_and_nobody_waits_for_it() -> None:
    breaker = broken(make(reset_seconds=0.01))
    probing, decided = threading.Event(), threading.Event()

    def slow() -> int:
        probing.set()
        assert decided.wait(5.0)
        return 1

    with ThreadPoolExecutor(1) as threads:
        probe = threads.submit(lambda: eventually(lambda: _try(breaker, slow)))
        assert probing.wait(5.0)
        with pytest.raises(BreakerOpen):
            breaker.call(lambda: 2)
        decided.set()
        assert probe.result(5.0) == 1
    assert breaker.call(lambda: 3) == 3


def test_what_began_before_it_opened_does_not_count_afterwards(breaker: Breaker) -> None:
    begun, over = threading.Barrier(9), threading.Event()

    def late() -> int:
        begun.wait(5.0)
        assert over.wait(5.0)
        return 1

    with ThreadPoolExecutor(8) as threads:
        answers: Iterator[int] = threads.map(lambda _: breaker.call(late), range(8))
        begun.wait(5.0)
        broken(breaker)
        over.set()
        assert list(answers) == [1] * 8
    assert not breaker.closed


def _try(breaker: Breaker, function: Callable[[], int] = lambda: 1) -> int:
    try:
        return breaker.call(function)
    except BreakerOpen:
        return 0
