"""Everything beside lateness: steps, offers and who was not offered, estimates, money, positions of the story."""

from uuid import UUID

import msgspec
import pytest

from application.disputes import explain
from application.disputes.report import Channel, Dispute, PhaseKind
from application.disputes.steps import channel_of
from domain import order
from domain.errors import NotFound
from domain.eta import EtaBreakdown
from domain.event import Meta, Role
from domain.region import PORTO
from domain.scoring import PassedOver
from tests.application.disputes.stories import (
    CLARA,
    ORDER,
    PHONE,
    TABLET,
    Story,
    asked_at_once,
    assigned,
    driving,
    everybody_late,
    offer,
    on_time,
)
from tests.domain.order.histories import ANNA, BRUNO, RIVAL
from tests.domain.samples import SAMPLES, recorded

CANCELLED = order.Cancelled(
    by=Role.SUPPORT, reason="never came", cost_bearer=order.CostBearer.PLATFORM, refund_minor=3_619
)
BREAKDOWN = EtaBreakdown(
    to_restaurant_seconds=0.0,
    preparation_seconds=0.0,
    to_customer_seconds=900.0,
    pickup_buffer_seconds=0.0,
    dropoff_buffer_seconds=120.0,
    traffic_multiplier=1.0,
    total_seconds=1_020.0,
)


def phases(dispute: Dispute, kind: PhaseKind) -> list[tuple[float, float | None, float | None]]:
    found = [phase for phase in dispute.phases if phase.kind is kind]
    return [(phase.seconds, phase.promised_seconds, phase.late_seconds) for phase in found]


def test_every_step_says_who_how_and_from_where() -> None:
    dispute = on_time().explained()
    placed, _, confirmed, *_ = dispute.steps
    assert (placed.actor_type, placed.actor_name, placed.channel, placed.ip) == (
        "customer",
        "Carla Couto",
        Channel.APP,
        "203.0.113.9",
    )
    assert (confirmed.channel, confirmed.actor_name, confirmed.seconds_since_previous) == (
        Channel.BROWSER,
        dispute.restaurant_name,
        0,
    )
    assert [step.version for step in dispute.steps] == list(range(1, dispute.version + 1))
    assert (dispute.status, dispute.dispatch, dispute.driver_name) == ("completed", "done", "Anna Alves")


def test_the_channel_follows_from_the_envelope() -> None:
    told = [
        PHONE,
        TABLET,
        driving(ANNA),
        Meta(causation_id=UUID(int=9)),
        Meta(),
    ]
    assert [channel_of(meta) for meta in told] == ["app", "browser", "unknown", "reaction", "system"]


def test_a_reaction_names_the_step_that_it_answers() -> None:
    story = on_time()
    delivered = next(one for one in story.history if isinstance(one.event, order.Delivered))
    story.at(70, order.ReviewRequested(), meta=Meta(causation_id=delivered.event_id))
    assert story.explained().steps[-1].answers_version == delivered.originator_version


def test_every_kind_of_event_is_told_in_words() -> None:
    story = Story()
    for sample in SAMPLES:
        if sample.TOPIC.startswith("order.") and not isinstance(sample, order.Placed):
            story.history.append(msgspec.structs.replace(recorded(sample), originator_version=len(story.history) + 1))
    steps = story.explained().steps
    assert [step.topic for step in steps if step.told == step.topic] == []


def test_phases_are_measured_against_what_was_promised_for_each() -> None:
    dispute = everybody_late().explained()
    assert phases(dispute, PhaseKind.ANSWER) == [(120, None, None)]
    assert phases(dispute, PhaseKind.KITCHEN) == [(25 * 60, 900, 600)]
    assert phases(dispute, PhaseKind.SEARCH) == [(29 * 60, None, None)]
    assert phases(dispute, PhaseKind.APPROACH) == [(480, 180, 300)]
    assert phases(dispute, PhaseKind.WAIT) == [(240, 180, 60)]
    assert phases(dispute, PhaseKind.DRIVE) == [(28 * 60, 22 * 60, 360)]
    (whole,) = [m for step in dispute.steps for m in step.measures if m.what == "order"]
    assert (whole.seconds, whole.promised_seconds, whole.late_seconds) == (71 * 60, 40 * 60, 31 * 60)


def test_what_lasts_still_is_counted_to_now() -> None:
    dispute = Story().at(1, order.Confirmed(prep_seconds=900)).explained(10)
    assert phases(dispute, PhaseKind.KITCHEN) == [(540, 900, 0)]
    assert [phase.ended_at for phase in dispute.phases if phase.kind is PhaseKind.SEARCH] == [None]
    assert (dispute.ending.how, dispute.driver_id, dispute.lateness.overdue_seconds) == ("open", None, 0)


