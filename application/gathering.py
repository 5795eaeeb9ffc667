"""What coroutines ask for while a call is under way goes together in the next call, in a thread."""

import asyncio
from collections.abc import Callable, Sequence


class Gathering[Q, A]:
    """One call at a time. Belongs to one event loop at a time."""

    def __init__(self, call: Callable[[Sequence[Q]], Sequence[A | Exception]], *, most: int) -> None:
        """`call` blocks and answers each question, in their order, with an answer or what its asker is to raise.

        It gets at most `most` questions.
        """
        self._call = call
        self._most = most
        self._asked: list[tuple[Q, asyncio.Future[A]]] = []
        self._calling: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """Have it answered in the next call."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._asked.append((question, answer))
        if self._calling is None or self._calling.done():
            self._calling = asyncio.create_task(self._call_until_answered())
        return await answer

    async def _call_until_answered(self) -> None:
        while self._asked:
            now, self._asked = self._asked[: self._most], self._asked[self._most :]
            asked = [(question, answer) for question, answer in now if not answer.done()]
            results = await self._results([question for question, _ in asked])
            for (_, answer), result in zip(asked, results, strict=True):
                if answer.done():
                    continue
                if isinstance(result, Exception):
                    answer.set_exception(result)
                else:
                    answer.set_result(result)

    async def _results(self, questions: Sequence[Q]) -> Sequence[A | Exception]:
        """One for each question: nobody is left waiting, whatever the call does."""
        try:
            results = await asyncio.to_thread(self._call, questions)
        except Exception as error:  # noqa: BLE001 - every asker gets it
            return [error] * len(questions)
        if len(results) != len(questions):
            return [ValueError(f"{len(results)} answers to {len(questions)} questions")] * len(questions)
        return results
