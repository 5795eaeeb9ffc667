from fractions import Fraction
from math import floor
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.pricing import Line, delivery_fee_minor, driver_fee_minor, half_up, price, share_minor
from domain.region import PORTO, Fees

amounts = st.integers(min_value=0, max_value=10_000_000)
bps = st.integers(min_value=0, max_value=10_000)
distances = st.floats(min_value=0, max_value=100_000)


@st.composite
def lines(draw: st.DrawFn) -> Line:
    unit, quantity = draw(amounts), draw(st.integers(min_value=1, max_value=50))
    return Line(item_id=UUID(int=1), name="x", unit_price_minor=unit, quantity=quantity, total_minor=unit * quantity)


baskets = st.lists(lines(), min_size=1, max_size=100)


def rounded_half_up(exact: Fraction) -> int:
    return floor(exact + Fraction(1, 2))


@given(baskets, distances, st.integers(min_value=0, max_value=1_000_000))
def test_a_price_sums_exactly_in_whole_minor_units(basket: list[Line], distance_m: float, tip_minor: int) -> None:
    told = price(region=PORTO, lines=basket, distance_m=distance_m, tip_minor=tip_minor)
    parts = [told.subtotal_minor, told.delivery_fee_minor, told.service_fee_minor, told.tax_minor, told.tip_minor]
    assert all(type(part) is int and part >= 0 for part in parts)
    assert told.total_minor == sum(parts)
    assert told.subtotal_minor == sum(line.unit_price_minor * line.quantity for line in basket)
    assert told.currency == "EUR"


@given(baskets, distances)
def test_tax_is_rounded_half_up_line_by_line(basket: list[Line], distance_m: float) -> None:
    told = price(region=PORTO, lines=basket, distance_m=distance_m, tip_minor=0)
    taxed = [*(line.total_minor for line in basket), told.delivery_fee_minor, told.service_fee_minor]
    rate = Fraction(PORTO.fees.tax_bps, 10_000)
    assert told.tax_minor == sum(rounded_half_up(amount * rate) for amount in taxed)


@given(baskets, distances, st.integers(min_value=1, max_value=1_000_000))
def test_a_tip_is_never_taxed_nor_charged_for(basket: list[Line], distance_m: float, tip_minor: int) -> None:
    without = price(region=PORTO, lines=basket, distance_m=distance_m, tip_minor=0)
    told = price(region=PORTO, lines=basket, distance_m=distance_m, tip_minor=tip_minor)
    assert told.tax_minor == without.tax_minor
    assert told.total_minor == without.total_minor + tip_minor


@given(amounts, bps)
def test_a_share_is_rounded_half_up(amount_minor: int, share_bps: int) -> None:
    assert share_minor(amount_minor, share_bps) == rounded_half_up(Fraction(amount_minor * share_bps, 10_000))


@pytest.mark.parametrize(("numerator", "expected"), [(0, 0), (4, 0), (5, 1), (14, 1), (15, 2), (25, 3)])
def test_halves_go_up_and_not_to_even(numerator: int, expected: int) -> None:
    assert half_up(numerator, 10) == expected


@pytest.mark.parametrize(
    ("distance_m", "fee_minor"),
    [(0.0, 199), (8.0, 199), (8.5, 200), (1_000.0, 259), (1_774.3, 305), (13_333.0, 999), (50_000.0, 999)],
)
def test_the_delivery_fee_grows_with_the_distance_up_to_its_maximum(distance_m: float, fee_minor: int) -> None:
    assert delivery_fee_minor(Fees(), distance_m) == fee_minor


@given(distances, distances)
def test_farther_is_never_cheaper(one_m: float, other_m: float) -> None:
    near, far = sorted((one_m, other_m))
    assert delivery_fee_minor(PORTO.fees, near) <= delivery_fee_minor(PORTO.fees, far)


def test_the_driver_gets_four_fifths_of_the_fee() -> None:
    assert driver_fee_minor(Fees(), 305) == 244
    assert driver_fee_minor(Fees(driver_share_bps=5_000), 305) == 153


@pytest.mark.parametrize("tip_minor", [-1, 1_000_001])
def test_a_tip_is_within_bounds(tip_minor: int) -> None:
    with pytest.raises(InvalidInput):
        price(region=PORTO, lines=[], distance_m=0.0, tip_minor=tip_minor)
