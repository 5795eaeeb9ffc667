"""What was ever stored stays readable, and what is stored now stays as it is, byte for byte."""

import pytest
from eventsourcing.persistence import StoredEvent

from domain.event import REGISTRY, Event
from tests.domain.samples import GOLDEN, MAPPER, SAMPLES, golden_file, recorded
from tests.domain.scenario import STREAM

BY_TOPIC = {event.TOPIC: event for event in SAMPLES}


def test_there_is_a_sample_of_every_event() -> None:
    assert set(BY_TOPIC) == set(REGISTRY)
    assert len(SAMPLES) == len(BY_TOPIC)


def test_there_is_a_golden_file_of_every_schema_and_no_other() -> None:
    expected = {
        golden_file(topic, schema).name for topic, cls in REGISTRY.items() for schema in range(1, cls.SCHEMA + 1)
    }
    assert {file.name for file in GOLDEN.iterdir()} == expected


@pytest.mark.parametrize("event", SAMPLES, ids=BY_TOPIC)
def test_an_event_is_stored_as_it_always_was(event: Event) -> None:
    golden = golden_file(event.TOPIC, event.SCHEMA).read_bytes().removesuffix(b"\n")
    assert MAPPER.to_stored_event(recorded(event)).state == golden


@pytest.mark.parametrize("topic", REGISTRY)
def test_every_schema_ever_written_is_read_as_the_event_of_today(topic: str) -> None:
    for schema in range(1, REGISTRY[topic].SCHEMA + 1):
        golden = golden_file(topic, schema).read_bytes().removesuffix(b"\n")
        stored = StoredEvent(originator_id=STREAM, originator_version=3, topic=topic, state=golden)
        assert MAPPER.with_address(MAPPER.to_domain_event(stored)) == recorded(BY_TOPIC[topic])
