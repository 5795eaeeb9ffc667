"""Group commit: saves that arrive while an append is at the server leave together in the next one.

One thread of the process appends; everybody else waits for a future, a coroutine without holding a thread. Each save
pays its share of one round trip, one lock and one flush; while nobody else writes, a group is one save.

With a barrier an append commits before it is on disk, and a second thread flushes, for all groups appended meanwhile,
before anybody is told: so the next group need not wait for the disk.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition, Thread
from time import monotonic

import msgspec

from application.saves import MAX_EVENTS, Outcome, Save
from application.store import StoreBusy, Unconfirmed

MAX_SAVES = 64
"""In one group: what is appended under the lock at once keeps the writers of other processes waiting."""

type Append = Callable[[Sequence[Save], float], Sequence[Outcome]]
"""Append saves until a deadline (of `monotonic`); one outcome each. Raises StoreBusy or Unconfirmed for all of them."""


class Ticket(msgspec.Struct, eq=False):
    """A save that waits to be appended, until `deadline`."""

    save: Save
    deadline: float
    outcome: Future[Outcome]
    unconfirmed: bool = False
    """It was at the server once, which then went away without an answer."""


class GroupCommit:
    """Thread-safe. `close` it in the end."""

    def __init__(self, append: Append, *, wait_seconds: float, flush: Callable[[], None] | None = None) -> None:
        """A save is given up when it was not appended within `wait_seconds`. `flush` makes a barrier."""
        self._append = append
        self._barrier = None if flush is None else Barrier(flush)
        self._wait_seconds = wait_seconds
        self._queue: deque[Ticket] = deque()
        self._arrival = Condition()
        self._closed = False
        self._thread = Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, save: Save) -> Future[Outcome]:
        """Queue a save. Its future raises StoreBusy when nothing was appended, Unconfirmed when nobody knows."""
        ticket = Ticket(save, monotonic() + self._wait_seconds, Future())
        with self._arrival:
            if self._closed:
                raise StoreBusy
            self._queue.append(ticket)
            if len(self._queue) == 1:
                self._arrival.notify()
        return ticket.outcome

    def close(self) -> None:
        """Append what is queued, then stop."""
        with self._arrival:
            self._closed = True
            self._arrival.notify()
        self._thread.join()
        if self._barrier is not None:
            self._barrier.close()

    def _run(self) -> None:
        while group := self._next_group():
            self._commit(group)

    def _next_group(self) -> list[Ticket]:
        """Wait for saves and take them; none when closed. Who stopped waiting before is left out."""
        group: list[Ticket] = []
        with self._arrival:
            while not group:
                while not self._queue and not self._closed:
                    self._arrival.wait()
                if not self._queue:
                    break
                events = 0
                while self._queue and len(group) < MAX_SAVES:
                    events += len(self._queue[0].save.events)
                    if group and events > MAX_EVENTS:
                        break
                    ticket = self._queue.popleft()
                    if ticket.outcome.running() or ticket.outcome.set_running_or_notify_cancel():
                        group.append(ticket)
        return group

    def _commit(self, group: Sequence[Ticket]) -> None:
        try:
            outcomes = self._append([ticket.save for ticket in group], group[0].deadline)
        except StoreBusy as error:
            self._give_up(group, error)
        except Exception as error:  # noqa: BLE001 - belongs to whoever waits for the save at fault
            if len(group) == 1:
                group[0].outcome.set_exception(error)
                return
            # The statement failed as a whole and appended nothing; one by one the fault finds its own.
            for ticket in group:
                self._commit([ticket])
        else:
            if self._barrier is not None:
                self._barrier.pass_on(group, outcomes)
            else:
                tell(group, outcomes)

    def _give_up(self, group: Sequence[Ticket], error: StoreBusy) -> None:
        """Tell those whose time is over, the first in any case; the others come first in the next group."""
        now, patient = monotonic(), []
        for ticket in group:
            ticket.unconfirmed = ticket.unconfirmed or isinstance(error, Unconfirmed)
            if ticket is not group[0] and now < ticket.deadline:
                patient.append(ticket)
            elif ticket.unconfirmed and not isinstance(error, Unconfirmed):
                ticket.outcome.set_exception(Unconfirmed())
            else:
                ticket.outcome.set_exception(error)
        with self._arrival:
            self._queue.extendleft(reversed(patient))


class Barrier:
    """Tells outcomes once they are on disk. Refusals wait too: they may rest on what is not on disk yet."""

    def __init__(self, flush: Callable[[], None]) -> None:
        """`flush` blocks until everything committed before is on disk. Raises StoreBusy when it could not."""
        self._flush = flush
        self._appended: list[tuple[Sequence[Ticket], Sequence[Outcome]]] = []
        self._arrival = Condition()
        self._closed = False
        self._thread = Thread(target=self._run, name="durable-barrier", daemon=True)
        self._thread.start()

    def pass_on(self, group: Sequence[Ticket], outcomes: Sequence[Outcome]) -> None:
        """Take over a group that was appended."""
        with self._arrival:
            self._appended.append((group, outcomes))
            self._arrival.notify()

    def close(self) -> None:
        """Tell what was appended, then stop."""
        with self._arrival:
            self._closed = True
            self._arrival.notify()
        self._thread.join()

    def _run(self) -> None:
        while groups := self._next_groups():
            try:
                self._flush()
            except Exception as error:  # noqa: BLE001 - nobody knows now, and whoever waits must be told so
                for group, _ in groups:
                    for ticket in group:
                        unconfirmed = Unconfirmed()
                        unconfirmed.__cause__ = error
                        ticket.outcome.set_exception(unconfirmed)
            else:
                for group, outcomes in groups:
                    tell(group, outcomes)

    def _next_groups(self) -> list[tuple[Sequence[Ticket], Sequence[Outcome]]]:
        with self._arrival:
            while not self._appended and not self._closed:
                self._arrival.wait()
            groups, self._appended = self._appended, []
        return groups


def tell(group: Sequence[Ticket], outcomes: Sequence[Outcome]) -> None:
    """Let everybody of a group go on."""
    for ticket, outcome in zip(group, outcomes, strict=True):
        ticket.outcome.set_result(outcome)
