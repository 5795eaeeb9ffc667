"""Saves that gather behind an append: who goes together, who is told what when it fails."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from time import monotonic

import pytest
from eventsourcing.persistence import StoredEvent

from application.event_store import PostgresEventStore
from application.group_commit import MAX_SAVES, GroupCommit
from application.ids import new_id
from application.memory_keys import MemoryKeys
from application.saves import MAX_EVENTS, Outcome, Save
from application.store import Answer, Change, StoreBusy, Unconfirmed
from tests.application.store_acts import META, NOON, act, at_once, key, registered, store_settings

WITHIN_SECONDS = 10.0


class Server:
    """Appends when it is let, and does to each group what the test has prepared for it."""

    def __init__(self) -> None:
        self.groups: list[list[Save]] = []
        self.deadlines: list[float] = []
        self.arrived = threading.Semaphore(0)
        self.may_answer = threading.Semaphore(0)
        self.errors: list[Exception | None] = []
        self.refuses: Save | None = None

    def append(self, saves: Sequence[Save], deadline: float) -> Sequence[Outcome]:
        self.groups.append(list(saves))
        self.deadlines.append(deadline)
        self.arrived.release()
        assert self.may_answer.acquire(timeout=WITHIN_SECONDS)
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        if self.refuses in saves:
            raise ValueError("one of them cannot be packed")
        return [Outcome("appended", len(self.groups)) for _ in saves]

    def let(self, answers: int) -> None:
        self.may_answer.release(answers)

    def wait_for_group(self) -> None:
        assert self.arrived.acquire(timeout=WITHIN_SECONDS)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def group(server: Server) -> Iterator[GroupCommit]:
    group = GroupCommit(server.append, wait_seconds=WITHIN_SECONDS)
    yield group
    server.let(1_000)
    group.close()


def save(*, events: int = 1) -> Save:
    stored = [StoredEvent(new_id(), number, "t", b"{}") for number in range(events)]
    return Save(expected=(), event_ids=(), meta=META, answer=Answer(id=new_id(), status="", version=1), events=stored)


def test_what_arrives_during_an_append_goes_together_in_the_next(server: Server, group: GroupCommit) -> None:
    first = group.submit(save())
    server.wait_for_group()
    others = [group.submit(save()) for _ in range(5)]
    server.let(2)
    assert first.result(WITHIN_SECONDS).position == 1
    assert [one.result(WITHIN_SECONDS).position for one in others] == [2] * 5
    assert [len(saves) for saves in server.groups] == [1, 5]


def test_a_group_has_its_bounds(server: Server, group: GroupCommit) -> None:
    group.submit(save())
    server.wait_for_group()
    many = [group.submit(save()) for _ in range(MAX_SAVES + 1)]
    large = [group.submit(save(events=MAX_EVENTS)) for _ in range(2)]
    server.let(100)
    for one in many + large:
        one.result(WITHIN_SECONDS)
    assert [len(saves) for saves in server.groups] == [1, MAX_SAVES, 1, 1, 1]


def test_the_first_ones_time_is_the_groups_and_the_others_go_on(server: Server, group: GroupCommit) -> None:
    group.submit(save())
    server.wait_for_group()
    hasty, patient = group.submit(save()), group.submit(save())
    server.errors = [None, StoreBusy(), None]
    server.let(3)
    with pytest.raises(StoreBusy):
        hasty.result(WITHIN_SECONDS)
    assert patient.result(WITHIN_SECONDS).result == "appended"
    assert server.deadlines == sorted(server.deadlines)
    assert monotonic() < server.deadlines[1]


def test_what_was_once_at_a_server_that_went_away_is_never_called_not_appended(
    server: Server, group: GroupCommit
) -> None:
    group.submit(save())
    server.wait_for_group()
    lost, sent = group.submit(save()), group.submit(save())
    server.errors = [None, Unconfirmed(), StoreBusy()]
    server.let(3)
    for one in (lost, sent):
        with pytest.raises(Unconfirmed):
            one.result(WITHIN_SECONDS)


def test_a_save_at_fault_spoils_no_other(server: Server, group: GroupCommit) -> None:
    group.submit(save())
    server.wait_for_group()
    fault = save()
    before, at_fault, after = group.submit(save()), group.submit(fault), group.submit(save())
    server.refuses = fault
    server.let(100)
    with pytest.raises(ValueError, match="packed"):
        at_fault.result(WITHIN_SECONDS)
    assert [one.result(WITHIN_SECONDS).result for one in (before, after)] == ["appended"] * 2


def test_who_stops_waiting_while_it_queues_appends_nothing(server: Server, group: GroupCommit) -> None:
    group.submit(save())
    server.wait_for_group()
    gone, there = group.submit(save()), group.submit(save())
    assert gone.cancel()
    server.let(2)
    there.result(WITHIN_SECONDS)
    assert [len(saves) for saves in server.groups] == [1, 1]


def test_closing_appends_what_is_queued_and_takes_no_more(server: Server) -> None:
    group = GroupCommit(server.append, wait_seconds=WITHIN_SECONDS)
    waiting = [group.submit(save()) for _ in range(3)]
    server.let(3)
    group.close()
    assert all(one.result(0).result == "appended" for one in waiting)
    with pytest.raises(StoreBusy):
        group.submit(save())


def test_threads_and_coroutines_share_groups_and_each_gets_its_own_answer(postgres_url: str) -> None:
    store = PostgresEventStore(store_settings(postgres_url), MemoryKeys())
    streams = [new_id() for _ in range(100)]

    def from_thread(number: int) -> tuple[int, int]:
        stream = streams[number]
        receipt = act(store, stream, 0, registered(), idempotency=key(str(number)))
        return number, receipt.position

    async def from_coroutine(number: int) -> tuple[int, int]:
        stream = streams[number]
        receipt = await store.append_async(
            [Change(stream, 0, [registered()])],
            answer=Answer(id=stream, status="done", version=1),
            meta=META,
            occurred_at=NOON,
            idempotency=key(str(number)),
        )
        assert receipt.answer.id == stream
        return number, receipt.position

    async def fifty() -> list[tuple[int, int]]:
        return await asyncio.gather(*(from_coroutine(number) for number in range(50)))

    coroutines, *threads = at_once(
        lambda: asyncio.run(fifty()), *[lambda n=number: from_thread(n) for number in range(50, 100)]
    )
    positions = dict([*coroutines, *threads])
    log = store.read(after=0, limit=1_000)
    store.close()
    assert {recorded.originator_id: position for position, recorded in log} == {
        streams[number]: position for number, position in positions.items()
    }
    assert [position for position, _ in log] == list(range(1, 101))
