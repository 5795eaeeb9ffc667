"""A projection that may skip what fails, and one that stands still on purpose."""

from uuid import UUID

from sqlalchemy import Connection, Engine

from projections import dead_letters, generations, order_details, order_timeline, order_totals, positions
from projections.lanes import Limits
from projections.projection import Projection
from tests.projections.history import READER, History, whole_order
from tests.projections.running import Start, reached, seen
from tests.projections.seen import METADATA, Fragile, fold_seen

ORDER, OTHER = UUID(int=100), UUID(int=101)
REAL = (order_details.PROJECTION, order_timeline.PROJECTION, order_totals.PROJECTION)


def test_one_that_may_skip_puts_a_failing_event_aside_and_goes_on(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    fragile = Fragile(8)
    projection = Projection("seen", METADATA, fragile, skips_failures=True)
    with engine.connect() as writer:
        history.tell(ORDER, *whole_order())
        history.store(writer)
        with start([projection, *REAL]):
            reached(look, 13, "seen", "order_details")
            assert seen(look) == [position for position in range(1, 14) if position != 8]
            (letter,) = dead_letters.listed(look, "seen")
            assert (letter.position, letter.topic, letter.stream_id) == (8, "order.driver_arrived", ORDER)
            assert letter.error == "event 8 (order.driver_arrived): ValueError: cannot fold this"
            assert dead_letters.counts(look) == {"seen": 1}
            fragile.position = None
            generations.rebuild(engine, READER, projection)
            assert seen(look) == list(range(1, 14))
            assert dead_letters.counts(look) == {}


def test_a_paused_projection_stands_still_until_it_is_resumed(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    with engine.connect() as writer:
        history.tell(ORDER, *whole_order())
        history.store(writer)
        with start([Projection("seen", METADATA, fold_seen), *REAL], limits=Limits(stopped_seconds=0.0)):
            reached(look, 13, "seen")
            assert positions.pause(look, "seen")
            assert not positions.pause(look, "seen")
            history.tell(OTHER, *whole_order())
            history.store(writer)
            reached(look, 26, "order_details", "order_timeline", "order_totals")
            assert seen(look) == list(range(1, 14))
            assert positions.of(look, ["seen"]) == 13, "it can be read all the same"
            assert positions.unpause(look, "seen")
            reached(look, 26, "seen")
            assert seen(look) == list(range(1, 27))
            assert not positions.unpause(look, "seen")
