"""Placing: priced, held and appended, all or nothing, once for each key."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from application import commands
from application.gateways.payments.port import PaymentDeclined, PaymentUnavailable
from application.ids import new_id
from application.store import StoreBusy
from domain.errors import InvalidInput, NotFound
from domain.event import Role
from domain.order import PaymentAuthorized, Placed
from domain.restaurant import RestaurantClosed
from tests.application.stage import NOON, SOUP, Stage


def test_the_total_is_held_before_the_order_is_placed(stage: Stage) -> None:
    receipt = stage.place()
    placed, authorized = stage.events(receipt.answer.id)
    assert isinstance(placed, Placed)
    assert isinstance(authorized, PaymentAuthorized)
    assert (receipt.answer.status, receipt.answer.version) == ("placed", 2)
    assert stage.till.calls == [("authorize", placed.price.total_minor)]
    assert authorized.payment_id in {hold.payment_id for hold in stage.till.holds.values()}
    assert placed.promised_at > NOON


def test_a_declined_card_places_nothing(stage: Stage) -> None:
    before = stage.length()
    with pytest.raises(PaymentDeclined):
        stage.place(method="card_declined")
    assert stage.length() == before


def test_what_is_refused_asks_for_no_money(stage: Stage) -> None:
    with pytest.raises(InvalidInput):
        stage.place(quantity=0)
    stage.run(commands.CloseRestaurant(restaurant_id=stage.restaurant_id))
    with pytest.raises(RestaurantClosed):
        stage.place()
    assert stage.till.calls == []


def test_a_gateway_that_is_away_places_nothing_and_the_same_key_may_try_again(stage: Stage) -> None:
    before = stage.length()
    stage.till.away = True
    with pytest.raises(PaymentUnavailable):
        stage.place(key="k")
    assert stage.length() == before
    stage.till.away = False
    assert stage.place(key="k").answer.status == "placed"


def test_fifty_identical_requests_place_one_order_with_one_hold(stage: Stage) -> None:
    with ThreadPoolExecutor(16) as threads:
        receipts = list(threads.map(lambda _: stage.place(key="k"), range(50)))
    assert len({receipt.answer for receipt in receipts}) == 1
    assert sum(not receipt.replayed for receipt in receipts) == 1
    assert len(stage.till.holds) == 1
    assert stage.events(receipts[0].answer.id)[0].TOPIC == "order.placed"
    orders = {recorded.originator_id for _, recorded in stage.store.read(after=0, limit=1_000)}
    assert orders == {receipts[0].answer.id, stage.restaurant_id}


def test_a_repeated_request_is_answered_even_when_it_would_be_refused_by_now(stage: Stage) -> None:
    first = stage.place(key="k")
    stage.run(commands.CloseRestaurant(restaurant_id=stage.restaurant_id))
    again = stage.place(key="k")
    assert again.replayed
    assert again.answer == first.answer
    assert again.position == first.position


def test_only_customer_and_restaurant_of_an_order_know_of_it(stage: Stage) -> None:
    order_id = stage.place().answer.id
    stranger = new_id()
    with pytest.raises(NotFound):
        stage.run(commands.ConfirmOrder(order_id=order_id), Role.RESTAURANT, stranger)
    with pytest.raises(NotFound):
        stage.run(commands.CancelOrder(order_id=order_id, reason="mine"), Role.CUSTOMER, stranger)
    assert stage.topics(order_id) == ["placed", "payment_authorized"]


def test_the_restaurants_usual_time_is_the_default(stage: Stage) -> None:
    order_id = stage.confirmed()
    assert stage.order(order_id).prep_seconds == 900
    other = stage.place().answer.id
    stage.run(commands.ConfirmOrder(order_id=other, prep_seconds=60), Role.RESTAURANT, stage.restaurant_id)
    assert stage.order(other).prep_seconds == 60


def test_a_region_nobody_serves_is_refused_by_name(stage: Stage) -> None:
    command = commands.RegisterDriver(
        driver_id=new_id(), name="Ana", phone="1", region="atlantis", vehicle="boat", capacity=1, earnings_goal=1
    )
    with pytest.raises(InvalidInput, match=r"atlantis.*porto") as caught:
        stage.run(command)
    assert caught.value.field == "region"


def test_a_price_that_changed_before_the_repeated_request_is_held_anew(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object, **__: object) -> None:
        raise StoreBusy

    with monkeypatch.context() as patch:
        patch.setattr(stage.store, "append_async", busy)
        with pytest.raises(StoreBusy):
            stage.place(key="k")
    dearer = commands.MenuEntry(item_id=SOUP, name="Caldo verde", price_minor=500)
    stage.run(commands.ChangeMenuItem(restaurant_id=stage.restaurant_id, item=dearer))
    order = stage.order(stage.place(key="k").answer.id)
    (hold,) = [hold for hold in stage.till.holds.values() if hold.payment_id == order.payment.payment_id]
    assert hold.amount_minor == order.payment.amount_minor == order.price.total_minor
