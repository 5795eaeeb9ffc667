"""Who was late, and by how much.

Late is who broke a word of their own, and only as far as the order waited for it:

- **restaurant**: `ready_at - (confirmed_at + prep_seconds)` where that is positive, `prep_seconds` as the restaurant
  announced it when it confirmed (`preparation`).
- **platform**: once the food was ready, the time without a driver (`search`), and the time in which the driver who was
  found could not have been there yet, up to assigned_at + the offer's travel_seconds (`approach_allowed`). So too
  after a driver lost the order: why he did stands in the step, and whose time that was is for support to say.
- **driver**: once the food was ready, the time between that moment and arriving, or losing the order
  (`approach`); and how much longer than the estimate at pick-up, and 2 min drop-off, the drive took (`drive`).

A driver who is late for food that is not ready costs the customer nothing; the step's own measure tells of it. Where
a driver did not report arriving, the pick-up less the 3 min that a pick-up is allowed counts as the arrival, so that
the doubt is the driver's benefit. An order carried beside this one leaves no trace in this one's events.

The rest of the total is nobody's: what the promise did not foresee, or allowed for and was not needed. Each part of it
is named: `answer` (the promise leaves no time for the restaurant's answer), `announced` (another preparation time than
the promise assumed), `ready_early`, `handover` (driver there, food ready; against the 3 min allowed; the events
do not tell whose that is), `traffic` (the drive's estimate at pick-up against the promise's), `drive_faster`.

Undelivered orders have no total: their shares tell what had been late until they ended, or until now.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from application.disputes.course import Assignment, Course
from application.disputes.promise import Promise
from application.disputes.report import Lateness, Party, Share
from domain.eta import DROPOFF_BUFFER_SECONDS, PICKUP_BUFFER_SECONDS

BECAUSE = {
    "answer": "until the restaurant answered; the promise leaves no time for it",
    "announced": "the restaurant announced another preparation time than the promise assumed",
    "preparation": "the food was ready later than the restaurant had announced",
    "ready_early": "the food was ready earlier than announced",
    "search": "the food was ready and no driver had the order",
    "approach_allowed": "the food was ready and its driver, assigned too late, could not be there yet",
    "approach": "the food was ready and its driver was longer on the way than the offer said",
    "handover": "driver there and food ready, against the 3 minutes allowed; the events do not tell whose this is",
    "traffic": "the drive was estimated anew at pick-up, in the traffic of that hour",
    "drive": "the drive took longer than estimated at pick-up",
    "drive_faster": "the drive was faster than estimated at pick-up",
}
"""Every share there is, and what it means."""

_PARTIES = {
    "preparation": Party.RESTAURANT,
    "search": Party.PLATFORM,
    "approach_allowed": Party.PLATFORM,
    "approach": Party.DRIVER,
    "drive": Party.DRIVER,
}


def lateness_of(course: Course, promise: Promise, as_of: datetime) -> Lateness:
    """Account for an order's lateness as the module says."""
    promised_at = course.placed.promised_at
    until = course.over.at if course.over else as_of
    seconds = _merged(course, promise, until)
    shares = tuple(
        Share(party=_PARTIES.get(what), what=what, seconds=amount, because=BECAUSE[what])
        for what in BECAUSE
        if (amount := round(seconds.get(what, 0.0), 3)) != 0
    )
    late = {party: sum(share.seconds for share in shares if share.party is party) for party in Party}
    total = remainder = unexplained = None
    if course.delivered is not None:
        total = (course.delivered.at - promised_at).total_seconds()
        remainder = sum(share.seconds for share in shares if share.party is None)
        unexplained = round(total - sum(late.values()) - remainder, 1) + 0.0  # no -0.0
    return Lateness(
        promised_at=promised_at,
        total_seconds=total,
        overdue_seconds=max(0.0, (until - promised_at).total_seconds()),
        restaurant_seconds=late[Party.RESTAURANT],
        driver_seconds=late[Party.DRIVER],
        platform_seconds=late[Party.PLATFORM],
        remainder_seconds=remainder,
        unexplained_seconds=unexplained,
        shares=shares,
    )


def _merged(course: Course, promise: Promise, until: datetime) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for what, amount in (
        *_kitchen(course, promise, until),
        *_pickup(course, until),
        *_drive(course, promise, until),
    ):
        seconds[what] = seconds.get(what, 0.0) + amount
    return seconds


def _kitchen(course: Course, promise: Promise, until: datetime) -> Iterator[tuple[str, float]]:
    if course.confirmed is None:
        yield "answer", _seconds(course.began.at, until)
        return
    yield "answer", _seconds(course.began.at, course.confirmed.at)
    yield "announced", course.prep_seconds - promise.kitchen_seconds
    announced = course.confirmed.at + timedelta(seconds=course.prep_seconds)
    over = _seconds(announced, course.ready.at if course.ready else until)
    if over > 0:
        yield "preparation", over
    elif course.ready is not None:
        yield "ready_early", over


def _pickup(course: Course, until: datetime) -> Iterator[tuple[str, float]]:
    """Every second that the food stood ready is somebody's: split at what the drivers did."""
    if course.ready is None:
        return
    begin, end = course.ready.at, course.picked_up.at if course.picked_up else until

    def stretch(what: str, since: datetime, to: datetime) -> tuple[str, float]:
        return what, max(0.0, _seconds(max(since, begin), min(to, end)))

    free_since, handed_over = begin, 0.0
    for assignment in course.assignments:
        lost = assignment.ended.at if assignment.ended else end
        arrived = _arrived(course, assignment, lost)
        expected = min(assignment.expected_at, arrived)
        yield stretch("search", free_since, assignment.began.at)
        yield stretch("approach_allowed", assignment.began.at, expected)
        yield stretch("approach", expected, arrived)
        handed_over += stretch("handover", arrived, lost)[1]
        free_since = lost
    yield stretch("search", free_since, end)
    over = handed_over - PICKUP_BUFFER_SECONDS
    yield "handover", over if course.picked_up else max(0.0, over)


def _arrived(course: Course, assignment: Assignment, lost: datetime) -> datetime:
    """When the driver was there: as reported, else as late as the pick-up leaves room for."""
    if assignment.arrived is not None:
        return assignment.arrived.at
    if assignment.ended is None or assignment.ended != course.picked_up:
        return lost
    latest = lost - timedelta(seconds=PICKUP_BUFFER_SECONDS)
    return min(lost, max(latest, assignment.expected_at))


def _drive(course: Course, promise: Promise, until: datetime) -> Iterator[tuple[str, float]]:
    if course.picked_up is None:
        return
    yield "traffic", promise.drive_at_pickup_seconds - promise.drive_seconds
    over = _seconds(course.picked_up.at, until) - promise.drive_at_pickup_seconds - DROPOFF_BUFFER_SECONDS
    if over > 0:
        yield "drive", over
    elif course.delivered is not None:
        yield "drive_faster", over


def _seconds(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds()
