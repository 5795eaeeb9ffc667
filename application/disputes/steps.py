"""Every event of an order in words, with who, by which way, from where, and measured against what was promised."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from application.disputes.course import Course
from application.disputes.report import Channel, Measure, Offered, Phase, ToldStep
from domain.event import Event, Meta, Recorded, Role
from domain.order import events
from domain.order.state import DispatchStatus, Status
from projections.order_steps import STATUS, dispatch_after


def steps_of(
    course: Course,
    history: Sequence[Recorded[Event]],
    phases: Sequence[Phase],
    offers: Sequence[Offered],
    names: Mapping[UUID, str],
) -> Iterator[ToldStep]:
    """Tell an order's events, oldest first. `names` are those of the people on the order."""
    versions = {recorded.event_id: recorded.originator_version for recorded in history}
    status, dispatch = Status.PLACED, DispatchStatus.IDLE
    before: Recorded[Event] | None = None
    for recorded in history:
        meta, event = recorded.meta, recorded.event
        status = STATUS.get(type(event), status)
        dispatch = dispatch_after(type(event), getattr(event, "standing", 0)) or dispatch
        yield ToldStep(
            version=recorded.originator_version,
            event_id=recorded.event_id,
            topic=event.TOPIC,
            at=recorded.occurred_at,
            told=_told(event, names),
            actor_type=meta.actor_type,
            actor_id=meta.actor_id,
            actor_name=names.get(meta.actor_id) if meta.actor_id else None,
            channel=channel_of(meta),
            ip=meta.ip if isinstance(meta.ip, str) else None,
            user_agent=meta.user_agent,
            request_id=meta.request_id,
            correlation_id=meta.correlation_id,
            causation_id=meta.causation_id,
            answers_version=versions.get(meta.causation_id) if meta.causation_id else None,
            seconds_since_previous=(recorded.occurred_at - before.occurred_at).total_seconds() if before else None,
            status_after=status,
            dispatch_after=dispatch,
            measures=tuple(_measures(course, recorded, phases, offers)),
            data=msgspec.to_builtins(event),
        )
        before = recorded


def channel_of(meta: Meta) -> Channel:
    """Tell from an envelope by which way its command came in."""
    if meta.actor_type is Role.SYSTEM and meta.request_id is None:
        return Channel.SYSTEM if meta.causation_id is None else Channel.REACTION
    if not meta.user_agent:
        return Channel.UNKNOWN
    return Channel.BROWSER if meta.user_agent.startswith("Mozilla/") else Channel.APP


def _measures(
    course: Course, recorded: Recorded[Event], phases: Sequence[Phase], offers: Sequence[Offered]
) -> Iterator[Measure]:
    for phase in phases:
        if phase.ended_by_version == recorded.originator_version:
            yield Measure(
                what=phase.kind,
                seconds=phase.seconds,
                promised_seconds=phase.promised_seconds,
                late_seconds=phase.late_seconds,
            )
    event = recorded.event
    if isinstance(event, events.DriverAssigned | events.OfferDeclined | events.OfferExpired | events.OfferWithdrawn):
        for offer in offers:
            if offer.offer_id == event.offer_id and offer.seconds_to_answer is not None:
                allowed, seconds = offer.allowed_seconds, offer.seconds_to_answer
                yield Measure(what="offer", seconds=seconds, promised_seconds=allowed, late_seconds=seconds - allowed)
    if isinstance(event, events.Delivered):
        seconds = (recorded.occurred_at - course.began.at).total_seconds()
        promised = (course.placed.promised_at - course.began.at).total_seconds()
        yield Measure(what="order", seconds=seconds, promised_seconds=promised, late_seconds=seconds - promised)


def _told(event: Event, names: Mapping[UUID, str]) -> str:
    words = _WORDS.get(type(event))
    return words(event, names) if words else event.TOPIC


def _named(event: Any, names: Mapping[UUID, str]) -> str:  # noqa: ANN401 - any event with a driver
    return names.get(event.driver_id, "a driver")


def _foreseen(event: events.NoDriverFound) -> str:
    return "" if event.plan is None else f"; a plan foresaw the pick-up at {event.plan.pickup_at:%H:%M:%S} UTC"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ", without a reason"


def _together(event: events.DriverOffered) -> str:
    asked = f", one of {event.broadcast.drivers} asked at once" if event.broadcast else ""
    return f"{asked}{_beside(event.batch)}"


def _beside(batch: events.Batched | None) -> str:
    return " as the second of two orders" if batch else ""


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.3g} min"


_WORDS: Mapping[type[Event], Callable[[Any, Mapping[UUID, str]], str]] = {
    events.Placed: lambda e, _: f"{e.customer_name} ordered from {e.restaurant_name}",
    events.PaymentAuthorized: lambda *_: "The amount was held on the card",
    events.Confirmed: lambda e, _: f"The restaurant confirmed, announcing {_minutes(e.prep_seconds)}",
    events.Rejected: lambda e, _: f"The order was rejected{_because(e.reason)}",
    events.PreparationStarted: lambda *_: "The kitchen began",
    events.ReadyForPickup: lambda *_: "The food was ready for pick-up",
    events.MatchingStarted: lambda e, _: f"The search for a driver began, round {e.round}",
    events.DriverOffered: lambda e, names: (
        f"Offered to {_named(e, names)}{_together(e)}, {e.score.total:.1f} points, {e.distance_m / 1000:.1f} km away"
    ),
    events.OfferDeclined: lambda e, names: f"Declined by {_named(e, names)}{_because(e.reason)}",
    events.OfferExpired: lambda e, names: f"Left unanswered by {_named(e, names)}",
    events.OfferWithdrawn: lambda e, names: f"The offer to {_named(e, names)} was withdrawn{_because(e.reason)}",
    events.NoDriverFound: lambda e, _: f"No driver found in round {e.round}, {e.offers_made} offers made{_foreseen(e)}",
    events.DriverAssigned: lambda e, _: f"{e.driver_name} accepted{_beside(e.batch)}",
    events.DriverUnassigned: lambda e, names: f"Taken off {_named(e, names)}{_because(e.reason)}",
    events.DriverArrived: lambda e, names: f"At the restaurant: {_named(e, names)}",
    events.PickedUp: lambda e, names: f"Picked up by {_named(e, names)}",
    events.DriverLostContact: lambda e, names: f"Nothing was heard any more of {_named(e, names)}, who has the food",
    events.Delivered: lambda e, names: f"Delivered by {_named(e, names)}",
    events.Completed: lambda *_: "The order was completed",
    events.Cancelled: lambda e, _: f"Cancelled by {e.by}{_because(e.reason)}; {e.cost_bearer} bears the cost",
    events.EtaRevised: lambda e, _: f"The arrival was estimated anew, {e.confidence:.0%} sure",
    events.PaymentCaptured: lambda *_: "The card was charged",
    events.PaymentVoided: lambda *_: "The hold on the card was lifted",
    events.PaymentRefunded: lambda *_: "Charged money was returned",
    events.PaymentFailed: lambda e, _: f"The gateway refused the {e.operation}{_because(e.reason)}",
    events.ReviewRequested: lambda *_: "The customer was asked for a review",
    events.RatedByCustomer: lambda e, names: f"The customer gave {_named(e, names)} {e.stars} of 5 stars",
    events.NoteAdded: lambda e, _: f"Note: {e.text}",
}
