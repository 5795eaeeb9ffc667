"""Questions that gather while a call is under way."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from application.gathering import Gathering

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Oracle:
    """Doubles what it is asked, when it may; has no answer to 13."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.asked = asyncio.Event()
        self.may_answer = threading.Event()
        self._loop = asyncio.get_running_loop()

    def answer(self, questions: Sequence[int]) -> Sequence[int | Exception]:
        self.calls.append(list(questions))
        self._loop.call_soon_threadsafe(self.asked.set)
        assert self.may_answer.wait(10)
        if 0 in questions:
            raise ZeroDivisionError
        return [LookupError("13") if question == 13 else 2 * question for question in questions]


async def test_what_is_asked_during_a_call_goes_together_in_the_next() -> None:
    oracle = Oracle()
    gathering = Gathering(oracle.answer, most=3)
    asked = [asyncio.create_task(gathering.ask(number)) for number in (1, 13, 3, 4, 5)]
    await oracle.asked.wait()
    later = [asyncio.create_task(gathering.ask(number)) for number in (6, 7)]
    await asyncio.sleep(0)
    oracle.may_answer.set()
    assert await asyncio.gather(*(asked[n] for n in (0, 2, 3, 4)), *later) == [2, 6, 8, 10, 12, 14]
    with pytest.raises(LookupError):
        await asked[1]
    assert oracle.calls[1:] == [[4, 5, 6], [7]]


async def test_a_call_that_fails_fails_for_those_who_asked_and_the_next_goes_on() -> None:
    oracle = Oracle()
    oracle.may_answer.set()
    gathering = Gathering(oracle.answer, most=3)
    for answer in await asyncio.gather(gathering.ask(0), gathering.ask(1), return_exceptions=True):
        assert isinstance(answer, ZeroDivisionError)
    assert await gathering.ask(2) == 4


async def test_who_stops_waiting_is_not_asked_for() -> None:
    oracle = Oracle()
    gathering = Gathering(oracle.answer, most=1)
    first = asyncio.create_task(gathering.ask(1))
    await oracle.asked.wait()
    gone, there = asyncio.create_task(gathering.ask(2)), asyncio.create_task(gathering.ask(3))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    oracle.may_answer.set()
    assert (await first, await there) == (2, 6)
    assert [1] in oracle.calls
    assert [2] not in oracle.calls


async def test_a_call_that_answers_too_few_leaves_nobody_waiting() -> None:
    gathering: Gathering[int, int] = Gathering(lambda _: [1], most=3)
    answers = await asyncio.gather(gathering.ask(1), gathering.ask(2), return_exceptions=True)
    assert all(isinstance(answer, ValueError) for answer in answers)
