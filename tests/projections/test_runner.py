"""The runner: one leads and one stands by, every event once, and one projection's trouble is its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest
import redis
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import ProgrammingError

from domain.order import events as order
from projections import generations, order_details, order_timeline, order_totals, positions, runner
from projections.connections import driver
from projections.lanes import Limits
from projections.log import Logged
from projections.projection import Projection
from tests.projections.history import READER, History, placed, whole_order
from tests.projections.running import Start, progress, reached, seen, stopped
from tests.projections.seen import METADATA, Fragile, fold_seen
from tests.waiting import eventually

ORDER, OTHER = UUID(int=100), UUID(int=101)
REAL = (order_details.PROJECTION, order_timeline.PROJECTION, order_totals.PROJECTION)


def test_what_was_stored_before_and_after_it_started_is_folded_once(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    history.tell(ORDER, *whole_order())
    with engine.connect() as writer:
        history.store(writer)
        with start([Projection("seen", METADATA, fold_seen), *REAL]):
            reached(look, 13, "seen", "order_details", "order_timeline", "order_totals")
            for number in range(200, 230):
                history.tell(UUID(int=number), *whole_order())
                history.store(writer)
            reached(look, history.position, "seen", "order_details", "order_timeline", "order_totals")
    assert seen(look) == list(range(1, history.position + 1))
    assert order_totals.totals(look).reached["completed"] == 31
    details = order_details.get(look, ORDER)
    assert details is not None
    assert details.version == len(order_timeline.steps(look, ORDER)) == 13


def test_a_restart_goes_on_where_it_was(start: Start, look: Connection, engine: Engine, history: History) -> None:
    projection = Projection("seen", METADATA, fold_seen)
    with engine.connect() as writer:
        for number in (1, 2):
            history.tell(UUID(int=number), *whole_order())
            history.store(writer)
            with start([projection]):
                reached(look, 13 * number, "seen")
    assert seen(look) == list(range(1, 27))


def test_the_standby_takes_over_when_the_leader_ends(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    projection = Projection("seen", METADATA, fold_seen)
    with engine.connect() as writer, start([projection]) as first:
        assert first.leads.wait(5)
        with start([projection]) as second:
            history.tell(ORDER, *whole_order())
            history.store(writer)
            reached(look, 13, "seen")
            assert not second.leads.is_set()
            first.stop()
            assert second.leads.wait(5)
            history.tell(OTHER, *whole_order())
            history.store(writer)
            reached(look, 26, "seen")
    assert seen(look) == list(range(1, 27))


def test_a_leader_that_loses_its_lock_leaves_no_gap(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    projection = Projection("seen", METADATA, fold_seen)
    with engine.connect() as writer, start([projection]) as first, start([projection]) as second:
        eventually(lambda: first.leads.is_set() or second.leads.is_set())
        for number in range(200, 230):
            if number % 10 == 5:
                kill_leader(look)
            history.tell(UUID(int=number), *whole_order())
            history.store(writer)
        reached(look, history.position, "seen")
    assert seen(look) == list(range(1, history.position + 1))


def kill_leader(look: Connection) -> None:
    """Cut the connection that holds the leader's lock."""
    look.exec_driver_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        (runner.LEADER_LOCK,),
    )


def test_a_lost_lane_comes_back(start: Start, look: Connection, engine: Engine, history: History) -> None:
    with engine.connect() as writer, start([Projection("seen", METADATA, fold_seen)]):
        history.tell(ORDER, *whole_order())
        history.store(writer)
        reached(look, 13, "seen")
        look.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'tiffin projector' AND datname = current_database() "
            "AND pid NOT IN (pg_backend_pid(), %s)",
            (driver(writer).info.backend_pid,),
        )
        history.tell(OTHER, *whole_order())
        history.store(writer)
        reached(look, 26, "seen")
    assert seen(look) == list(range(1, 27))


