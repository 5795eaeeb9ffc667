from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import order, restaurant
from domain.errors import InvalidInput
from domain.event import Event
from domain.geo import Position
from domain.region import PORTO
from tests.domain.order.histories import AUTHORIZED, CUSTOMER, DROPOFF, KITCHEN, LINE, PLACED_EVENT, an_order
from tests.domain.restaurant.kitchens import CAKE, FISH, OPEN, kitchen
from tests.domain.scenario import NOON, Outcome, when

FAR_AWAY = order.Dropoff(position=Position(lat=41.5, lon=-8.4), address="Braga")


@dataclass
class Basket:
    history: tuple[Event, ...] = OPEN
    lines: list[order.OrderLine] = field(
        default_factory=lambda: [order.OrderLine(item_id=FISH, quantity=2, notes="no olives")]
    )
    dropoff: order.Dropoff = DROPOFF
    tip_minor: int = 200

    def placed(self) -> Outcome:
        facts: dict[str, Any] = {
            "customer_id": CUSTOMER,
            "customer_name": "Carla Couto",
            "region": PORTO,
            "restaurant": kitchen(*self.history),
            "lines": self.lines,
            "dropoff": self.dropoff,
            "tip_minor": self.tip_minor,
            "now": NOON,
            "promised_at": NOON + timedelta(minutes=40),
            "payment_id": "pay_1",
        }
        return when(order.place, **facts)


def test_places_what_was_sold_at_the_menus_price_and_holds_the_total() -> None:
    placed, authorized = Basket().placed().decide()
    assert isinstance(placed, order.Placed)
    assert placed.lines == (LINE,)
    assert placed.price == PLACED_EVENT.price
    assert placed.restaurant_position == KITCHEN.position
    assert placed.delivery_distance_m == pytest.approx(1_774.3, abs=0.1)
    assert authorized == AUTHORIZED


def test_a_placed_order_begins_idle_and_is_due_as_promised() -> None:
    placed = an_order((PLACED_EVENT,))
    assert (placed.status, placed.dispatch) == (order.Status.PLACED, order.DispatchStatus.IDLE)
    assert placed.placed_at == NOON
    assert placed.eta_at == placed.promised_at == NOON + timedelta(minutes=40)
    assert placed.eta_confidence is None
    later = (placed.confirmed_at, placed.ready_at, placed.picked_up_at, placed.delivered_at)
    assert later == (None, None, None, None)


def test_refuses_while_the_restaurant_is_closed() -> None:
    Basket(history=(*OPEN, restaurant.Closed())).placed().then_refused(restaurant.RestaurantClosed, status="closed")


def test_refuses_while_the_restaurant_pauses_and_takes_orders_after_the_pause() -> None:
    pause = restaurant.Paused(until=NOON + timedelta(minutes=5))
    Basket(history=(*OPEN, pause)).placed().then_refused(restaurant.RestaurantClosed, status="paused")
    assert Basket(history=(*OPEN, restaurant.Paused(until=NOON))).placed().decide()


def test_refuses_an_item_that_is_not_on_the_menu_and_names_it() -> None:
    unknown = UUID(int=0xDEAD)
    lines = [order.OrderLine(item_id=CAKE, quantity=1), order.OrderLine(item_id=unknown, quantity=1)]
    with pytest.raises(restaurant.ItemUnavailable, match=str(unknown)) as caught:
        Basket(lines=lines).placed().decide()
    assert caught.value.field == "lines[1].item_id"
    assert caught.value.item_id == unknown


def test_refuses_an_item_that_is_sold_out_and_names_it() -> None:
    history = (*OPEN, restaurant.ItemSoldOut(item_id=FISH))
    with pytest.raises(restaurant.ItemUnavailable, match="Bacalhau à Brás is sold out"):
        Basket(history=history).placed().decide()


@pytest.mark.parametrize("quantity", [-1, 0, 51])
def test_refuses_a_quantity_nobody_orders(quantity: int) -> None:
    lines = [order.OrderLine(item_id=FISH, quantity=quantity)]
    Basket(lines=lines).placed().then_refused(InvalidInput, field="lines[0].quantity")


@pytest.mark.parametrize("count", [0, 101])
def test_refuses_no_lines_and_too_many(count: int) -> None:
    lines = [order.OrderLine(item_id=CAKE, quantity=1)] * count
    Basket(lines=lines).placed().then_refused(InvalidInput, field="lines")


def test_takes_the_most_lines_and_the_largest_quantity_allowed() -> None:
    lines = [order.OrderLine(item_id=CAKE, quantity=50)] * 100
    placed = Basket(lines=lines).placed().decide()[0]
    assert isinstance(placed, order.Placed)
    assert placed.price.subtotal_minor == 100 * 50 * 165


def test_refuses_an_address_out_of_reach() -> None:
    Basket(dropoff=FAR_AWAY).placed().then_refused(restaurant.OutOfDeliveryArea, field="dropoff.position")


@pytest.mark.parametrize("tip_minor", [-1, 1_000_001])
def test_refuses_a_negative_tip_and_an_absurd_one(tip_minor: int) -> None:
    Basket(tip_minor=tip_minor).placed().then_refused(InvalidInput, field="tip_minor")
