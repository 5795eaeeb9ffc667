"""What every event store keeps. The same suite runs against each."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from application.event_store import PostgresEventStore
from application.ids import new_id
from application.kinds import DRIVER, ORDER
from application.memory_keys import MemoryKeys
from application.memory_store import MemoryEventStore
from application.store import Answer, Change, Closing, EventStore, Fenced, KeyReused, VersionConflict
from domain.errors import InvalidInput, NotFound
from tests.application.store_acts import (
    ENDED,
    META,
    NOON,
    STARTED,
    act,
    at_once,
    join,
    key,
    registered,
    shifts,
    store_settings,
)

ELSEWHERE = Answer(id=UUID(int=1), status="another answer", version=1)


class StoreContract(ABC):
    """The suite."""

    @pytest.fixture
    @abstractmethod
    def store(self) -> Iterator[EventStore]:
        """An empty store."""

    @abstractmethod
    def lease(self, store: EventStore, position: int, token: UUID) -> None:
        """Claim the reaction (position, "matching.match_order") for this token."""

    @abstractmethod
    def a_day_passes(self, store: EventStore) -> None:
        """Make every stored answer 24 h older."""

    # Streams

    def test_a_stream_is_loaded_as_its_events_leave_it(self, store: EventStore) -> None:
        stream = new_id()
        act(store, stream, 0, registered("Rui"), STARTED)
        loaded = store.load(DRIVER, stream)
        assert (loaded.id, loaded.version, loaded.name, loaded.on_shift) == (stream, 2, "Rui", True)

    def test_a_stream_is_loaded_as_it_was(self, store: EventStore) -> None:
        stream = join(store)
        act(store, stream, 1, STARTED, ENDED)
        assert store.load(DRIVER, stream, version=2).on_shift
        assert not store.load(DRIVER, stream).on_shift

    def test_what_was_never_appended_is_not_found(self, store: EventStore) -> None:
        with pytest.raises(NotFound):
            store.load(DRIVER, new_id())

    def test_a_stream_of_another_kind_is_not_found(self, store: EventStore) -> None:
        with pytest.raises(NotFound):
            store.load(ORDER, join(store))

    def test_several_streams_are_loaded_at_once_those_of_another_kind_or_nowhere_left_out(
        self, store: EventStore
    ) -> None:
        first, second, idle = (join(store) for _ in range(3))
        act(store, first, 1, STARTED)
        act(store, second, 1, STARTED, ENDED)
        asked = [second, new_id(), first, second]
        loaded = store.load_many(DRIVER, asked)
        assert loaded == {stream: store.load(DRIVER, stream) for stream in (first, second)}
        assert not store.load_many(ORDER, [idle])
        assert not store.load_many(DRIVER, [])

    def test_events_come_back_with_their_envelope(self, store: EventStore) -> None:
        stream = join(store)
        (recorded,) = store.stream(stream)
        assert recorded.event == registered()
        assert (recorded.originator_id, recorded.originator_version) == (stream, 1)
        assert (recorded.meta, recorded.occurred_at) == (META, NOON)

    def test_a_stream_is_read_from_a_version_on(self, store: EventStore) -> None:
        stream = join(store)
        act(store, stream, 1, *shifts(4))
        assert [recorded.originator_version for recorded in store.stream(stream, after_version=3)] == [4, 5]

    # The log

    def test_positions_count_from_one_without_gaps(self, store: EventStore) -> None:
        assert act(store, new_id(), 0, registered(), STARTED).position == 2
        assert act(store, new_id(), 0, registered()).position == 3
        assert [position for position, _ in store.read(after=0, limit=10)] == [1, 2, 3]

    def test_a_refused_append_takes_no_position(self, store: EventStore) -> None:
        stream = join(store)
        with pytest.raises(VersionConflict):
            act(store, stream, 0, registered())
        assert act(store, stream, 1, STARTED).position == 2

    def test_the_log_is_read_in_pages(self, store: EventStore) -> None:
        stream = join(store)
        act(store, stream, 1, *shifts(4))
        assert [position for position, _ in store.read(after=2, limit=2)] == [3, 4]
        assert [recorded.event for _, recorded in store.read(after=3, limit=10)] == [STARTED, ENDED]
        assert list(store.read(after=5, limit=10)) == []

    # Versions

    def test_who_decided_on_an_old_version_is_told_the_current_one(self, store: EventStore) -> None:
        stream = join(store)
        act(store, stream, 1, STARTED)
        with pytest.raises(VersionConflict) as refused:
            act(store, stream, 1, STARTED)
        assert (refused.value.stream_id, refused.value.current_version) == (stream, 2)

    def test_a_version_that_is_not_there_yet_conflicts_too(self, store: EventStore) -> None:
        with pytest.raises(VersionConflict) as refused:
            act(store, new_id(), 3, STARTED)
        assert refused.value.current_version == 0

    def test_several_streams_are_appended_to_or_none(self, store: EventStore) -> None:
        one, other = join(store), join(store)
        stale = [Change(one, 1, [STARTED]), Change(other, 0, [STARTED])]
        with pytest.raises(VersionConflict) as refused:
            store.append(stale, answer=ELSEWHERE, meta=META, occurred_at=NOON)
        assert refused.value.stream_id == other
        assert store.load(DRIVER, one).version == 1
        fresh = [Change(one, 1, [STARTED]), Change(other, 1, [STARTED, ENDED])]
        assert store.append(fresh, answer=ELSEWHERE, meta=META, occurred_at=NOON).position == 5
        assert (store.load(DRIVER, one).version, store.load(DRIVER, other).version) == (2, 3)

    def test_of_appends_to_one_version_exactly_one_wins(self, store: EventStore) -> None:
        stream = join(store)
        results = at_once(*[lambda: act(store, stream, 1, STARTED)] * 8)
        assert sum(isinstance(result, VersionConflict) for result in results) == 7
        assert store.load(DRIVER, stream).version == 2

    # No events

    def test_nothing_to_append_answers_the_position_that_made_it_so(self, store: EventStore) -> None:
        stream = join(store)
        join(store)
        assert act(store, stream, 1).position == 1
        assert store.append([], answer=ELSEWHERE, meta=META, occurred_at=NOON).position == 0

    def test_nothing_to_append_still_needs_the_version_it_was_decided_on(self, store: EventStore) -> None:
        with pytest.raises(VersionConflict):
            act(store, join(store), 0)

    def test_nothing_to_append_stores_the_answer(self, store: EventStore) -> None:
        stream = join(store)
        receipt = act(store, stream, 1, idempotency=key())
        assert store.answered(key()) == act(store, stream, 1, STARTED, idempotency=key())
        assert (receipt.replayed, receipt.position) == (False, 1)
        assert store.load(DRIVER, stream).version == 1

    # Keys

    def test_a_key_that_comes_again_is_answered_as_before(self, store: EventStore) -> None:
        stream = join(store)
        first = act(store, stream, 1, STARTED, idempotency=key())
        again = act(store, stream, 1, STARTED, idempotency=key(), answer=ELSEWHERE)
        assert (again.answer, again.position, again.replayed) == (first.answer, first.position, True)
        assert not first.replayed
        assert store.load(DRIVER, stream).version == 2

    def test_what_a_key_answered_can_be_asked(self, store: EventStore) -> None:
        assert store.answered(key()) is None
        stream = join(store, idempotency=key())
        answered = store.answered(key())
        assert answered is not None
        assert (answered.answer.id, answered.answer.status, answered.answer.version) == (stream, "done", 1)
        assert (answered.position, answered.replayed) == (1, True)

    def test_a_key_with_another_payload_is_refused(self, store: EventStore) -> None:
        join(store, idempotency=key(payload=b"one"))
        with pytest.raises(KeyReused):
            join(store, idempotency=key(payload=b"other"))
        with pytest.raises(KeyReused):
            store.answered(key(payload=b"other"))
        assert len(store.read(after=0, limit=10)) == 1

    def test_a_refused_append_leaves_its_key_free(self, store: EventStore) -> None:
        stream = join(store)
        with pytest.raises(VersionConflict):
            act(store, stream, 0, STARTED, idempotency=key())
        assert store.answered(key()) is None
        assert not act(store, stream, 1, STARTED, idempotency=key()).replayed

    def test_actors_and_operations_have_keys_of_their_own(self, store: EventStore) -> None:
        join(store, idempotency=key())
        for field in ("actor", "operation", "key"):
            other = {"actor": "account-1", "operation": "start_shift", "key": "key-1", field: "other"}
            assert not act(
                store, new_id(), 0, registered(), idempotency=type(key())(payload_hash=b"p", **other)
            ).replayed

    def test_a_key_is_free_again_after_a_day(self, store: EventStore) -> None:
        join(store, idempotency=key())
        self.a_day_passes(store)
        assert store.answered(key()) is None
        stream = join(store, idempotency=key(payload=b"new"))
        answered = store.answered(key(payload=b"new"))
        assert answered is not None
        assert answered.answer.id == stream

    def test_of_requests_with_one_key_one_is_appended_and_all_get_its_answer(self, store: EventStore) -> None:
        streams = [new_id() for _ in range(12)]
        results = at_once(
            *[lambda stream=stream: act(store, stream, 0, registered(), idempotency=key()) for stream in streams]
        )
        assert len({(result.answer.id, result.answer.version, result.position) for result in results}) == 1
        assert sorted(result.replayed for result in results) == [False] + [True] * 11
        assert len(store.read(after=0, limit=20)) == 1

    # Reactions

    def test_an_append_closes_the_reaction_it_holds(self, store: EventStore) -> None:
        stream, token = join(store), new_id()
        self.lease(store, 1, token)
        act(store, stream, 1, STARTED, closing=_closing(token))
        with pytest.raises(Fenced):
            act(store, stream, 2, ENDED, closing=_closing(token))
        assert store.load(DRIVER, stream).version == 2

    def test_who_lost_the_lease_appends_nothing(self, store: EventStore) -> None:
        stream, lost, held = join(store), new_id(), new_id()
        self.lease(store, 1, lost)
        self.lease(store, 1, held)
        with pytest.raises(Fenced):
            act(store, stream, 1, STARTED, closing=_closing(lost), idempotency=key())
        assert store.load(DRIVER, stream).version == 1
        assert store.answered(key()) is None
        assert act(store, stream, 1, STARTED, closing=_closing(held)).position == 2

    def test_a_reaction_that_nobody_knows_is_fenced(self, store: EventStore) -> None:
        with pytest.raises(Fenced):
            act(store, join(store), 1, STARTED, closing=_closing(new_id()))

    def test_a_conflict_leaves_the_reaction_open(self, store: EventStore) -> None:
        stream, token = join(store), new_id()
        self.lease(store, 1, token)
        with pytest.raises(VersionConflict):
            act(store, stream, 0, STARTED, closing=_closing(token))
        act(store, stream, 1, STARTED, closing=_closing(token))

    def test_a_closing_without_events_may_be_sent_twice(self, store: EventStore) -> None:
        token = new_id()
        self.lease(store, 1, token)
        for _ in range(2):
            store.append([], answer=ELSEWHERE, meta=META, occurred_at=NOON, closing=_closing(token))

    def test_a_reaction_set_to_a_later_time_stays_open(self, store: EventStore) -> None:
        stream, token, later = join(store), new_id(), new_id()
        self.lease(store, 1, token)
        again = Closing(
            position=1,
            actor_name="matching.match_order",
            lease_token=token,
            outcome="again",
            due_at=NOON + timedelta(seconds=10),
        )
        act(store, stream, 1, closing=again)
        self.lease(store, 1, later)
        act(store, stream, 1, STARTED, closing=_closing(later))

    # Bounds

    def test_a_thousand_events_fit_and_one_more_does_not(self, store: EventStore) -> None:
        stream = join(store)
        with pytest.raises(InvalidInput, match="at most 1000"):
            act(store, stream, 1, *shifts(1_001))
        assert act(store, stream, 1, *shifts(1_000)).position == 1_001

    def test_a_nul_character_is_refused_by_name(self, store: EventStore) -> None:
        with pytest.raises(InvalidInput, match=r"driver\.registered holds a NUL"):
            act(store, new_id(), 0, registered("a\0b"))
        assert list(store.read(after=0, limit=1)) == []

    def test_a_text_about_nul_is_a_text(self, store: EventStore) -> None:
        stream = new_id()
        act(store, stream, 0, registered(r"a\u0000b"))
        assert store.load(DRIVER, stream).name == r"a\u0000b"


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[EventStore]:
        self.now = NOON
        yield MemoryEventStore(lambda: self.now)  # noqa: PT022 - as the other

    def lease(self, store: EventStore, position: int, token: UUID) -> None:
        assert isinstance(store, MemoryEventStore)
        store.lease(position, "matching.match_order", token)

    def a_day_passes(self, store: EventStore) -> None:  # noqa: ARG002 - the clock is the test's own
        self.now += timedelta(hours=24)


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def store(self, postgres_url: str) -> Iterator[EventStore]:
        self.url = postgres_url
        store = PostgresEventStore(store_settings(postgres_url), MemoryKeys())
        yield store
        store.close()

    def lease(self, store: EventStore, position: int, token: UUID) -> None:  # noqa: ARG002 - it is in the database
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                """INSERT INTO reactions (position, actor_name, stream_id, topic, due_at, lease_token, lease_until)
                   VALUES (%s, 'matching.match_order', %s, 'order.confirmed', now(), %s, now() + interval '30 s')
                   ON CONFLICT (position, actor_name) DO UPDATE SET lease_token = excluded.lease_token""",
                (position, new_id(), token),
            )

    def a_day_passes(self, store: EventStore) -> None:  # noqa: ARG002 - it is in the database
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("UPDATE idempotency SET created_at = created_at - interval '24 hours'")


def _closing(token: UUID) -> Closing:
    return Closing(position=1, actor_name="matching.match_order", lease_token=token)
