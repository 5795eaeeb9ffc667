"""From an order's events, and what is kept beside them, to a `Dispute`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from application.disputes.course import course_of
from application.disputes.lateness import lateness_of
from application.disputes.money import etas_of, money_of
from application.disputes.offers import search_of
from application.disputes.phases import phases_of
from application.disputes.promise import promise_of
from application.disputes.report import Dispute, Notification, Positions
from application.disputes.steps import steps_of
from domain.event import Event, Recorded
from domain.order import events
from domain.region import Region


def explain(
    order_id: UUID,
    history: Sequence[Recorded[Event]],
    *,
    as_of: datetime,
    region: Region | None,
    names: Mapping[UUID, str] | None = None,
    notifications: Sequence[Notification] = (),
    positions: Positions | None = None,
) -> Dispute:
    """Explain an order from its whole history, as `EventStore.stream` reads it with addresses, as of a moment.

    `names` are those of drivers that the events do not name; `region` is none where it is not known any more.
    Raises NotFound for a stream that is no order's.
    """
    course = course_of(order_id, history)
    placed = course.placed
    drivers = {**(names or {}), **{one.driver_id: one.driver_name for one in course.assignments}}
    people = {**drivers, placed.customer_id: placed.customer_name, placed.restaurant_id: placed.restaurant_name}
    promise = promise_of(course, history, region)
    phases = phases_of(course, promise, as_of)
    search = search_of(history, drivers, region)
    steps = tuple(steps_of(course, history, phases, search.offers, people))
    carrier = next((one for one in course.assignments[-1:] if one.ended is None or one.ended == course.picked_up), None)
    return Dispute(
        order_id=order_id,
        version=history[-1].originator_version,
        as_of=as_of,
        region=placed.region,
        timezone=region.timezone if region else "UTC",
        status=steps[-1].status_after,
        dispatch=steps[-1].dispatch_after,
        customer_id=placed.customer_id,
        customer_name=placed.customer_name,
        restaurant_id=placed.restaurant_id,
        restaurant_name=placed.restaurant_name,
        driver_id=carrier.driver_id if carrier else None,
        driver_name=carrier.driver_name if carrier else None,
        placed_at=course.began.at,
        promised_at=placed.promised_at,
        ending=course.ending,
        lateness=lateness_of(course, promise, as_of),
        phases=phases,
        rounds=tuple(search.rounds),
        offers=tuple(search.offers),
        etas=etas_of(course, history),
        money=money_of(course, history),
        notifications=tuple(notifications),
        positions=positions,
        steps=steps,
    )


def asked(history: Sequence[Recorded[Event]]) -> set[UUID]:
    """Every driver whom an order was offered to."""
    return {recorded.event.driver_id for recorded in history if isinstance(recorded.event, events.DriverOffered)}


def considered(history: Sequence[Recorded[Event]]) -> set[UUID]:
    """Every driver whom an order was offered to, or might have been."""
    offers = [recorded.event for recorded in history if isinstance(recorded.event, events.DriverOffered)]
    rivals = {one.driver_id for offer in offers for one in offer.rivals}
    return asked(history) | rivals | {one.driver_id for offer in offers for one in offer.unbatched}
