"""What counts as lost, and what the log says about durations."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec

from simulation.outcome import Outcome, Times, bundled, most_eventful, times
from simulation.shapes import Logged

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(position: int, topic: str, stream_id: str, seconds: float) -> Logged:
    at = NOON + timedelta(seconds=seconds)
    return Logged(position=position, topic=topic, stream_id=stream_id, occurred_at=at, recorded_at=at)


LOG = [
    event(1, "order.placed", "a", 0),
    event(2, "order.confirmed", "a", 10),
    event(3, "order.driver_offered", "a", 12),
    event(4, "order.offer_declined", "a", 15),
    event(5, "order.placed", "b", 16),
    event(6, "order.driver_offered", "a", 17),
    event(7, "order.driver_assigned", "a", 22),
    event(8, "order.delivered", "a", 1_200),
    event(9, "order.placed", "stranger", 0),
    event(10, "order.delivered", "stranger", 5),
]


def outcome(**statuses: int) -> Outcome:
    return Outcome(
        placed=sum(statuses.values()),
        statuses=Counter(statuses),
        topics=Counter(event.topic for event in LOG),
        times=times(LOG, ["a", "b"]),
        counts={"drivers fallen silent": 3},
        troubles=[],
        max_lag=12,
        final_lag=0,
        seconds=61.24,
    )


def test_durations_are_those_of_our_own_orders() -> None:
    assert times(LOG, ["a", "b"]) == Times(match=[12], first_offer=[2], click_to_door=[1_200], ready_to_pickup=[])


def test_where_a_plan_holds_back_matching_counts_from_when_the_driver_is_needed() -> None:
    needed = NOON + timedelta(seconds=300)
    offer = event(3, "order.driver_offered", "p", 310)
    log = [
        event(1, "order.confirmed", "p", 10),
        msgspec.structs.replace(offer, data={"plan": {"needed_at": needed.isoformat()}}),
        event(4, "order.driver_assigned", "p", 320),
    ]
    assert times(log, ["p"]).match == [20]
    assert times(log, ["p"]).first_offer == [300]


def test_orders_in_one_hand_together_are_bundled() -> None:
    def hand(position: int, topic: str, order: str, driver: str) -> Logged:
        return msgspec.structs.replace(event(position, topic, order, position), data={"driver_id": driver})

    log = [
        hand(1, "order.picked_up", "a", "ana"),
        hand(2, "order.picked_up", "b", "ana"),
        hand(3, "order.picked_up", "c", "rui"),
        hand(4, "order.delivered", "a", "ana"),
        hand(5, "order.delivered", "b", "ana"),
        hand(6, "order.delivered", "c", "rui"),
        hand(7, "order.picked_up", "d", "rui"),
    ]
    assert bundled(log, "abcd") == 2
    assert bundled(log, "acd") == 0, "strangers' orders do not count"


def test_an_order_without_an_end_is_lost() -> None:
    run = outcome(completed=5, delivered=1, cancelled=2, rejected=1, preparing=1, missing=1)
    assert (run.placed, run.delivered, run.lost) == (11, 6, 2)


def test_the_summary_has_every_promised_key() -> None:
    summary = outcome(completed=2).summary()
    assert (
        summary
        | {
            "placed": 2,
            "delivered": 2,
            "cancelled": 0,
            "rejected": 0,
            "lost": 0,
            "declined_offers": 1,
            "silent_drivers": 3,
            "events": 10,
            "max_lag": 12,
            "match_p95_s": 12,
            "click_to_door_p50_min": 20,
            "seconds": 61.2,
        }
        == summary
    )


def test_the_story_told_is_the_delivered_order_to_which_most_happened() -> None:
    assert most_eventful(LOG, ["a", "b"]) == "a"
    assert most_eventful(LOG, ["b"]) is None
