"""A second order for one way: each condition by itself, and what the answer says."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from msgspec.structs import replace

from domain.batching import (
    LEAST_EFFICIENCY,
    MOST_DELAY_SECONDS,
    RESTAURANTS_APART_M,
    Batch,
    NotBatched,
    Refused,
    Weighed,
    batch,
    refused,
)
from domain.geo import Position, distance_m
from domain.routing import Errand
from tests.domain.test_routing import drive, errands, places

HERE = Position(lat=41.1500, lon=-8.6100)


def north(metres: float, *, east: float = 0.0) -> Position:
    """So far from the driver's place."""
    return Position(lat=HERE.lat + metres / 111_195.08, lon=HERE.lon + east / 83_730.0)


FIRST = Errand(order_id=UUID(int=1), restaurant=north(200), customer=north(2_200))
SECOND = Errand(order_id=UUID(int=2), restaurant=north(400), customer=north(2_400))


def asked(**changes: Any) -> Batch | Refused:
    return batch(HERE, (FIRST,), replace(SECOND, **changes), drive)


def why(found: Batch | Refused) -> set[NotBatched]:
    assert isinstance(found, Refused)
    return set(found.why)


def test_two_orders_on_one_way_are_batched_and_the_saving_is_told() -> None:
    found = asked()
    assert isinstance(found, Batch)
    assert [stop.order_id.int for stop in found.route.stops] == [1, 2, 1, 2]
    assert found.delay_seconds == pytest.approx(0.0, abs=0.1)
    assert found.efficiency == 1.0
    assert found.saved_m == pytest.approx(3_600, rel=0.01), "back to the second restaurant, and there again"
    assert found.saved_seconds == pytest.approx(720, rel=0.01)


def test_who_carries_nothing_or_two_is_not_asked() -> None:
    third = replace(FIRST, order_id=UUID(int=3))
    assert batch(HERE, (), SECOND, drive) == Refused(why=(NotBatched.CARRIES_NOTHING,), weighed=Weighed(carried=0))
    assert batch(HERE, (FIRST, third), SECOND, drive) == Refused(
        why=(NotBatched.CARRIES_ENOUGH,), weighed=Weighed(carried=2)
    )


def test_restaurants_are_at_most_500_m_apart() -> None:
    assert isinstance(asked(restaurant=north(200 + 499)), Batch)
    far = asked(restaurant=north(200 + 501))
    assert why(far) == {NotBatched.TOO_FAR_APART}
    assert isinstance(far, Refused)
    assert far.weighed.apart_m == pytest.approx(501, abs=1)
    assert far.weighed.efficiency == 1.0, "what holds is told, too"


def test_the_first_customer_waits_at_most_five_minutes_longer() -> None:
    patient = asked(customer=north(420), ready_seconds=370)
    assert isinstance(patient, Batch)
    assert patient.delay_seconds == pytest.approx(290, abs=1)
    assert why(asked(customer=north(420), ready_seconds=400)) == {NotBatched.TOO_SLOW}


def test_a_common_route_that_is_mostly_detour_is_refused() -> None:
    first = replace(FIRST, customer=north(600))
    there = replace(SECOND, restaurant=north(-290), customer=north(-700))
    assert why(batch(HERE, (first,), there, drive)) == {NotBatched.INEFFICIENT}


def test_every_condition_that_fails_is_told() -> None:
    first = replace(FIRST, customer=north(600))
    there = replace(SECOND, restaurant=north(-590), customer=north(-2_000), ready_seconds=900.0)
    found = batch(HERE, (first,), there, drive)
    assert why(found) == {NotBatched.TOO_FAR_APART, NotBatched.INEFFICIENT}
    assert isinstance(found, Refused)
    recorded = refused(UUID(int=7), found)
    assert recorded.why == ("too_far_apart", "inefficient")
    assert recorded.weighed.apart_m == round(found.weighed.apart_m or 0, 1)


def test_food_that_is_on_board_counts_from_where_the_driver_is() -> None:
    found = batch(HERE, (replace(FIRST, picked_up=True),), SECOND, drive)
    assert isinstance(found, Batch)
    assert [stop.order_id.int for stop in found.route.stops] == [2, 1, 2]


@given(places, errands(), places, places)
def test_whatever_is_batched_keeps_the_rule(
    start: Position, carried: list[Errand], there: Position, to: Position
) -> None:
    new = Errand(order_id=UUID(int=9), restaurant=there, customer=to, ready_seconds=60.0)
    found = batch(start, tuple(carried), new, drive)
    if isinstance(found, Refused):
        assert found.why
        return
    (first,) = carried
    assert distance_m(first.restaurant, there) <= RESTAURANTS_APART_M
    assert 0.0 <= found.delay_seconds <= MOST_DELAY_SECONDS
    assert LEAST_EFFICIENCY <= found.efficiency <= 1.0
    assert len({stop.order_id for stop in found.route.stops}) == 2
