"""Read models on a migrated database of the test's own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine

from projections import generations
from projections.connections import open_engine
from projections.lanes import Limits, Observe, unobserved
from projections.projection import Follower, Projection
from projections.registry import PROJECTIONS
from projections.runner import DEFAULT_LIMITS
from tests.projections.history import History
from tests.projections.running import Running, Start


@pytest.fixture
def engine(postgres_url: str) -> Engine:
    """The projector's own kind of connections."""
    return open_engine(postgres_url)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """One connection to a database in which every read model exists and is empty."""
    with engine.connect() as connection:
        generations.ensure(connection, PROJECTIONS)
        yield connection


@pytest.fixture
def history() -> History:
    """An empty log to tell events to."""
    return History()


@pytest.fixture
def start(postgres_url: str) -> Start:
    """Run a projector for as long as the block lasts."""

    @contextmanager
    def running(
        projections: Sequence[Projection],
        followers: Sequence[Follower] = (),
        limits: Limits = DEFAULT_LIMITS,
        observe: Observe = unobserved,
    ) -> Iterator[Running]:
        projector = Running(postgres_url, projections, followers, limits, observe)
        try:
            yield projector
        finally:
            projector.stop()

    return running


@pytest.fixture
def look(engine: Engine) -> Iterator[Connection]:
    """A connection that sees what is committed."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection
