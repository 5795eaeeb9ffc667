from datetime import datetime

import msgspec
import pytest

from domain import driver, order, restaurant
from domain.event import PERSONAL, REGISTRY, Event, Meta, PersonalText
from domain.personal import personal_fields

EXPECTED: dict[type[Event], set[str]] = {
    order.Placed: {
        "customer_name",
        "dropoff.position",
        "dropoff.address",
        "dropoff.instructions",
        "lines[].notes",
    },
    order.DriverAssigned: {"driver_name"},
    order.NoteAdded: {"text"},
    driver.Registered: {"name", "phone"},
    restaurant.Registered: {"phone"},
    restaurant.DetailsChanged: {"phone"},
}


@pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY)
def test_every_event_says_which_fields_tell_about_a_person(cls: type[Event]) -> None:
    assert personal_fields(cls) == EXPECTED.get(cls, set())


def test_the_address_a_request_came_from_is_personal() -> None:
    assert personal_fields(Meta) == {"ip"}


class Friend(msgspec.Struct):
    name: PersonalText
    since: datetime


class Everything(msgspec.Struct):
    note: PersonalText | None
    friends: list[Friend]
    best: Friend | None
    ages: msgspec.Raw = msgspec.Raw()


def test_personal_fields_are_found_behind_lists_and_options() -> None:
    assert personal_fields(Everything) == {"note", "friends[].name", "best.name"}


def test_the_mark_is_readable_by_its_name() -> None:
    assert PERSONAL.extra == {"personal": True}
