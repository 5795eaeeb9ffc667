"""Reads what a dispute is told from: the order's events, the inboxes, the drivers' names, the last positions."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from application.bootstrap import Tiffin
from application.disputes.course import Assignment, Course, course_of
from application.disputes.explain import asked, considered, explain
from application.disputes.report import Dispute, Notification, Positions, Seen, Side
from projections import driver_board, inbox
from projections.inbox import Addressed

NOT_KEPT = "No track of drivers' positions is kept, only where each driver on shift was last."


def gather(tiffin: Tiffin, connection: Connection, order_id: UUID, *, with_positions: bool) -> Dispute:
    """Explain an order as of now. Blocks. Raises NotFound."""
    history = list(tiffin.store.stream(order_id))
    course = course_of(order_id, history)
    now = tiffin.clock.now()
    names = driver_board.names(connection, considered(history))
    told = inbox.about(connection, order_id, [course.placed.customer_id, course.placed.restaurant_id, *asked(history)])
    return explain(
        order_id,
        history,
        as_of=now,
        region=tiffin.regions.get(course.placed.region),
        names=names,
        notifications=[_notification(course, names, one) for one in told],
        positions=_positions(tiffin, course, now) if with_positions else None,
    )


def _notification(course: Course, names: Mapping[UUID, str], entry: Addressed) -> Notification:
    placed = course.placed
    to: Side = "driver"
    name = names.get(entry.subject_id)
    if entry.subject_id == placed.customer_id:
        to, name = "customer", placed.customer_name
    elif entry.subject_id == placed.restaurant_id:
        to, name = "restaurant", placed.restaurant_name
    return Notification(
        at=entry.occurred_at,
        to=to,
        subject_id=entry.subject_id,
        name=name,
        kind=entry.kind,
        text=entry.text,
        read=entry.read,
    )


def _positions(tiffin: Tiffin, course: Course, now: datetime) -> Positions:
    """The last position of each driver, where it is of a time in which they had the order."""
    region = course.placed.region
    seen = [
        Seen(driver_id=assignment.driver_id, position=last.position, at=last.at)
        for assignment in course.assignments
        if region in tiffin.regions
        and (last := tiffin.positions.last_position(region, assignment.driver_id)) is not None
        and assignment.began.at <= last.at <= _let_go(course, assignment, now)
    ]
    return Positions(seen=tuple(seen), told=NOT_KEPT if seen else f"{NOT_KEPT} None is of the time of this order.")


def _let_go(course: Course, assignment: Assignment, now: datetime) -> datetime:
    """Until when a driver had to do with the order: to its end, for who picked it up."""
    if assignment.ended is not None and assignment.ended != course.picked_up:
        return assignment.ended.at
    return course.over.at if course.over else now
