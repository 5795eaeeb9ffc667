"""The inbox: each side is told what concerns it, and nothing else."""

from uuid import UUID

from sqlalchemy import Connection, text

from domain.order import events as order
from projections import inbox
from projections.inbox import PROJECTION
from tests.projections.history import (
    CANCELLED,
    CUSTOMER,
    DRIVER,
    NOON,
    OFFER,
    RESTAURANT,
    History,
    assigned,
    offered,
    placed,
    whole_order,
)

ORDER, STRANGER = UUID(int=100), UUID(int=999)


def kinds(connection: Connection, subject_id: UUID) -> list[str]:
    return [entry.kind for entry in reversed(inbox.entries(connection, subject_id, limit=100).items)]


def test_an_order_without_trouble_tells_each_side_its_part(connection: Connection, history: History) -> None:
    history.tell(ORDER, *whole_order())
    history.fold(connection, PROJECTION, batch=3)
    assert kinds(connection, CUSTOMER) == [
        "order_placed",
        "order_confirmed",
        "driver_assigned",
        "order_in_preparation",
        "order_picked_up",
        "order_delivered",
    ]
    assert kinds(connection, RESTAURANT) == ["order_received", "driver_arrived"]
    assert kinds(connection, DRIVER) == ["delivery_offered", "order_ready"]
    assert kinds(connection, STRANGER) == []


def test_messages_read_well(connection: Connection, history: History) -> None:
    history.tell(ORDER, *whole_order())
    history.fold(connection, PROJECTION)
    newest = inbox.entries(connection, CUSTOMER).items
    texts = {entry.kind: entry.text for entry in newest}
    assert texts["order_confirmed"] == "Casa Guedes confirmed your order."
    assert texts["driver_assigned"] == "A driver has taken your order.", "messages name nobody"
    assert {entry.link for entry in newest} == {None, f"/v1/orders/{ORDER}/stream"}
    assert {entry.order_id for entry in newest} == {ORDER}


def test_texts_are_taken_as_they_are(connection: Connection, history: History) -> None:
    history.tell(ORDER, placed(restaurant_name="{Braces} & %s"), order.Rejected(reason="no {dough}"))
    history.fold(connection, PROJECTION)
    assert inbox.entries(connection, CUSTOMER).items[0].text == "{Braces} & %s cannot take your order: no {dough}."


def test_trouble_is_told_to_those_it_concerns(connection: Connection, history: History) -> None:
    history.tell(ORDER, placed(), offered(STRANGER), order.OfferExpired(offer_id=OFFER, driver_id=STRANGER))
    history.tell(ORDER, order.NoDriverFound(round=1, offers_made=1, radius_m=1.0, retry_at=NOON), offered(), assigned())
    history.tell(ORDER, order.DriverUnassigned(driver_id=DRIVER, reason="silent"), order.ReadyForPickup(), CANCELLED)
    history.tell(ORDER, order.PaymentRefunded(payment_id="p", amount_minor=1))
    history.fold(connection, PROJECTION, batch=2)
    assert kinds(connection, CUSTOMER)[1:] == [
        "no_driver_available",
        "driver_assigned",
        "driver_changing",
        "order_cancelled",
        "payment_refunded",
    ]
    assert kinds(connection, STRANGER) == ["delivery_offered", "offer_expired"]
    assert kinds(connection, DRIVER) == ["delivery_offered", "delivery_withdrawn"], "not told of what came later"


def test_the_customer_is_told_of_a_driver_who_has_the_food_and_cannot_be_reached(
    connection: Connection, history: History
) -> None:
    silence = order.DriverLostContact(driver_id=DRIVER, last_seen_at=NOON)
    history.tell(ORDER, placed(), offered(), assigned(), order.PickedUp(driver_id=DRIVER), silence)
    history.fold(connection, PROJECTION)
    newest = inbox.entries(connection, CUSTOMER).items[0]
    assert (newest.kind, newest.link) == ("driver_unreachable", f"/v1/orders/{ORDER}/stream")
    assert kinds(connection, DRIVER) == ["delivery_offered"], "who cannot hear is not told"
    assert kinds(connection, RESTAURANT) == ["order_received"]


def test_the_driver_of_a_cancelled_order_is_told(connection: Connection, history: History) -> None:
    history.tell(ORDER, placed(), offered(), assigned(), CANCELLED)
    for batch in (1,):
        history.fold(connection, PROJECTION, batch=batch)
    assert kinds(connection, DRIVER)[-1] == "delivery_cancelled"
    assert kinds(connection, RESTAURANT)[-1] == "order_cancelled"


def test_the_inbox_comes_in_pages_and_knows_what_was_read(connection: Connection, history: History) -> None:
    history.tell(ORDER, *whole_order())
    history.fold(connection, PROJECTION)
    assert inbox.unread(connection, CUSTOMER) == 6
    read_to = inbox.entries(connection, CUSTOMER).items[2].position
    connection.execute(
        text("INSERT INTO inbox_read_marks (subject_id, position) VALUES (:subject, :position)"),
        {"subject": CUSTOMER, "position": read_to},
    )
    assert inbox.unread(connection, CUSTOMER) == 2
    pages, cursor = [], None
    for _ in range(2):
        page = inbox.entries(connection, CUSTOMER, before=cursor, limit=4)
        pages.append([entry.read for entry in page.items])
        cursor = page.next_cursor
    assert (pages, cursor) == ([[False, False, True, True], [True, True]], None)


def test_support_reads_what_everybody_was_told_of_one_order(connection: Connection, history: History) -> None:
    history.tell(ORDER, placed(), offered(STRANGER), order.OfferExpired(offer_id=OFFER, driver_id=STRANGER))
    history.tell(UUID(int=101), *whole_order())
    history.tell(ORDER, offered(), assigned())
    history.fold(connection, PROJECTION)
    connection.commit()
    history.store(connection)
    connection.execute(
        text("INSERT INTO inbox_read_marks (subject_id, position) VALUES (:subject, 1)"), {"subject": CUSTOMER}
    )
    told = inbox.about(connection, ORDER, [CUSTOMER, RESTAURANT, DRIVER, STRANGER])
    assert [(entry.subject_id, entry.kind, entry.read) for entry in told] == [
        (CUSTOMER, "order_placed", True),
        (RESTAURANT, "order_received", False),
        (STRANGER, "delivery_offered", False),
        (STRANGER, "offer_expired", False),
        (DRIVER, "delivery_offered", False),
        (CUSTOMER, "driver_assigned", False),
    ]
    assert inbox.about(connection, ORDER, []) == []
