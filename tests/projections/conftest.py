"""Read models on a migrated database of the test's own."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from projections import generations
from projections.connections import open_engine
from projections.registry import PROJECTIONS
from tests.projections.history import History


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
