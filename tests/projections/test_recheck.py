"""The whole log, folded anew beside each read model: no difference, or every one of them."""

from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine

from projections import batches, recheck
from projections.projection import Projection
from projections.registry import PROJECTIONS
from tests.projections.history import (
    CANCELLED,
    DRIVER,
    READER,
    RESTAURANT,
    History,
    authorized,
    dish,
    founded,
    joined,
    placed,
    whole_order,
)


@pytest.fixture(params=[1, 5, 1_000], ids=lambda batch: f"batches of {batch}")
def told(connection: Connection, history: History, request: pytest.FixtureRequest) -> int:
    """A log of some lives, and all read models at its head: what they show must not depend on where batches end."""
    history.tell(RESTAURANT, founded(), dish(UUID(int=71)))
    history.tell(DRIVER, joined())
    for number in range(3):
        history.tell(UUID(int=1000 + number), *whole_order())
    history.tell(UUID(int=2000), placed(), authorized(), CANCELLED)
    head = history.store(connection)
    for start in range(0, head, request.param):
        batches.apply(connection, PROJECTIONS, history.events[start : start + request.param])
    return head


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda one: one.name)
def test_what_the_log_says_is_shown(engine: Engine, told: int, projection: Projection) -> None:
    told_of: list[tuple[int, int]] = []
    found = recheck.compare(engine, READER, projection, lambda position, end: told_of.append((position, end)))
    assert found.same, found
    assert (found.position, told_of[-1]) == (told, (told, told))
    assert found.rows > 0


def test_a_row_that_was_changed_is_told_on_both_sides(engine: Engine, connection: Connection, told: int) -> None:
    assert told
    with connection.begin():
        connection.exec_driver_sql(
            "UPDATE order_details.orders SET status = 'cancelled' WHERE order_id::text LIKE '%%3e8'"
        )
        connection.exec_driver_sql("DELETE FROM order_timeline.steps WHERE version = 2")
    changed, shortened = (
        recheck.compare(engine, READER, projection, lambda *_: None)
        for projection in PROJECTIONS
        if projection.name in {"order_details", "order_timeline"}
    )
    assert (len(changed.wrong), len(changed.missing)) == (1, 1)
    assert "cancelled" in changed.wrong[0]
    assert "completed" in changed.missing[0]
    assert (len(shortened.wrong), len(shortened.missing)) == (0, 4)


def test_nothing_is_left_behind(engine: Engine, connection: Connection, told: int) -> None:
    assert told
    recheck.compare(engine, READER, PROJECTIONS[0], lambda *_: None)
    with connection.begin():
        schemas = connection.exec_driver_sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%%recheck%%'").all()
    assert schemas == []


def test_a_read_model_that_was_never_made_is_named(engine: Engine) -> None:
    with pytest.raises(LookupError, match=r"order_details.*tiffin projector"):
        recheck.compare(engine, READER, PROJECTIONS[0], lambda *_: None)
