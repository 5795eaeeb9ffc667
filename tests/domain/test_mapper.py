import json
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import InfrastructureFactory, MapperDeserialisationError, StoredEvent
from eventsourcing.utils import Environment
from hypothesis import given
from hypothesis import strategies as st

from application.memory_keys import MemoryKeys
from domain import order
from domain.encryption import PersonalData
from domain.event import Event, Meta, Recorded, Role
from domain.mapper import JSONMapper
from tests.domain.samples import MAPPER, recorded
from tests.domain.scenario import NOON, STREAM

mapper = MAPPER
NOTE = order.Rejected(reason="não há troco — 5 €")


def stored(state: bytes, topic: str = "order.note_added") -> StoredEvent:
    return StoredEvent(originator_id=STREAM, originator_version=7, topic=topic, state=state)


def document(**changes: Any) -> bytes:
    whole = {
        "v": 1,
        "event_id": str(uuid4()),
        "occurred_at": "2026-03-02T12:00:00Z",
        "meta": {},
        "data": {"text": "x"},
    }
    return json.dumps(whole | changes).encode()


def test_the_stored_document_is_plain_readable_json_in_a_fixed_order() -> None:
    event = Recorded(
        originator_id=STREAM,
        originator_version=7,
        event_id=UUID("019c9f00-0000-7000-8000-000000000001"),
        occurred_at=NOON,
        meta=Meta(actor_type=Role.SUPPORT, actor_id=UUID(int=5)),
        event=NOTE,
    )
    stored_event = mapper.to_stored_event(event)
    assert (stored_event.originator_id, stored_event.originator_version) == (STREAM, 7)
    assert stored_event.topic == "order.rejected"
    assert stored_event.state.decode() == (
        '{"v":1,"event_id":"019c9f00-0000-7000-8000-000000000001","occurred_at":"2026-03-02T12:00:00Z",'
        '"meta":{"actor_type":"support","actor_id":"00000000-0000-0000-0000-000000000005"},'
        '"data":{"reason":"não há troco — 5 €"}}'
    )


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
metas = st.builds(
    Meta,
    actor_type=st.sampled_from(Role),
    actor_id=st.none() | st.uuids(),
    request_id=st.none() | texts,
    causation_id=st.none() | st.uuids(),
    ip=st.none() | st.ip_addresses().map(str),
)
times = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - aware by `timezones`


@given(texts, metas, times, st.uuids())
def test_what_is_stored_is_read_back(text: str, meta: Meta, occurred_at: datetime, event_id: UUID) -> None:
    before = Recorded(
        originator_id=STREAM,
        originator_version=1,
        event_id=event_id,
        occurred_at=occurred_at,
        meta=meta,
        event=order.NoteAdded(text=text),
    )
    assert mapper.with_address(mapper.to_domain_event(mapper.to_stored_event(before))) == before


def test_a_field_that_this_version_does_not_know_is_no_obstacle() -> None:
    read = mapper.to_domain_event(stored(document(data={"text": "x", "colour": "red"})))
    assert read.event == order.NoteAdded(text="x")


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        document(data={}),
        document(data={"text": 5}),
        document(data=None),
        document(event_id="no"),
        document(occurred_at="yesterday"),
        document(meta={"actor_type": "nobody"}),
        document(v="one"),
        document(v=2),
    ],
)
def test_what_cannot_be_read_is_named(state: bytes) -> None:
    with pytest.raises(MapperDeserialisationError, match=f"order.note_added {STREAM}/7: "):
        mapper.to_domain_event(stored(state))


def test_an_unknown_topic_is_named() -> None:
    with pytest.raises(MapperDeserialisationError, match=r"order\.eaten .*no such topic"):
        mapper.to_domain_event(stored(document(), topic="order.eaten"))


def test_the_librarys_factory_makes_it() -> None:
    factory: InfrastructureFactory[Any] = InfrastructureFactory.construct(Environment())
    assert isinstance(factory.mapper(mapper_class=JSONMapper), JSONMapper)


def test_what_would_hide_the_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="plain JSON"):
        JSONMapper(compressor=object())
    with pytest.raises(ValueError, match="plain JSON"):
        JSONMapper(cipher=object())


# --- upcasting, by the example of an event that has come to its third schema


class Weighed(Event, frozen=True, kw_only=True):
    """First `weight` in pounds; then `weight_kg`; then with who weighed."""

    TOPIC: ClassVar[str] = "parcel.weighed"
    SCHEMA: ClassVar[int] = 3
    weight_kg: float
    by: Role


GRAMS_A_POUND = 453.59237


def in_kilograms(data: dict[str, Any]) -> dict[str, Any]:
    return {"weight_kg": round(data["weight"] * GRAMS_A_POUND / 1000, 3)}


def by_the_driver(data: dict[str, Any]) -> dict[str, Any]:
    return data | {"by": "driver"}


upcasting = JSONMapper(
    personal=PersonalData(MemoryKeys()),
    registry={Weighed.TOPIC: Weighed},
    upcasters={(Weighed.TOPIC, 1): in_kilograms, (Weighed.TOPIC, 2): by_the_driver},
)


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        (1, {"weight": 10}),
        (2, {"weight_kg": 4.536}),
        (3, {"weight_kg": 4.536, "by": "driver"}),
    ],
)
def test_every_schema_is_read_as_the_latest(schema: int, data: dict[str, Any]) -> None:
    read = upcasting.to_domain_event(stored(document(v=schema, data=data), topic="parcel.weighed"))
    assert read.event == Weighed(weight_kg=4.536, by=Role.DRIVER)
    assert (read.originator_id, read.originator_version, read.occurred_at) == (STREAM, 7, NOON)


def test_an_old_schema_is_upcast_even_where_its_data_would_pass_for_new() -> None:
    """The number decides, not the looks."""
    louder = JSONMapper(
        registry={Weighed.TOPIC: Weighed},
        upcasters={(Weighed.TOPIC, 2): lambda data: data | {"by": "support"}},
    )
    state = document(v=2, data={"weight_kg": 1.0, "by": "driver"})
    read = louder.to_domain_event(stored(state, topic="parcel.weighed"))
    assert read.event == Weighed(weight_kg=1.0, by=Role.SUPPORT)


def test_a_missing_upcaster_is_named() -> None:
    lost = JSONMapper(registry={Weighed.TOPIC: Weighed}, upcasters={})
    with pytest.raises(MapperDeserialisationError, match=r"parcel\.weighed', 1"):
        lost.to_domain_event(stored(document(v=1, data={"weight": 10}), topic="parcel.weighed"))


def test_the_latest_schema_is_written() -> None:
    state = upcasting.to_stored_event(recorded(Weighed(weight_kg=1.0, by=Role.DRIVER))).state
    assert json.loads(state)["v"] == 3
