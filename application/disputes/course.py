"""The course of an order: when it reached what, and which driver had it from when until when."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace

from application.disputes.report import Ending
from domain.errors import NotFound
from domain.event import Event, Recorded, Role
from domain.order import events


class Mark(NamedTuple):
    """When something happened, and by which of the order's events."""

    at: datetime
    version: int


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The order with one driver. `ended` is the pick-up, or losing the order before it."""

    driver_id: UUID
    driver_name: str
    began: Mark
    travel_seconds: float
    """To the restaurant, as the offer said."""
    arrived: Mark | None = None
    ended: Mark | None = None

    @property
    def expected_at(self) -> datetime:
        """When the driver would have been at the restaurant by the offer's own estimate."""
        return self.began.at + timedelta(seconds=self.travel_seconds)


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """An order's milestones; none for one that it has not reached."""

    placed: events.Placed
    began: Mark
    prep_seconds: int
    """As the restaurant announced; as the promise assumed until it has."""
    confirmed: Mark | None = None
    ready: Mark | None = None
    assignments: tuple[Assignment, ...] = ()
    picked_up: Mark | None = None
    delivered: Mark | None = None
    over: Mark | None = None
    """Delivered, rejected or cancelled."""
    ending: Ending = Ending(how="open", at=None, by=None, reason="")


def course_of(order_id: UUID, history: Sequence[Recorded[Event]]) -> Course:
    """Follow an order's events. Raises NotFound for a stream that is no order's, or has none."""
    first = history[0] if history else None
    if first is None or not isinstance(first.event, events.Placed):
        raise NotFound("order", order_id)
    began = Mark(first.occurred_at, first.originator_version)
    course = Course(placed=first.event, began=began, prep_seconds=first.event.prep_seconds)
    travel_seconds: dict[UUID, float] = {}
    for recorded in history[1:]:
        if isinstance(recorded.event, events.DriverOffered):
            travel_seconds[recorded.event.offer_id] = recorded.event.travel_seconds
        course = _followed(course, recorded, travel_seconds)
    return course


def _followed(course: Course, recorded: Recorded[Event], travel_seconds: dict[UUID, float]) -> Course:
    mark, role = Mark(recorded.occurred_at, recorded.originator_version), recorded.meta.actor_type
    match recorded.event:
        case events.Confirmed(prep_seconds=prep_seconds):
            return replace(course, confirmed=mark, prep_seconds=prep_seconds)
        case events.ReadyForPickup():
            return replace(course, ready=mark)
        case events.DriverAssigned() as event:
            assignment = Assignment(
                driver_id=event.driver_id,
                driver_name=event.driver_name,
                began=mark,
                travel_seconds=travel_seconds.get(event.offer_id, 0.0),
            )
            return replace(course, assignments=(*course.assignments, assignment))
        case events.DriverArrived():
            return _latest(course, arrived=mark)
        case events.DriverUnassigned():
            return _latest(course, ended=mark)
        case events.PickedUp():
            return replace(_latest(course, ended=mark), picked_up=mark)
        case events.Delivered():
            return replace(_over(course, mark, "delivered", role), delivered=mark)
        case events.Rejected(reason=reason):
            return _over(course, mark, "rejected", role, reason)
        case events.Cancelled(by=by, reason=reason):
            return _over(_latest(course, ended=mark), mark, "cancelled", by, reason)
    return course


def _latest(course: Course, **marks: Mark) -> Course:
    """Mark the driver who has the order, if one has."""
    if not course.assignments or course.assignments[-1].ended is not None:
        return course
    latest = replace(course.assignments[-1], **marks)
    return replace(course, assignments=(*course.assignments[:-1], latest))


def _over(course: Course, mark: Mark, how: str, by: Role, reason: str = "") -> Course:
    ending = Ending(how=how, at=mark.at, by=by, reason=reason)  # type: ignore[arg-type]  # one of its literals
    return replace(course, over=mark, ending=ending)
