"""Reads what a dispute is told from: the order's events, the inboxes, the drivers' names, their tracks."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from application.bootstrap import Tiffin
from application.disputes.course import Assignment, Course, course_of
from application.disputes.explain import asked, considered, explain
from application.disputes.report import Dispute, DriverTrack, Notification, OrderTrack, Positions, Seen, Side
from application.tracks import MOST_FIXES, track
from projections import driver_board, inbox
from projections.inbox import Addressed

MOST_SEEN = 200
"""Positions in a dispute, spread over the whole track."""


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


def driver_track(tiffin: Tiffin, driver_id: UUID, name: str, since: datetime, until: datetime) -> DriverTrack:
    """Where a driver was, as far as it is kept. Blocks."""
    fixes = track(tiffin.reads, driver_id, since, until, MOST_FIXES + 1)
    return DriverTrack(
        driver_id=driver_id,
        driver_name=name,
        since=since,
        until=until,
        fixes=tuple(fixes[:MOST_FIXES]),
        complete=len(fixes) <= MOST_FIXES,
    )


def order_track(tiffin: Tiffin, order_id: UUID) -> OrderTrack:
    """Where an order's drivers were while they had it. Blocks. Raises NotFound."""
    course = course_of(order_id, list(tiffin.store.stream(order_id)))
    return OrderTrack(
        order_id=order_id,
        drivers=_tracks(tiffin, course, tiffin.clock.now()),
        kept_days=tiffin.settings.positions.history_days,
    )


def _tracks(tiffin: Tiffin, course: Course, now: datetime) -> tuple[DriverTrack, ...]:
    return tuple(_driver_track(tiffin, course, assignment, now) for assignment in course.assignments)


def _driver_track(tiffin: Tiffin, course: Course, assignment: Assignment, now: datetime) -> DriverTrack:
    since, until = assignment.began.at, _let_go(course, assignment, now)
    return driver_track(tiffin, assignment.driver_id, assignment.driver_name, since, until)


def _positions(tiffin: Tiffin, course: Course, now: datetime) -> Positions:
    """The drivers' tracks, thinned to what can be read."""
    seen = [
        Seen(driver_id=one.driver_id, position=fix.position, at=fix.at)
        for one in _tracks(tiffin, course, now)
        for fix in one.fixes
    ]
    shown = seen[:: -(-len(seen) // MOST_SEEN) or 1]
    return Positions(seen=tuple(shown), told=_told(tiffin, course, now, kept=len(seen), shown=len(shown)))


def _told(tiffin: Tiffin, course: Course, now: datetime, *, kept: int, shown: int) -> str:
    days = tiffin.settings.positions.history_days
    if not kept:
        past = course.began.at < now - timedelta(days=days)
        return (
            f"No position is kept of this order: they are kept for {days} days{', which have passed' if past else ''}."
        )
    thinned = "" if kept == shown else f" {shown} of {kept} are shown, evenly spread; the order's track has all."
    return f"Where drivers were while they had the order; positions are kept for {days} days.{thinned}"


def _let_go(course: Course, assignment: Assignment, now: datetime) -> datetime:
    """Until when a driver had to do with the order: to its end, for who picked it up."""
    if assignment.ended is not None and assignment.ended != course.picked_up:
        return assignment.ended.at
    return course.over.at if course.over else now
