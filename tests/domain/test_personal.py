from datetime import datetime

import msgspec
import pytest

from domain import access, driver, order, restaurant
from domain.event import PERSONAL, REGISTRY, Event, Meta, PersonalText
from domain.personal import personal_fields

EXPECTED: dict[type[Event], set[str]] = {
    access.PersonalDataRead: {"asked"},
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
    by_nickname: dict[str, Friend]
    best: Friend | None
    ages: msgspec.Raw = msgspec.Raw()


def test_personal_fields_are_found_behind_lists_dictionaries_and_options() -> None:
    assert personal_fields(Everything) == {"note", "friends[].name", "by_nickname[].name", "best.name"}


def test_the_mark_is_readable_by_its_name() -> None:
    assert PERSONAL.extra == {"personal": True}
