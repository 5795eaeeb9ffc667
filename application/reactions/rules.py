"""What must happen after which event, and when. Business time."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec

from domain import driver as drivers
from domain import order as orders
from domain.event import Event
from domain.region import Region

type Due = Callable[[Event, datetime, Region], datetime]
"""When a reaction is due, of its event, when that occurred, and its region."""

REVIEW_AFTER = timedelta(minutes=30)


class Rule(msgspec.Struct, frozen=True):
    """One reaction to an event, or to those of its kind that `when` is true of."""

    actor_name: str
    due: Due
    when: Callable[[Event], bool] | None = None


def at_once(_event: Event, at: datetime, _region: Region) -> datetime:
    """Due when the event occurred."""
    return at


def after_settling(_event: Event, at: datetime, region: Region) -> datetime:
    """Give the customer a moment to think again."""
    return at + timedelta(seconds=region.dispatch.settle_seconds)


def after_the_restaurants_time(_event: Event, at: datetime, region: Region) -> datetime:
    """Due when the restaurant should have answered."""
    return at + timedelta(seconds=region.dispatch.restaurant_answer_seconds)


def at_expiry(event: Event, at: datetime, _region: Region) -> datetime:
    """Due when the offer expires."""
    return event.expires_at if isinstance(event, orders.DriverOffered) else at


def after_the_meal(_event: Event, at: datetime, _region: Region) -> datetime:
    """Give the customer time to eat."""
    return at + REVIEW_AFTER


def first_of_a_broadcast(event: Event) -> bool:
    """All of a broadcast expire together: one timer is enough. An offer made alone is the first, too."""
    broadcast = event.broadcast if isinstance(event, orders.DriverOffered) else None
    return broadcast is None or broadcast.place == 1


def none_stands(event: Event) -> bool:
    """Whether nobody is asked any more; while others of a broadcast are, the search waits for them."""
    return not getattr(event, "standing", 0)


RULES: Mapping[type[Event], tuple[Rule, ...]] = {
    orders.Placed: (Rule("orders.reject_unanswered", after_the_restaurants_time),),
    orders.Confirmed: (Rule("matching.match_order", after_settling), Rule("eta.revise", at_once)),
    orders.DriverOffered: (Rule("offers.expire_offer", at_expiry, first_of_a_broadcast),),
    orders.OfferDeclined: (Rule("matching.match_order", at_once, none_stands),),
    orders.OfferExpired: (Rule("matching.match_order", at_once, none_stands),),
    orders.OfferWithdrawn: (Rule("matching.match_order", at_once, none_stands),),
    orders.DriverUnassigned: (Rule("matching.match_order", at_once),),
    orders.DriverAssigned: (Rule("eta.revise", at_once),),
    orders.ReadyForPickup: (Rule("eta.revise", at_once),),
    orders.PickedUp: (Rule("eta.revise", at_once),),
    orders.Delivered: (Rule("payments.capture", at_once), Rule("orders.request_review", after_the_meal)),
    orders.PaymentCaptured: (Rule("orders.complete", at_once),),
    orders.Cancelled: (Rule("payments.release", at_once),),
    orders.Rejected: (Rule("payments.release", at_once),),
    drivers.WentSilent: (Rule("drivers.release_absent", at_once),),
    drivers.ShiftEnded: (Rule("drivers.release_absent", at_once),),
}
"""What each event sets going."""

OVERTAKEN_BY: Mapping[type[Event], str] = {
    orders.Confirmed: "orders.reject_unanswered",
    orders.Rejected: "orders.reject_unanswered",
    orders.Cancelled: "orders.reject_unanswered",
    orders.OfferDeclined: "offers.expire_offer",
    orders.OfferWithdrawn: "offers.expire_offer",
    orders.DriverAssigned: "offers.expire_offer",
}
"""Timers that an event of the same stream makes pointless, while it leaves no offer standing: their rows are closed
unread. A shortcut, no rule: whatever is missing here ends by itself, because the command finds nothing to do."""

SEARCH = "matching.match_order"
WAKING: frozenset[type[Event]] = frozenset(
    {drivers.ShiftStarted, drivers.CameBack, drivers.DeliveryFinished, drivers.DeliveryReleased}
)
"""A driver is free: searches of the region that wait for their next time become due."""
WOKEN_AT_ONCE = 10
"""How many searches one free driver wakes, the longest waiting first; the others keep their time."""
