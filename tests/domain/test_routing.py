"""The best route is the best of all that there are."""

from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.geo import Position, distance_m
from domain.routing import Call, Errand, best_route

HERE = Position(lat=41.15, lon=-8.61)


def drive(metres: float) -> float:
    return metres / 5.0


places = st.builds(Position, lat=st.floats(41.10, 41.20), lon=st.floats(-8.70, -8.55))


@st.composite
def errands(draw: st.DrawFn) -> list[Errand]:
    return [
        Errand(
            order_id=UUID(int=number),
            restaurant=draw(places),
            customer=draw(places),
            ready_seconds=draw(st.floats(0.0, 1_800.0)),
            picked_up=draw(st.booleans()),
        )
        for number in range(1, draw(st.integers(1, 3)) + 1)
    ]


def least_waiting(start: Position, todo: list[Errand]) -> float:
    """All sequences of places, tried without a thought: those that drop off before picking up do not count."""
    calls = [(one, True) for one in todo if not one.picked_up] + [(one, False) for one in todo]
    least = float("inf")
    for sequence in permutations(calls):
        now, here, carried, waiting = 0.0, start, {one.order_id for one in todo if one.picked_up}, 0.0
        for one, fetches in sequence:
            there = one.restaurant if fetches else one.customer
            now += drive(distance_m(here, there))
            here = there
            if fetches:
                now = max(now, one.ready_seconds)
                carried.add(one.order_id)
            elif one.order_id in carried:
                waiting += now
            else:
                waiting = float("inf")
        least = min(least, waiting)
    return least


@given(places, errands())
def test_nobody_could_wait_less(start: Position, todo: list[Errand]) -> None:
    route = best_route(start, todo, drive)
    waited = sum(route.delivered_seconds(one.order_id) for one in todo)
    assert waited == pytest.approx(least_waiting(start, todo))
    assert sorted(stop.call for stop in route.stops) == sorted(
        [Call.DROP_OFF for _ in todo] + [Call.PICK_UP for one in todo if not one.picked_up]
    )
    assert route.seconds == max(route.delivered_seconds(one.order_id) for one in todo)


@given(places, errands())
def test_food_is_picked_up_when_it_is_ready_and_before_it_is_dropped_off(start: Position, todo: list[Errand]) -> None:
    carried = {one.order_id for one in todo if one.picked_up}
    ready = {one.order_id: one.ready_seconds for one in todo}
    for stop in best_route(start, todo, drive).stops:
        if stop.call is Call.PICK_UP:
            assert stop.departure_seconds == max(stop.arrival_seconds, ready[stop.order_id])
            carried.add(stop.order_id)
        assert stop.order_id in carried


def test_more_than_three_orders_are_refused() -> None:
    one = Errand(order_id=UUID(int=1), restaurant=HERE, customer=HERE)
    for todo in ([], [one] * 4):
        with pytest.raises(InvalidInput, match="1 to 3 orders"):
            best_route(HERE, todo, drive)
    with pytest.raises(KeyError):
        best_route(HERE, [one], drive).delivered_seconds(UUID(int=9))