def test_every_offer_with_its_factors_and_what_came_of_it() -> None:
    offers = everybody_late().explained(names={ANNA: "Anna Alves"}).offers
    assert [(one.driver_name, one.round, one.sequence, one.answer, one.reason) for one in offers] == [
        ("Anna Alves", 1, 1, "declined", "too far"),
        ("Bruno Brito", 1, 2, "expired", ""),
        ("Bruno Brito", 2, 1, "accepted", ""),
    ]
    assert offers[0].score.factors == {"distance": 88.5, "earnings_goal": 10.0}
    assert offers[0].seconds_to_answer == pytest.approx(12)
    assert offers[0].allowed_seconds == 30


def test_of_drivers_not_offered_only_what_was_recorded_is_told() -> None:
    first, second, third = everybody_late().explained().offers
    assert (first.not_offered.other_candidates, first.not_offered.left_out) == (2, ())
    assert "Only their number is recorded" in first.not_offered.told
    assert [(one.driver_id, one.why) for one in second.not_offered.left_out] == [(ANNA, "declined")]
    assert third.not_offered.left_out == (), "a new round asks everybody again"
    story = Story().at(0, order.Confirmed(prep_seconds=900))
    story.at(1, order.MatchingStarted(round=1, radius_m=5_000.0))
    story.at(1, offer(1, ANNA, story, 1, sequence=1, candidates=PORTO.dispatch.candidates))
    assert "20 drivers at most" in story.explained().offers[0].not_offered.told
    story = Story().at(1, offer(1, ANNA, Story(), 1, sequence=1, candidates=1))
    assert story.explained().offers[0].not_offered.told == "No other driver was near enough and free."


def test_of_those_asked_at_once_each_has_an_answer_and_all_the_same_rivals() -> None:
    dispute = asked_at_once().explained()
    answers = [(one.driver_id, one.answer, one.drivers_asked) for one in dispute.offers]
    assert answers == [(ANNA, "withdrawn", 3), (BRUNO, "accepted", 3), (CLARA, "declined", 3)]
    assert {one.not_offered.other_candidates for one in dispute.offers} == {2}
    assert {tuple(rival.driver_id for rival in one.not_offered.rivals) for one in dispute.offers} == {(BRUNO,)}
    (round_,) = dispute.rounds
    assert (round_.outcome, round_.offers, round_.told) == (
        "assigned",
        3,
        "Of 3 drivers asked at once, one accepted first.",
    )
    told = {step.topic: (step.told, step.dispatch_after) for step in dispute.steps}
    assert told["order.offer_declined"][1] == told["order.offer_withdrawn"][1] == "offered"
    assert told["order.driver_assigned"] == ("Bruno Brito accepted as the second of two orders", "assigned")
    assert "one of 3 asked at once" in told["order.driver_offered"][0]


def test_every_condition_of_batching_is_told_for_who_was_asked_and_who_was_left_out() -> None:
    first, second, third = asked_at_once().explained().offers
    assert (first.batch, third.batch) == (None, None)
    assert second.batch is not None
    assert [(one.name, one.value, one.holds) for one in second.batch.conditions] == [
        ("carries_one", 1, True),
        ("restaurants_apart_m", 212.0, True),
        ("efficiency", 0.86, True),
        ("delay_seconds", 95.0, True),
        ("orders", 2, True),
        ("saved_seconds", 355.0, None),
    ]
    (left_out,) = first.not_offered.unbatched
    assert [one.name for one in left_out.conditions if one.holds is False] == ["restaurants_apart_m", "efficiency"]
    assert left_out.told.startswith("the restaurants are more than 500 m apart; the common route is a detour")


def test_of_recorded_rivals_everything_is_told() -> None:
    rival = msgspec.structs.replace(RIVAL, why=PassedOver.TAKEN)
    story = Story()
    asked = offer(1, ANNA, story, 1, sequence=1, candidates=4, rivals=(rival,))
    (told,) = story.at(1, asked).explained(names={BRUNO: "Bruno Brito"}).offers
    assert told.not_offered.told == "3 other drivers were near enough and free. The best 1 of them are recorded."
    assert [(one.name, one.why, one.score.total) for one in told.not_offered.rivals] == [("Bruno Brito", "taken", 98.5)]


def test_rounds_end_one_way_or_another() -> None:
    first, second = everybody_late().explained().rounds
    assert (first.outcome, first.offers, first.radius_m) == ("nobody", 2, 5_000.0)
    assert "beside the 2 asked already" in first.told
    assert (second.number, second.outcome, second.offers) == (2, "assigned", 1)
    story = Story().at(0, order.Confirmed(prep_seconds=900)).at(1, order.MatchingStarted(round=1, radius_m=5_000.0))
    assert [one.outcome for one in story.explained().rounds] == ["searching"]
    story.at(2, CANCELLED)
    assert [one.outcome for one in story.explained().rounds] == ["over"]


