"""The lists: whose orders, newest first, page by page; offers that stand; earnings."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection

from domain.driver import events as driver
from domain.errors import InvalidInput
from domain.order import events as order
from domain.order.state import Status
from projections import order_lists
from projections.order_lists import PROJECTION, OrderSummary
from projections.paging import Page
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

STRANGER = UUID(int=999)


def ids(page: Page[OrderSummary]) -> list[int]:
    return [item.order_id.int for item in page.items]


def all_pages(ask: Callable[[str | None], Page[OrderSummary]]) -> list[list[int]]:
    pages, cursor = [], None
    while True:
        page = ask(cursor)
        pages.append(ids(page))
        cursor = page.next_cursor
        if cursor is None:
            return pages


def test_each_side_sees_its_own_orders_newest_first(connection: Connection, history: History) -> None:
    history.tell(UUID(int=100), *whole_order())
    history.tell(UUID(int=101), placed())
    history.tell(UUID(int=102), placed(customer_id=STRANGER, restaurant_id=STRANGER))
    history.fold(connection, PROJECTION, batch=4)
    assert ids(order_lists.by_customer(connection, CUSTOMER)) == [101, 100]
    assert ids(order_lists.by_restaurant(connection, RESTAURANT)) == [101, 100]
    assert ids(order_lists.by_driver(connection, DRIVER)) == [100]
    assert ids(order_lists.by_customer(connection, STRANGER)) == [102]
    assert ids(order_lists.by_driver(connection, STRANGER)) == []


def test_a_summary_shows_what_each_side_needs(connection: Connection, history: History) -> None:
    history.tell(UUID(int=100), *whole_order())
    history.fold(connection, PROJECTION)
    (item,) = order_lists.by_customer(connection, CUSTOMER).items
    assert (item.status, item.dispatch, item.version, item.open) == ("completed", "done", 13, False)
    assert [(line.name, line.quantity, line.notes) for line in item.items] == [("Sande", 2, "hot")]
    assert (item.total_minor, item.currency, item.delivery_fee_minor, item.tip_minor) == (1688, "EUR", 250, 100)
    assert (item.driver_name, item.dropoff, item.prep_seconds) == ("Rui Costa", placed().dropoff, 900)
    assert item.delivered_at == NOON + timedelta(seconds=110)


def test_the_work_lists_hold_open_orders_only(connection: Connection, history: History) -> None:
    history.tell(UUID(int=100), *whole_order())
    history.tell(UUID(int=101), placed(), order.Rejected(reason="closed"))
    history.tell(UUID(int=102), placed(), CANCELLED)
    history.tell(UUID(int=103), *whole_order()[:6])
    history.fold(connection, PROJECTION, batch=5)
    assert ids(order_lists.by_restaurant(connection, RESTAURANT, open_only=True)) == [103]
    assert ids(order_lists.by_driver(connection, DRIVER, open_only=True)) == [103]
    history.tell(UUID(int=103), order.DriverUnassigned(driver_id=DRIVER, reason="silent"))
    history.fold(connection, PROJECTION)
    assert ids(order_lists.by_driver(connection, DRIVER, open_only=True)) == []


def test_pages_neither_skip_nor_repeat_though_orders_come_in_between(connection: Connection, history: History) -> None:
    for number in range(100, 107):
        history.tell(UUID(int=number), placed())
    history.fold(connection, PROJECTION)
    first = order_lists.by_customer(connection, CUSTOMER, limit=3)
    history.tell(UUID(int=200), placed())
    history.fold(connection, PROJECTION)
    rest = all_pages(
        lambda cursor: order_lists.by_customer(connection, CUSTOMER, before=cursor or first.next_cursor, limit=3)
    )
    assert [ids(first), *rest] == [[106, 105, 104], [103, 102, 101], [100]]


def test_orders_of_one_instant_are_told_apart(connection: Connection, history: History) -> None:
    for number in range(100, 105):
        history.now = NOON
        history.tell(UUID(int=number), placed())
    history.fold(connection, PROJECTION)
    pages = all_pages(lambda cursor: order_lists.by_restaurant(connection, RESTAURANT, before=cursor, limit=2))
    assert pages == [[104, 103], [102, 101], [100]]


@pytest.mark.parametrize("cursor", ["", "nonsense", "WzFd", "é", "bnVsbA", "====", "WyJ4IiwieSJd"])
def test_a_cursor_that_no_page_gave_is_refused(connection: Connection, cursor: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        order_lists.by_customer(connection, CUSTOMER, before=cursor)
    assert refused.value.field == "cursor"


def test_a_customer_can_ask_by_status_and_time(connection: Connection, history: History) -> None:
    history.tell(UUID(int=100), placed(), CANCELLED)
    history.tell(UUID(int=101), placed())
    history.fold(connection, PROJECTION)
    assert ids(order_lists.by_customer(connection, CUSTOMER, status=Status.CANCELLED)) == [100]
    assert ids(order_lists.by_customer(connection, CUSTOMER, since=NOON + timedelta(seconds=30))) == [101]


def test_a_customers_orders_are_counted_by_status(connection: Connection, history: History) -> None:
    history.tell(UUID(int=99), placed())
    history.tell(UUID(int=100), placed(), CANCELLED)
    history.tell(UUID(int=101), placed())
    history.tell(UUID(int=102), placed())
    history.fold(connection, PROJECTION)
    counted = order_lists.status_breakdown(connection, CUSTOMER, NOON + timedelta(seconds=15))
    assert [(row.status, row.currency, row.orders, row.total_minor) for row in counted] == [
        ("cancelled", "EUR", 1, 1688),
        ("placed", "EUR", 2, 3376),
    ]


def test_support_searches_by_everything(connection: Connection, history: History) -> None:
    history.tell(UUID(int=100), *whole_order())
    history.tell(UUID(int=101), placed(customer_name="João d'Água", restaurant_name="O Buraco"))
    history.tell(UUID(int=102), placed(customer_id=STRANGER, restaurant_id=STRANGER), CANCELLED)
    history.fold(connection, PROJECTION)
    found = {
        "everything": order_lists.search(connection),
        "status": order_lists.search(connection, status=Status.CANCELLED),
        "customer": order_lists.search(connection, customer_id=STRANGER),
        "restaurant": order_lists.search(connection, restaurant_id=RESTAURANT),
        "driver": order_lists.search(connection, driver_id=DRIVER),
        "from": order_lists.search(connection, placed_from=NOON + timedelta(seconds=140)),
        "to": order_lists.search(connection, placed_to=NOON + timedelta(seconds=140)),
        "words": order_lists.search(connection, text="jo burac"),
        "apostrophe": order_lists.search(connection, text="água'"),
        "id": order_lists.search(connection, text=f" {UUID(int=102)} "),
        "no such words": order_lists.search(connection, text="joana"),
        "no words at all": order_lists.search(connection, text="& | ! ():*'\\"),
        "blank": order_lists.search(connection, text="  ", customer_id=STRANGER),
    }
    assert {name: ids(page) for name, page in found.items()} == {
        "everything": [102, 101, 100],
        "status": [102],
        "customer": [102],
        "restaurant": [101, 100],
        "driver": [100],
        "from": [102, 101],
        "to": [100],
        "words": [101],
        "apostrophe": [101],
        "id": [102],
        "no such words": [],
        "no words at all": [],
        "blank": [102],
    }


def test_support_searches_by_how_late_it_came(connection: Connection, history: History) -> None:
    for number, late_seconds in ((100, 110), (101, 60), (102, 59), (103, 0), (104, -900)):
        history.now = NOON
        # All are delivered 110 seconds after NOON.
        promised_at = NOON + timedelta(seconds=110 - late_seconds)
        history.tell(UUID(int=number), *(placed(promised_at=promised_at), *whole_order()[1:]))
    history.now = NOON
    history.tell(UUID(int=105), placed(promised_at=NOON - timedelta(hours=1)))
    history.fold(connection, PROJECTION)
    assert ids(order_lists.search(connection, late_minutes=1)) == [101, 100]
    assert ids(order_lists.search(connection, late_minutes=2)) == []
    assert ids(order_lists.search(connection, late_minutes=1, customer_id=STRANGER)) == []


def test_support_searches_for_what_some_drivers_have_picked_up(connection: Connection, history: History) -> None:
    on_the_way = (placed(), offered(), assigned(), order.PickedUp(driver_id=DRIVER))
    history.tell(UUID(int=100), *on_the_way)
    history.tell(UUID(int=101), *on_the_way[:-1])
    history.tell(UUID(int=102), *on_the_way, order.Delivered(driver_id=DRIVER))
    history.fold(connection, PROJECTION)
    assert ids(order_lists.search(connection, brought_by=[DRIVER, STRANGER])) == [100]
    assert ids(order_lists.search(connection, brought_by=[STRANGER])) == []
    assert ids(order_lists.search(connection, brought_by=[])) == []
    assert [order_lists.on_the_way(connection, who) for who in ([DRIVER, STRANGER], [STRANGER], [])] == [1, 0, 0]
    crowd = [DRIVER, *(UUID(int=number) for number in range(70_000))]
    assert ids(order_lists.search(connection, brought_by=crowd)) == [100], "more than a query may have parameters"
    assert order_lists.on_the_way(connection, crowd) == 1


def test_a_driver_sees_an_offer_while_it_stands(connection: Connection, history: History) -> None:
    history.tell(UUID(int=100), placed(), order.Confirmed(prep_seconds=900), offered())
    history.fold(connection, PROJECTION)
    (offer,) = order_lists.offers_for(connection, DRIVER)
    assert (offer.order_id, offer.offer_id, offer.expires_at) == (UUID(int=100), OFFER, NOON + timedelta(minutes=5))
    assert (offer.restaurant_name, offer.delivery_fee_minor, offer.distance_m) == ("Casa Guedes", 250, 420.0)
    assert order_lists.offers_for(connection, STRANGER) == []
    assert order_lists.offers_for(connection, DRIVER, now=NOON + timedelta(minutes=5)) == []

    history.tell(UUID(int=100), order.OfferDeclined(offer_id=OFFER, driver_id=DRIVER), offered(STRANGER, sequence=2))
    history.fold(connection, PROJECTION)
    assert order_lists.offers_for(connection, DRIVER) == []
    assert [offer.sequence for offer in order_lists.offers_for(connection, STRANGER)] == [2]

    history.tell(UUID(int=100), assigned(STRANGER))
    history.fold(connection, PROJECTION)
    assert order_lists.offers_for(connection, STRANGER) == []


def test_a_drivers_earnings_are_summed_per_currency(connection: Connection, history: History) -> None:
    for number, currency in enumerate(("EUR", "EUR", "USD", "EUR")):
        paid = driver.DeliveryFinished(order_id=UUID(int=number), currency=currency, fee_minor=200, tip_minor=number)
        history.tell(DRIVER, paid)
    history.fold(connection, PROJECTION)
    since, until = NOON + timedelta(seconds=20), NOON + timedelta(seconds=40)
    earned = order_lists.earnings_since(connection, DRIVER, since)
    assert [(row.currency, row.deliveries, row.fee_minor, row.tip_minor) for row in earned] == [
        ("EUR", 2, 400, 4),
        ("USD", 1, 200, 2),
    ]
    earned = order_lists.earnings_since(connection, DRIVER, since, until=until)
    assert [(row.currency, row.deliveries) for row in earned] == [("EUR", 1), ("USD", 1)]
    assert order_lists.earnings_since(connection, STRANGER, since) == []
