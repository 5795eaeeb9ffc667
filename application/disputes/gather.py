"""Reads what a dispute is told from: the order's events, the inboxes, the drivers' names, the last positions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from application.bootstrap import Tiffin
from application.disputes.course import Assignment, Course, course_of
from application.disputes.explain import asked, explain
from application.disputes.report import Dispute, Notification, Positions, Seen
from domain.event import Event, Recorded
from projections import driver_board, inbox

NOT_KEPT = "No track of drivers' positions is kept, only where each driver on shift was last."
MOST_SEEN = 1_000


def gather(tiffin: Tiffin, connection: Connection, order_id: UUID, *, with_positions: bool) -> Dispute:
    """Explain an order as of now. Blocks. Raises NotFound."""
    history = list(tiffin.store.stream(order_id))
    course = course_of(order_id, history)
    now = tiffin.clock.now()
    names = driver_board.names(connection, asked(history))
    return explain(
        order_id,
        history,
        as_of=now,
        region=tiffin.regions.get(course.placed.region),
        names=names,
        notifications=_notifications(connection, order_id, course, history),
        positions=_positions(tiffin, course, now) if with_positions else None,
    )


def _notifications(
    connection: Connection, order_id: UUID, course: Course, history: Sequence[Recorded[Event]]
) -> list[Notification]:
    placed = course.placed
    drivers = asked(history)
    kinds = dict.fromkeys(drivers, "driver") | {placed.customer_id: "customer", placed.restaurant_id: "restaurant"}
    names = driver_board.names(connection, drivers)
    names |= {placed.customer_id: placed.customer_name, placed.restaurant_id: placed.restaurant_name}
    return [
        Notification(
            at=entry.occurred_at,
            to=kinds[entry.subject_id],  # type: ignore[arg-type]  # one of its literals
            subject_id=entry.subject_id,
            name=names.get(entry.subject_id),
            kind=entry.kind,
            text=entry.text,
            read=entry.read,
        )
        for entry in inbox.about(connection, order_id, list(kinds))
    ]


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
