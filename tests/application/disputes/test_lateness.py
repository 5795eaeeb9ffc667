"""Who was late and by how much: each share by itself, and that they add up whatever happened."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.disputes.lateness import BECAUSE
from application.disputes.report import Lateness, Party
from domain import order
from domain.event import Event, Role
from domain.region import PORTO, Region
from tests.application.disputes.stories import QUIET, Story, assigned, everybody_late, offer, on_time
from tests.domain.order.histories import ANNA, BRUNO


def minutes(lateness: Lateness) -> dict[str, float]:
    return {share.what: share.seconds / 60 for share in lateness.shares}


def test_who_keeps_the_promise_is_late_by_nothing() -> None:
    lateness = on_time().explained().lateness
    assert (lateness.total_seconds, lateness.overdue_seconds, lateness.remainder_seconds) == (0, 0, 0)
    assert lateness.shares == ()


def test_each_is_late_by_their_own_word() -> None:
    lateness = everybody_late().explained().lateness
    assert lateness.total_seconds == 31 * 60
    assert minutes(lateness) == {
        "answer": 2,
        "preparation": 10,
        "search": 4,
        "approach_allowed": 3,
        "approach": 5,
        "handover": 1,
        "drive": 6,
    }
    assert (lateness.restaurant_seconds, lateness.platform_seconds, lateness.driver_seconds) == (600, 420, 660)
    assert (lateness.remainder_seconds, lateness.unexplained_seconds) == (180, 0)
    assert {share.what for share in lateness.shares if share.party is None} == {"answer", "handover"}
    assert all(share.because for share in lateness.shares)


def test_another_preparation_time_than_promised_is_not_late_but_named() -> None:
    story = Story().at(0, order.Confirmed(prep_seconds=1_500)).at(25, order.ReadyForPickup())
    lateness = story.explained(26).lateness
    assert minutes(lateness) == {"announced": 10, "search": 1}
    assert lateness.restaurant_seconds == 0


def test_a_driver_late_for_food_that_is_not_ready_costs_nothing() -> None:
    story = Story().at(0, order.Confirmed(prep_seconds=900))
    story.at(1, order.MatchingStarted(round=1, radius_m=5_000.0), offer(1, ANNA, story, 1, sequence=1))
    story.at(1, assigned(1, ANNA, "Anna Alves")).at(14, order.DriverArrived(driver_id=ANNA))
    story.at(15, order.ReadyForPickup()).at(18, order.PickedUp(driver_id=ANNA)).at(40, order.Delivered(driver_id=ANNA))
    dispute = story.explained()
    assert dispute.lateness.driver_seconds == 0
    arrival = next(step for step in dispute.steps if step.topic == "order.driver_arrived")
    assert [(measure.what, measure.late_seconds) for measure in arrival.measures] == [("approach", 9 * 60)]


def test_without_a_reported_arrival_the_doubt_is_the_drivers_benefit() -> None:
    story = Story().at(0, order.Confirmed(prep_seconds=900))
    story.at(14, order.MatchingStarted(round=1, radius_m=5_000.0), offer(1, ANNA, story, 14, sequence=1))
    story.at(14, assigned(1, ANNA, "Anna Alves")).at(15, order.ReadyForPickup())
    story.at(22, order.PickedUp(driver_id=ANNA)).at(44, order.Delivered(driver_id=ANNA))
    # Expected at 18; picked up at 22, of which 3 minutes are the pick-up's own.
    lateness = story.explained().lateness
    assert minutes(lateness) == {"approach_allowed": 3, "approach": 1}
    assert lateness.total_seconds == 240


def test_a_driver_who_loses_the_order_answers_for_the_time_he_had_it_too_long() -> None:
    story = Story().at(0, order.Confirmed(prep_seconds=900))
    story.at(10, order.MatchingStarted(round=1, radius_m=5_000.0), offer(1, ANNA, story, 10, sequence=1))
    story.at(10, assigned(1, ANNA, "Anna Alves")).at(15, order.ReadyForPickup())
    story.at(20, order.DriverUnassigned(driver_id=ANNA, reason="silent")).at(21, offer(2, BRUNO, story, 21, sequence=1))
    story.at(21, assigned(2, BRUNO, "Bruno Brito")).at(25, order.DriverArrived(driver_id=BRUNO))
    story.at(28, order.PickedUp(driver_id=BRUNO)).at(50, order.Delivered(driver_id=BRUNO))
    lateness = story.explained().lateness
    assert minutes(lateness) == {"search": 1, "approach_allowed": 4, "approach": 5}
    assert lateness.total_seconds == 600


def test_the_traffic_of_the_hour_is_nobodys() -> None:
    story = Story(QUIET.replace(hour=16, minute=50))
    story.at(0, order.Confirmed(prep_seconds=900)).at(15, order.ReadyForPickup())
    story.at(18, order.PickedUp(driver_id=ANNA)).at(50, order.Delivered(driver_id=ANNA))
    # Placed at 16:50 and picked up at 17:08: 20 minutes of driving become 30.
    assert minutes(story.explained().lateness)["traffic"] == 10


def test_an_undelivered_order_has_no_total() -> None:
    story = Story().at(1, order.Confirmed(prep_seconds=900))
    cancelled = order.Cancelled(
        by=Role.SUPPORT, reason="x", cost_bearer=order.CostBearer.RESTAURANT, refund_minor=3_619
    )
    story.at(50, cancelled)
    lateness = story.explained().lateness
    assert (lateness.total_seconds, lateness.remainder_seconds, lateness.unexplained_seconds) == (None, None, None)
    assert (lateness.overdue_seconds, lateness.restaurant_seconds) == (600, (50 - 16) * 60)
    assert minutes(Story().explained(5).lateness) == {"answer": 5}


def test_every_share_is_explained() -> None:
    assert all(text[0].islower() and not text.endswith(".") for text in BECAUSE.values())


spans = st.floats(0, 40, allow_nan=False)


@given(
    answer=spans,
    prep=st.integers(0, 3_000),
    cooking=spans,
    search=spans,
    travel=st.floats(0, 2_000),
    arrives=spans,
    drops=st.booleans(),
    reports=st.booleans(),
    waits=spans,
    drives=spans,
    region=st.sampled_from([PORTO, None]),
)
@settings(max_examples=300, derandomize=True, deadline=None)
def test_the_shares_add_up(
    *, answer: float, prep: int, cooking: float, search: float, travel: float, arrives: float,
    drops: bool, reports: bool, waits: float, drives: float, region: Region | None,
) -> None:  # fmt: skip
    """Whatever took however long, kitchen and drivers side by side: nothing stays unexplained, nothing counts twice."""
    story = Story().at(answer, order.Confirmed(prep_seconds=prep))
    ready, now = answer + cooking, answer + search
    told: list[tuple[float, Event]] = [(ready, order.ReadyForPickup())]
    for number, driver_id in enumerate([ANNA, BRUNO] if drops else [BRUNO]):
        made = offer(number, driver_id, story, now, sequence=number + 1, travel_seconds=travel)
        told += [(now, made), (now, assigned(number, driver_id, "Somebody"))]
        now += arrives
        if reports:
            told.append((now, order.DriverArrived(driver_id=driver_id)))
        if driver_id == ANNA:
            told.append((now, order.DriverUnassigned(driver_id=ANNA, reason="x")))
            now += search
    picked_up = max(now, ready) + waits
    told += [(picked_up, order.PickedUp(driver_id=BRUNO)), (picked_up + drives, order.Delivered(driver_id=BRUNO))]
    for at, event in sorted(told, key=lambda one: one[0]):
        story.at(at, event)

    lateness = story.explained(region=region).lateness

    assert lateness.unexplained_seconds == 0
    parties = {Party.RESTAURANT: lateness.restaurant_seconds, Party.DRIVER: lateness.driver_seconds}
    parties |= {Party.PLATFORM: lateness.platform_seconds}
    assert all(seconds >= 0 for seconds in parties.values())
    assert lateness.total_seconds is not None
    assert lateness.remainder_seconds is not None
    assert sum(parties.values()) + lateness.remainder_seconds == pytest.approx(lateness.total_seconds, abs=0.1)
