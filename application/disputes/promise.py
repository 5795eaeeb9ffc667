"""What the customer was promised when the order was placed, taken apart; and what was estimated at pick-up.

The events record the promise as one time. Its parts follow from `domain.eta`'s formula: max(assumed approach,
preparation) + drive + 3 min pick-up + 2 min drop-off. The drive is worked out anew with the region's settings of
today, the rest is what remains of the recorded total: so the parts always add up to what was promised.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from application.disputes.course import Course
from domain.eta import DROPOFF_BUFFER_SECONDS, PICKUP_BUFFER_SECONDS, travel_seconds
from domain.event import Event, Recorded
from domain.order import events
from domain.region import Region


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """The promise's parts in seconds, from placement on; the buffers are `domain.eta`'s."""

    kitchen_seconds: float
    """Preparation, or the approach that was assumed where that takes longer."""
    drive_seconds: float
    drive_at_pickup_seconds: float
    """The same drive, estimated when it began: in that hour's traffic."""


def promise_of(course: Course, history: Sequence[Recorded[Event]], region: Region | None) -> Promise:
    """Take an order's promise apart. Without a region the preparation is taken to have been the longest part."""
    total_seconds = (course.placed.promised_at - course.began.at).total_seconds()
    buffers = PICKUP_BUFFER_SECONDS + DROPOFF_BUFFER_SECONDS
    if region is None:
        drive_seconds = max(0.0, total_seconds - buffers - course.placed.prep_seconds)
    else:
        drive_seconds = _drive_seconds(course, region, course.began.at)
    return Promise(
        kitchen_seconds=total_seconds - buffers - drive_seconds,
        drive_seconds=drive_seconds,
        drive_at_pickup_seconds=_at_pickup(course, history, region, drive_seconds),
    )


def _at_pickup(course: Course, history: Sequence[Recorded[Event]], region: Region | None, otherwise: float) -> float:
    """As recorded with the first estimate after pick-up, else by the same formula."""
    if course.picked_up is None:
        return otherwise
    for recorded in history[course.picked_up.version :]:
        if isinstance(recorded.event, events.EtaRevised):
            return recorded.event.breakdown.to_customer_seconds
    return otherwise if region is None else _drive_seconds(course, region, course.picked_up.at)


def _drive_seconds(course: Course, region: Region, at: datetime) -> float:
    return travel_seconds(course.placed.delivery_distance_m, region.travel, at, region.timezone)
