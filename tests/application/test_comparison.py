"""An evening in a second process, and what is told of two evenings."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
import pytest

from application.cli.comparison import OneByOne, Summary, told

FIGURES: Summary = {
    "lost": 0,
    "delivered": 100,
    "click_to_door_mean_min": 30.0,
    "click_to_door_p90_min": 45.5,
    "ready_to_pickup_mean_min": None,
    "bundled": 12,
    "offers": 130,
}
SLOWER: Summary = {**FIGURES, "click_to_door_mean_min": 32.5}


@contextmanager
def evening(program: str) -> Iterator[OneByOne]:
    other = OneByOne([], program=["-c", program])
    try:
        yield other
    finally:
        other.stop()


def test_one_that_says_much_does_not_wait_for_a_reader() -> None:
    with evening("print('y' * 2_000_000); print('{}')") as other:
        assert other.summary(most_seconds=60.0) == {}


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("print('no port is free'); raise SystemExit(1)", "failed: no port is free"),
        ("print('good night')", "ended without its figures: good night"),
        ("pass", "ended without its figures"),
        ("print('{\"lost\": 0}'); print('no room'); raise SystemExit(1)", "failed: .*no room"),
    ],
)
def test_one_that_fails_is_told_with_its_last_words(program: str, said: str) -> None:
    with evening(program) as other, pytest.raises(click.ClickException, match=said):
        other.summary(most_seconds=60.0)


def test_one_that_lost_orders_has_figures_all_the_same() -> None:
    with evening("print('{\"lost\": 2}'); print('Lost orders: 2'); raise SystemExit(1)") as other:
        assert other.summary(most_seconds=60.0) == {"lost": 2}


def test_one_that_does_not_end_is_told() -> None:
    forever = "import threading; threading.Event().wait()"
    with evening(forever) as other, pytest.raises(click.ClickException, match=r"took longer than 0\.2 s"):
        other.summary(most_seconds=0.2)


def test_what_plans_were_worth_is_told() -> None:
    rows, sentence = told(FIGURES, SLOWER)
    assert ("click to door, mean (min)", "30", "32.5") in rows
    assert ("food ready → picked up, mean (min)", "–", "–") in rows
    assert "2.5 min earlier" in sentence
    assert "250 customer minutes; 12 orders" in sentence
    assert "2.5 min later" in told(SLOWER, FIGURES)[1]


def test_of_an_evening_without_deliveries_nothing_is_said() -> None:
    assert "nothing to compare" in told({**FIGURES, "click_to_door_mean_min": None}, FIGURES)[1]


def test_of_evenings_that_lost_orders_no_gain_is_told() -> None:
    for planned, alone in (({**FIGURES, "lost": 1}, SLOWER), (FIGURES, {**SLOWER, "lost": 2})):
        rows, sentence = told(planned, alone)
        assert "customer minutes" not in sentence
        assert ("orders lost", f"{planned['lost']}", f"{alone['lost']}") in rows
