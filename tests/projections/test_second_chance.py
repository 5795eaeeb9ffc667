"""An event that was skipped is folded after all, as if it had been in its place all along."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine

from domain.event import Event
from domain.order import events as order
from projections import dead_letters, generations, inbox, order_details, recheck, second_chance
from projections.log import Logged
from projections.projection import Projection
from projections.second_chance import NotRetried
from tests.projections.history import CANCELLED, DRIVER, OFFER, READER, History, assigned, offered, placed, whole_order
from tests.projections.running import Start, reached

ORDER, OTHER_DRIVER, OTHER_OFFER = UUID(int=100), UUID(int=4), UUID(int=501)
LIFE: tuple[Event, ...] = (
    placed(),
    order.Confirmed(prep_seconds=900),
    offered(),
    assigned(),
    order.DriverUnassigned(driver_id=DRIVER, reason="flat tyre"),
    offered(OTHER_DRIVER, offer_id=OTHER_OFFER, sequence=2),
    assigned(OTHER_DRIVER, offer_id=OTHER_OFFER),
    order.ReadyForPickup(),
    CANCELLED,
)


class Failing:
    """The inbox, failing at some events until mended."""

    def __init__(self, *positions: int) -> None:
        self.positions = set(positions)

    def __call__(self, connection: Connection, batch: Sequence[Logged]) -> None:
        if any(logged.position in self.positions for logged in batch):
            raise ValueError("cannot fold this")
        inbox.apply(connection, batch)

    @property
    def projection(self) -> Projection:
        return Projection("inbox", inbox.METADATA, self, skips_failures=True, unfold=inbox.unfold)


@pytest.fixture
def retrying(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


def as_if_never_skipped(engine: Engine) -> bool:
    found = recheck.compare(engine, READER, inbox.PROJECTION, lambda *_: None)
    assert (found.wrong, found.missing) == ([], [])
    return found.rows > 0


def test_whichever_event_was_skipped_the_rows_are_right_in_the_end(
    start: Start, look: Connection, retrying: Connection, engine: Engine, history: History
) -> None:
    orders = [UUID(int=100 + number) for number in range(len(LIFE))]
    failing = Failing(*(number * len(LIFE) + number + 1 for number in range(len(LIFE))))
    with engine.connect() as writer, start([failing.projection]):
        for each in orders:
            history.tell(each, *LIFE)
        history.store(writer)
        reached(look, history.position, "inbox")
        skipped = dead_letters.positions(look, "inbox")
        assert skipped[: len(LIFE)] == list(range(1, len(LIFE) + 1)), "without who takes part, nothing can be told"
        assert len(skipped) == 2 * len(LIFE) - 1
        failing.positions.clear()
        stubborn = []
        for position in reversed(skipped):
            history.tell(orders[position % len(orders)], order.PaymentRefunded(payment_id="pay-1", amount_minor=1))
            history.store(writer)
            if second_chance.retry(retrying, READER, failing.projection, position) is not None:
                stubborn.append(position)
        assert stubborn == list(range(len(LIFE), 1, -1)), "what needs an event that is not there yet"
        reached(look, history.position, "inbox")
        for position in dead_letters.positions(look, "inbox"):
            assert second_chance.retry(retrying, READER, failing.projection, position) is None
        assert dead_letters.counts(look) == {}
    assert as_if_never_skipped(engine)


def test_one_that_fails_again_stays_and_says_why(
    start: Start, look: Connection, retrying: Connection, engine: Engine, history: History
) -> None:
    failing = Failing(3)
    with engine.connect() as writer, start([failing.projection]):
        history.tell(ORDER, *whole_order())
        history.store(writer)
        reached(look, 13, "inbox")
        before = look.execute(inbox.ENTRIES.select()).all()
        failing.positions = {7}
        again = second_chance.retry(retrying, READER, failing.projection, 3)
        assert again == "event 7 (order.preparation_started): ValueError: cannot fold this"
        assert [(letter.position, letter.error) for letter in dead_letters.listed(look)] == [(3, again)]
        assert look.execute(inbox.ENTRIES.select()).all() == before
        failing.positions.clear()
        assert second_chance.retry(retrying, READER, failing.projection, 3) is None
    assert as_if_never_skipped(engine)


def test_what_cannot_be_retried_is_refused_with_the_remedy(retrying: Connection) -> None:
    with pytest.raises(NotRetried, match="start `tiffin projector` once"):
        second_chance.retry(retrying, READER, inbox.PROJECTION, 1)
    generations.ensure(retrying, [inbox.PROJECTION])
    with pytest.raises(NotRetried, match="`tiffin projections dead inbox` lists"):
        second_chance.retry(retrying, READER, inbox.PROJECTION, 1)
    with pytest.raises(NotRetried, match="`tiffin projections rebuild order_details` reads all"):
        second_chance.retry(retrying, READER, order_details.PROJECTION, 1)
    with retrying.begin():
        retrying.exec_driver_sql("ALTER TABLE inbox.entries DROP COLUMN link")
    with pytest.raises(NotRetried, match=r"entries\.link is text in the code, absent in the database: run `tiffin"):
        second_chance.retry(retrying, READER, inbox.PROJECTION, 1)


def test_an_order_is_forgotten_and_no_other(connection: Connection, history: History) -> None:
    other = UUID(int=101)
    history.tell(ORDER, *LIFE)
    history.tell(other, placed(), offered(offer_id=OFFER))
    history.fold(connection, inbox.PROJECTION)
    inbox.unfold(connection, history.events[: len(LIFE)])
    assert {row.order_id for row in connection.execute(inbox.ENTRIES.select())} == {other}
    assert [row.order_id for row in connection.execute(inbox.PARTIES.select())] == [other]
