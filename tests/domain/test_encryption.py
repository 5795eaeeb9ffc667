"""What is personal is stored encrypted, and reads as it was, or as erased, or not at all."""

import json
from uuid import UUID

import msgspec
import pytest
from eventsourcing.persistence import MapperDeserialisationError, StoredEvent
from hypothesis import given
from hypothesis import strategies as st

from application.memory_keys import MemoryKeys
from domain import order
from domain.encryption import ERASED, ERASED_POSITION, NoKeys, PersonalData, Undecipherable, place_of
from domain.errors import InvalidInput
from domain.event import Event, PersonalText, Recorded
from domain.mapper import JSONMapper
from domain.order.events import Placed
from tests.domain.order.histories import PLACED_EVENT
from tests.domain.samples import MAPPER, META, recorded
from tests.domain.scenario import NOON, STREAM

ANA, HERE = UUID(int=0xA), place_of(STREAM, 3)


class Note(msgspec.Struct):
    text: PersonalText
    tags: tuple[str, ...] = ()


def stored(event: Event) -> StoredEvent:
    return MAPPER.to_stored_event(recorded(event))


def test_nothing_personal_is_in_the_clear() -> None:
    text = stored(PLACED_EVENT).state.decode()
    for value in (PLACED_EVENT.customer_name, PLACED_EVENT.dropoff.address, "no olives", "41.1579", META.ip):
        assert str(value) not in text
    assert str(PLACED_EVENT.price.total_minor) in text
    assert PLACED_EVENT.restaurant_name in text


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(texts)
def test_what_was_hidden_is_revealed(text: str) -> None:
    personal = PersonalData(MemoryKeys())
    hidden = msgspec.json.encode(personal.hide(Note(text), ANA, HERE))
    assert not text or hidden == msgspec.json.encode(personal.hide(Note(text), ANA, HERE)), "the same again"
    assert msgspec.json.decode(personal.reveal(hidden, HERE), type=Note) == Note(text)


def test_a_text_that_looks_encrypted_is_a_text() -> None:
    """Somebody copies an encrypted value from an export into a text: it is not decrypted for them."""
    personal = PersonalData(MemoryKeys())
    stolen = msgspec.json.encode(personal.hide(Note("secret"), ANA, HERE)).decode()
    for note in (Note("mine", (stolen,)), Note(stolen)):
        hidden = msgspec.json.encode(personal.hide(note, ANA, HERE))
        assert msgspec.json.decode(personal.reveal(hidden, HERE), type=Note) == note


def test_without_the_key_it_reads_as_erased_and_the_rest_as_it_was() -> None:
    keys = MemoryKeys()
    mapper = JSONMapper(personal=PersonalData(keys))
    event = mapper.to_stored_event(recorded(PLACED_EVENT))
    keys.destroy(PLACED_EVENT.customer_id)
    read = mapper.to_domain_event(event).event
    assert isinstance(read, Placed)
    assert (read.customer_name, read.dropoff.address, read.lines[0].notes) == (ERASED, ERASED, ERASED)
    assert read.dropoff.position == ERASED_POSITION
    assert (read.price, read.promised_at) == (PLACED_EVENT.price, PLACED_EVENT.promised_at)
    assert mapper.with_address(mapper.to_domain_event(event)).meta.ip == META.ip, "that is somebody else's"
    stranger = JSONMapper(personal=PersonalData(NoKeys()))
    assert stranger.with_address(stranger.to_domain_event(event)).meta.ip == ERASED


def test_what_is_empty_stays_empty() -> None:
    dropoff = msgspec.structs.replace(PLACED_EVENT.dropoff, instructions="")
    event = msgspec.structs.replace(PLACED_EVENT, dropoff=dropoff)
    assert json.loads(stored(event).state)["data"]["dropoff"]["instructions"] == ""


def test_a_value_cannot_be_moved_to_another_event() -> None:
    first = stored(PLACED_EVENT)
    moved = StoredEvent(first.originator_id, first.originator_version + 1, first.topic, first.state)
    with pytest.raises(MapperDeserialisationError, match="does not belong here"):
        MAPPER.to_domain_event(moved)


@pytest.mark.parametrize("change", [(b'"encrypted":"', b'"encrypted":"A'), (b'"kind":"text"', b'"kind":"tune"')])
def test_a_changed_value_is_named(change: tuple[bytes, bytes]) -> None:
    personal = PersonalData(MemoryKeys())
    hidden = msgspec.json.encode(personal.hide(Note("a"), ANA, HERE)).replace(*change)
    if b"tune" in hidden:
        personal = PersonalData(NoKeys())
    with pytest.raises(Undecipherable):
        personal.reveal(hidden, HERE)


def test_a_nul_character_is_refused_before_it_is_hidden() -> None:
    with pytest.raises(InvalidInput, match=r"order\.note_added holds a NUL"):
        MAPPER.to_stored_event(recorded(order.NoteAdded(text="a\0b")))


def test_the_keys_that_an_event_needs_are_known_before() -> None:
    customer, support = PLACED_EVENT.customer_id.bytes, META.actor_id.bytes if META.actor_id else b""
    assert MAPPER.subjects(recorded(PLACED_EVENT)) == {customer, support}
    assert MAPPER.subjects(recorded(order.Completed())) == {support}
    quiet = Recorded(
        originator_id=STREAM,
        originator_version=1,
        event_id=ANA,
        occurred_at=NOON,
        meta=msgspec.structs.replace(META, ip=None),
        event=order.Completed(),
    )
    assert MAPPER.subjects(quiet) == set()
