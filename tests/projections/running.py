"""A projector in a thread, and what tests look for while it runs."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from sqlalchemy import Connection, select

from projections import positions, runner
from projections.lanes import Limits, Observe, unobserved
from projections.positions import Progress
from projections.projection import Follower, Projection
from tests.projections.history import READER
from tests.projections.seen import SEEN
from tests.waiting import eventually


class Running:
    """A projector in a thread."""

    def __init__(
        self,
        url: str,
        projections: Sequence[Projection],
        followers: Sequence[Follower],
        limits: Limits,
        observe: Observe = unobserved,
    ) -> None:
        self.stopping, self.leads = threading.Event(), threading.Event()
        self.thread = threading.Thread(
            target=runner.run,
            args=(url, READER, projections, followers),
            kwargs={"stopping": self.stopping, "on_lead": self.leads.set, "limits": limits, "observe": observe},
        )
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join(5)
        assert not self.thread.is_alive(), "drains within seconds"


type Start = Callable[..., AbstractContextManager[Running]]


def progress(look: Connection, name: str) -> Progress:
    return next(row for row in positions.progress(look) if row.name == name)


def stopped(look: Connection, name: str) -> Progress:
    def found() -> list[Progress]:
        return [row for row in positions.progress(look) if row.name == name and row.state == "stopped"]

    return eventually(found)[0]


def reached(look: Connection, position: int, *names: str) -> None:
    def all_there() -> bool:
        return positions.of(look, names) >= position

    eventually(all_there, what=f"{names} at {position}: {positions.progress(look)}")


def seen(look: Connection) -> list[int]:
    return list(look.execute(select(SEEN.c.position).order_by(SEEN.c.position)).scalars())
