"""Given events, when something is decided, then these events, a refusal, or nothing."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Concatenate, Protocol
from uuid import UUID

import msgspec
import pytest

from domain.errors import Conflict, InvalidInput, Refusal
from domain.event import Event

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday in winter: 12 h in Lisbon, too."""
STREAM = UUID(int=1)


class Evolve[S](Protocol):
    def __call__(self, state: S | None, stream_id: UUID, event: Event, at: datetime, /) -> S: ...


def fold[S](evolve: Evolve[S], history: Sequence[Event], at: datetime = NOON) -> S:
    state: S | None = None
    for event in history:
        state = evolve(state, STREAM, event, at)
    assert state is not None
    return state


class Outcome(msgspec.Struct, frozen=True):
    decide: Callable[[], list[Event]]

    def then(self, *expected: Event) -> None:
        assert self.decide() == list(expected)

    def then_quiet(self) -> None:
        assert self.decide() == []

    def then_refused(self, error: type[Refusal], *, status: str | None = None, field: str | None = None) -> None:
        with pytest.raises(error) as caught:
            self.decide()
        assert str(caught.value)
        if status is not None:
            assert isinstance(caught.value, Conflict)
            assert caught.value.status == status
        if field is not None:
            assert isinstance(caught.value, InvalidInput)
            assert caught.value.field == field


class Given[S](msgspec.Struct, frozen=True):
    state: S

    def when[**P](
        self, decision: Callable[Concatenate[S, P], list[Event]], *args: P.args, **facts: P.kwargs
    ) -> Outcome:
        return Outcome(lambda: decision(self.state, *args, **facts))


def when(decision: Callable[..., list[Event]], **facts: Any) -> Outcome:
    """What is decided without a history: the beginning of one."""
    return Outcome(lambda: decision(**facts))