def test_a_failing_event_stops_its_projection_alone(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    fragile = Fragile(8)
    with engine.connect() as writer:
        history.tell(ORDER, *whole_order())
        history.store(writer)
        with start([Projection("seen", METADATA, fragile), *REAL]):
            reached(look, 13, "order_details", "order_timeline", "order_totals")
            halted = stopped(look, "seen")
            assert (halted.position, halted.lag_events) == (7, 6)
            assert halted.error == "event 8 (order.driver_arrived): ValueError: cannot fold this"
            history.tell(OTHER, *whole_order())
            history.store(writer)
            reached(look, 26, "order_details", "order_timeline", "order_totals")
            assert seen(look) == list(range(1, 8))

            fragile.position = None
            assert positions.resume(look, "seen") == ["seen"]
            reached(look, 26, "seen")
        assert seen(look) == list(range(1, 27))
        mended = progress(look, "seen")
        assert (mended.state, mended.error) == ("live", None)


def test_an_unreadable_event_stops_with_its_reason(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    with engine.connect() as writer:
        history.tell(ORDER, *whole_order())
        history.store(writer)
        with start(REAL):
            reached(look, 13, "order_details")
            look.exec_driver_sql(
                "INSERT INTO events (position, originator_id, originator_version, topic, state, event_id, recorded_at, "
                "actor_type, hash) VALUES (14, gen_random_uuid(), 1, 'order.from_the_future', '{}', gen_random_uuid(), "
                "now(), 'system', '')"
            )
            halted = stopped(look, "order_details")
            assert halted.position == 13
            assert "order.from_the_future" in (halted.error or "")


def test_a_laggard_catches_up_alone(start: Start, look: Connection, engine: Engine, history: History) -> None:
    with engine.connect() as writer:
        for number in range(20):
            history.tell(UUID(int=number), *whole_order())
        history.store(writer)
        with start(REAL):
            reached(look, 260, "order_details", "order_timeline", "order_totals")
        with start([Projection("seen", METADATA, fold_seen), *REAL], limits=Limits(batch=10, near=5)):
            history.tell(UUID(int=1_000), *whole_order())
            history.store(writer)
            reached(look, 273, "seen", "order_details", "order_timeline", "order_totals")
    assert seen(look) == list(range(1, 274))


def test_every_event_is_counted_once_wherever_it_was_taken(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    follower = Remembering()
    counted: Counter[str] = Counter()
    lanes: set[str] = set()

    def observe(lane: str, events: Mapping[str, int], seconds: float) -> None:
        assert seconds > 0
        lanes.add(lane)
        counted.update(events)

    fragile = Projection("seen", METADATA, Fragile(120), skips_failures=True)
    with engine.connect() as writer:
        for number in range(20):
            history.tell(UUID(int=number), *whole_order())
        history.store(writer)
        with start([order_totals.PROJECTION], observe=observe):
            reached(look, 260, "order_totals")
        with start([fragile, order_totals.PROJECTION], [follower], Limits(batch=10, near=5), observe):
            reached(look, 260, "seen")
            history.tell(UUID(int=1_000), *whole_order())
            history.store(writer)
            reached(look, 273, "seen", "order_totals", "remembering")
    assert counted == {"order_totals": 273, "seen": 272, "remembering": 273}, "but not what was skipped"
    assert lanes == {"tables", "seen", "remembering"}


def test_a_rebuild_takes_the_live_ones_place(start: Start, look: Connection, engine: Engine, history: History) -> None:
    told: list[tuple[int, int]] = []
    with engine.connect() as writer:
        history.tell(ORDER, *whole_order())
        history.store(writer)
        with start(REAL):
            reached(look, 13, "order_details")
            for _ in range(10):
                assert order_details.get(look, ORDER), "asked often enough to be a prepared statement"
            look.exec_driver_sql("UPDATE order_details.orders SET status = 'nonsense'")
            position = generations.rebuild(engine, READER, order_details.PROJECTION, lambda *at: told.append(at))
            details = order_details.get(look, ORDER)
            assert details is not None
            assert (position, details.status, told) == (13, "completed", [(13, 13)])
            history.tell(OTHER, *whole_order())
            history.store(writer)
            reached(look, 26, "order_details")
            assert order_details.get(look, OTHER)
    row = progress(look, "order_details")
    assert (row.generation, row.state) == (2, "live")
    with pytest.raises(ProgrammingError):
        look.exec_driver_sql("SELECT * FROM order_details_1.orders")


def test_a_rebuild_that_fails_leaves_the_live_one(look: Connection, engine: Engine, history: History) -> None:
    sound, broken = Projection("seen", METADATA, fold_seen), Projection("seen", METADATA, Fragile(5))
    history.tell(ORDER, *whole_order())
    with engine.connect() as connection:
        history.store(connection)
        generations.ensure(connection, [sound])
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot fold this"):
            generations.rebuild(engine, READER, broken)
    assert seen(look) == []
    assert generations.rebuild(engine, READER, sound) == 13
    assert seen(look) == list(range(1, 14))


def test_two_rebuilds_at_once_are_refused(look: Connection, engine: Engine) -> None:
    with engine.connect() as connection:
        generations.ensure(connection, [order_details.PROJECTION])
    look.exec_driver_sql("SELECT pg_advisory_lock(7020, hashtext('order_details'))")
    with pytest.raises(generations.AlreadyRebuilding):
        generations.rebuild(engine, READER, order_details.PROJECTION)


class Remembering:
    """A follower in memory."""

    name = "remembering"

    def __init__(self) -> None:
        self.at = 0
        self.positions: list[int] = []
        self.failing: Exception | None = None

    def position(self, connection: Connection) -> int:
        assert connection.in_transaction()
        return self.at

    def apply(self, events: Sequence[Logged]) -> None:
        if self.failing is not None:
            failing, self.failing = self.failing, None
            raise failing
        self.positions += [logged.position for logged in events]
        self.at = self.positions[-1]

    def forget(self) -> None:
        self.at = 0


def test_a_stopped_projection_tries_again_by_itself(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    fragile = Fragile(8)
    with engine.connect() as writer:
        history.tell(ORDER, *whole_order())
        history.store(writer)
        with start([Projection("seen", METADATA, fragile), *REAL], limits=Limits(stopped_seconds=0.1)):
            stopped(look, "seen")
            fragile.position = None
            reached(look, 13, "seen")
    assert seen(look) == list(range(1, 14))


def test_a_refused_statement_stops_its_projection_with_the_servers_words(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    with engine.connect() as writer:
        history.tell(ORDER, *whole_order())
        history.store(writer)
        with start([Projection("seen", METADATA, fold_twice), *REAL]):
            reached(look, 13, "order_details", "order_timeline", "order_totals")
            halted = stopped(look, "seen")
            assert halted.position == 0
            assert "UniqueViolation" in (halted.error or "")


def fold_twice(connection: Connection, batch: Sequence[Logged]) -> None:
    fold_seen(connection, batch)
    fold_seen(connection, batch)


def test_a_follower_gets_every_event_and_survives_its_servers_absence(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    follower = Remembering()
    follower.failing = redis.ConnectionError("away")
    with engine.connect() as writer:
        history.tell(ORDER, *whole_order())
        history.store(writer)
        with start(REAL, [follower]):
            reached(look, 13, "order_details", "remembering")
            history.tell(OTHER, order.NoteAdded(text="x"), placed())
            history.store(writer)
            eventually(lambda: follower.at == 15)
            follower.forget()
            eventually(lambda: follower.at == 15)
    assert follower.positions == [*range(1, 16), *range(1, 16)]


def test_a_follower_that_fails_says_why_and_the_others_go_on(
    start: Start, look: Connection, engine: Engine, history: History
) -> None:
    follower = Remembering()
    follower.failing = KeyError("missing")
    with engine.connect() as writer:
        history.tell(ORDER, *whole_order())
        history.store(writer)
        with start(REAL, [follower]):
            halted = stopped(look, "remembering")
            assert halted.error == "KeyError: 'missing'"
            reached(look, 13, "order_details")