def test_a_round_that_waits_for_the_plans_driver_says_so() -> None:
    story = Story().at(0, order.Confirmed(prep_seconds=900)).at(15, order.ReadyForPickup())
    plan = order.Foreseen(pickup_at=story.time(24), needed_at=story.time(14), orders=40, drivers=50)
    started = order.MatchingStarted(round=1, radius_m=10_000.0)
    nobody = order.NoDriverFound(round=1, offers_made=0, radius_m=10_000.0, retry_at=story.time(16), plan=plan)
    dispute = story.at(15.5, started, nobody).explained()
    (round_,) = dispute.rounds
    at = f"{story.time(24):%H:%M:%S} UTC"
    assert round_.outcome == "nobody"
    assert f"a plan for 40 orders and 50 drivers foresaw the pick-up at {at} by a driver" in round_.told
    assert dispute.steps[-1].told == f"No driver found in round 1, 0 offers made; a plan foresaw the pick-up at {at}"


def test_what_the_customer_was_told_of_the_arrival_against_what_happened() -> None:
    story = Story()
    story.at(1, order.EtaRevised(eta_at=story.time(45), confidence=0.6, breakdown=BREAKDOWN))
    story.at(2, order.Confirmed(prep_seconds=900)).at(20, order.ReadyForPickup())
    story.at(21, order.PickedUp(driver_id=ANNA)).at(50, order.Delivered(driver_id=ANNA))
    told = story.explained().etas
    assert [(one.promise, one.change_seconds, one.error_seconds) for one in told] == [
        (True, 0, 600),
        (False, 300, 300),
    ]


def test_the_estimate_at_pick_up_is_the_recorded_one() -> None:
    story = Story().at(0, order.Confirmed(prep_seconds=900)).at(15, order.ReadyForPickup())
    story.at(18, order.PickedUp(driver_id=ANNA))
    story.at(18, order.EtaRevised(eta_at=story.time(35), confidence=0.9, breakdown=BREAKDOWN))
    story.at(38, order.Delivered(driver_id=ANNA))
    assert phases(story.explained(), PhaseKind.DRIVE) == [(1_200, 1_020, 180)]


def test_money_is_settled_when_the_customer_pays_what_is_owed() -> None:
    paid = on_time().explained().money
    assert (paid.held_minor, paid.pays_minor, paid.owes_minor, paid.settled) == (0, 3_619, 3_619, True)
    story = Story().at(5, CANCELLED)
    held = story.explained().money
    assert (held.held_minor, held.pays_minor, held.owes_minor, held.settled) == (3_619, 0, 0, False)
    assert held.cost_bearer == "platform"
    story.at(6, order.PaymentFailed(payment_id="pay_1", operation=order.PaymentOperation.VOID, reason="gone"))
    assert not story.explained().money.settled
    freed = story.at(7, order.PaymentVoided(payment_id="pay_1")).explained().money
    assert (freed.held_minor, freed.settled) == (0, True)
    assert [one.kind for one in freed.transfers] == ["authorized", "failed", "voided"]
    refunded = on_time().at(60, order.PaymentRefunded(payment_id="pay_1", amount_minor=3_619)).explained().money
    assert (refunded.charged_minor, refunded.refunded_minor, refunded.pays_minor) == (3_619, 3_619, 0)
    assert Story().explained().money.owes_minor is None


def test_a_region_that_is_gone_leaves_utc_and_a_promise_all_the_same() -> None:
    dispute = everybody_late().explained(region=None)
    assert dispute.timezone == "UTC"
    assert (dispute.lateness.total_seconds, dispute.lateness.unexplained_seconds) == (31 * 60, 0)


def test_a_driver_who_lost_the_order_does_not_have_it() -> None:
    story = Story().at(0, order.Confirmed(prep_seconds=900)).at(1, offer(1, ANNA, Story(), 1, sequence=1))
    story.at(1, assigned(1, ANNA, "Anna Alves"))
    assert story.explained().driver_id == ANNA
    story.at(2, order.DriverUnassigned(driver_id=ANNA, reason="flat tyre"))
    dispute = story.explained()
    assert dispute.driver_id is None
    assert [phase.kind for phase in dispute.phases if phase.ended_at is None] == ["kitchen", "search"]


@pytest.mark.parametrize(
    "history", [[], [recorded(sample) for sample in SAMPLES if sample.TOPIC == "driver.registered"]]
)
def test_what_is_no_order_is_not_found(history: list) -> None:  # type: ignore[type-arg]
    with pytest.raises(NotFound):
        explain(ORDER, history, as_of=Story().began, region=PORTO)
