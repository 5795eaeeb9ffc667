"""An order's stretches, each with what it took and what was promised for it; `PhaseKind` and `Phase` define them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from application.disputes.course import Assignment, Course, Mark
from application.disputes.promise import Promise
from application.disputes.report import Phase, PhaseKind
from domain.eta import DROPOFF_BUFFER_SECONDS, PICKUP_BUFFER_SECONDS


def phases_of(course: Course, promise: Promise, as_of: datetime) -> tuple[Phase, ...]:
    """All stretches by when they began. What lasts still is counted to `as_of`, or to the order's end."""
    found = [*_kitchen(course, as_of), *_drivers(course, as_of), *_drive(course, promise, as_of)]
    return tuple(sorted(found, key=lambda phase: phase.began_at))


def _kitchen(course: Course, as_of: datetime) -> Iterator[Phase]:
    answered = course.confirmed or course.over
    yield _phase(PhaseKind.ANSWER, course.began.at, answered, as_of)
    if course.confirmed is not None:
        ended = course.ready or course.over
        yield _phase(PhaseKind.KITCHEN, course.confirmed.at, ended, as_of, promised_seconds=float(course.prep_seconds))


def _drivers(course: Course, as_of: datetime) -> Iterator[Phase]:
    """Search, approach and wait, once per driver who had the order."""
    if course.confirmed is None:
        return
    free_since: Mark | None = course.confirmed
    for assignment in course.assignments:
        if free_since is not None:
            yield _phase(PhaseKind.SEARCH, free_since.at, assignment.began, as_of)
        yield from _with_driver(course, assignment, as_of)
        free_since = assignment.ended
    if free_since is not None and course.picked_up is None and course.over != free_since:
        yield _phase(PhaseKind.SEARCH, free_since.at, course.over, as_of)


def _with_driver(course: Course, assignment: Assignment, as_of: datetime) -> Iterator[Phase]:
    driver_id, arrived = assignment.driver_id, assignment.arrived
    yield _phase(
        PhaseKind.APPROACH,
        assignment.began.at,
        arrived or assignment.ended,
        as_of,
        promised_seconds=assignment.travel_seconds,
        driver_id=driver_id,
    )
    if arrived is not None:
        allowed = _left_to_announced(course, arrived.at) + PICKUP_BUFFER_SECONDS
        ended = assignment.ended
        yield _phase(PhaseKind.WAIT, arrived.at, ended, as_of, promised_seconds=allowed, driver_id=driver_id)


def _drive(course: Course, promise: Promise, as_of: datetime) -> Iterator[Phase]:
    if course.picked_up is None:
        return
    allowed = promise.drive_at_pickup_seconds + DROPOFF_BUFFER_SECONDS
    driver_id = course.assignments[-1].driver_id if course.assignments else None
    yield _phase(
        PhaseKind.DRIVE, course.picked_up.at, course.over, as_of, promised_seconds=allowed, driver_id=driver_id
    )


def _left_to_announced(course: Course, at: datetime) -> float:
    """How long it was until the restaurant had announced the food for."""
    if course.confirmed is None:
        return 0.0
    announced = course.confirmed.at + timedelta(seconds=course.prep_seconds)
    return max(0.0, (announced - at).total_seconds())


def _phase(
    kind: PhaseKind,
    began_at: datetime,
    ended: Mark | None,
    as_of: datetime,
    *,
    promised_seconds: float | None = None,
    driver_id: UUID | None = None,
) -> Phase:
    seconds = ((ended.at if ended else as_of) - began_at).total_seconds()
    late_seconds = None if promised_seconds is None else round(seconds - promised_seconds, 3)
    if late_seconds is not None and ended is None:
        late_seconds = max(0.0, late_seconds)
    return Phase(
        kind=kind,
        driver_id=driver_id,
        began_at=began_at,
        ended_at=ended.at if ended else None,
        ended_by_version=ended.version if ended else None,
        seconds=seconds,
        promised_seconds=None if promised_seconds is None else round(promised_seconds, 3),
        late_seconds=late_seconds,
    )
