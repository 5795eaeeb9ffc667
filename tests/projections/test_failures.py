"""A projection that stops over somebody's data does not tell it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, Engine

from projections import positions
from projections.failures import cleaned, told
from projections.log import Logged
from projections.projection import Projection
from tests.projections.history import History, whole_order
from tests.projections.running import Start
from tests.projections.seen import METADATA
from tests.waiting import eventually

BROKEN = """
DO $$ BEGIN
    RAISE check_violation USING MESSAGE = 'a rule is broken', DETAIL = 'Failing row contains (7, Zulmira).',
        TABLE = 'people', CONSTRAINT = 'short';
END $$"""


def break_a_rule(connection: Connection, _events: Sequence[Logged]) -> None:
    connection.exec_driver_sql(BROKEN)


def test_why_a_projection_stopped_names_the_rule_and_not_the_row(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    with engine.connect() as writer:
        history.tell(UUID(int=100), *whole_order())
        history.store(writer)
    with start([Projection("seen", METADATA, break_a_rule)]):
        error = eventually(lambda: next((one.error for one in positions.progress(look)), None), what="the reason")
    assert error == "event 1 (order.placed): CheckViolation: a rule is broken (people.short)"


def test_other_failures_say_what_they_say() -> None:
    failure = ValueError("cannot fold this")
    failure.__cause__ = KeyError("inner")
    assert told(failure) == "ValueError: cannot fold this"
    assert cleaned("KeyError: 'inner', ValueError: cannot fold this", failure).endswith(": cannot fold this")
