"""What a dispute tells. Times are business time, UTC; a positive lateness is late, a negative one early."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import msgspec

from application.disputes.batches import ToldBatch, ToldUnbatched
from application.tracks import Fix
from domain.eta import EtaBreakdown
from domain.event import Role
from domain.geo import Position
from domain.order.events import CostBearer, Foreseen, Price, Score
from domain.order.state import DispatchStatus, Status
from domain.scoring import PassedOver


class Channel(StrEnum):
    """By which way a step came in, as far as its envelope tells."""

    BROWSER = "browser"
    """A user agent that calls itself Mozilla."""
    APP = "app"
    """Any other user agent."""
    UNKNOWN = "unknown"
    """Somebody asked, and sent no user agent."""
    REACTION = "reaction"
    """The system, in answer to an event."""
    SYSTEM = "system"
    """The system on its own account: a clock job, the command line."""


class Party(StrEnum):
    """Who can be late."""

    RESTAURANT = "restaurant"
    DRIVER = "driver"
    PLATFORM = "platform"


class PhaseKind(StrEnum):
    """The stretches of an order's way. Search, approach and wait come once per driver, and beside the kitchen's work.

    ANSWER: placed → the restaurant answered. KITCHEN: confirmed → ready. SEARCH: no driver has the order.
    APPROACH: a driver has it → at the restaurant. WAIT: at the restaurant → picked up. DRIVE: picked up → delivered.
    """

    ANSWER = "answer"
    KITCHEN = "kitchen"
    SEARCH = "search"
    APPROACH = "approach"
    WAIT = "wait"
    DRIVE = "drive"


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch: how long it took and what was promised for it, in seconds.

    Promised are, for KITCHEN: what the restaurant announced when it confirmed; APPROACH: the drive that the offer
    named; WAIT: until the food was announced for, and 3 min pick-up; DRIVE: the estimate at pick-up, and 2 min
    drop-off. Nothing is promised for ANSWER and SEARCH.
    """

    kind: PhaseKind
    driver_id: UUID | None = None
    began_at: datetime
    ended_at: datetime | None
    """None while it lasts; `seconds` counts to the dispute's `as_of` then."""
    ended_by_version: int | None
    seconds: float
    promised_seconds: float | None = None
    late_seconds: float | None = None
    """`seconds` less `promised_seconds`; of one that lasts only what is over already."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an order's lateness. Without a party it is time that the promise did not foresee, or allowed for."""

    party: Party | None
    what: str
    """Stable: see `application.disputes.lateness`."""
    seconds: float
    because: str


class Lateness(msgspec.Struct, frozen=True, kw_only=True):
    """Who was late and by how much: defined in `application.disputes.lateness`.

    Once delivered, the three parties' seconds, the remainder and what stays unexplained add up to `total_seconds`.
    """

    promised_at: datetime
    total_seconds: float | None
    """delivered_at - promised_at; none for an order that was not delivered."""
    overdue_seconds: float
    """How far the promise has passed: at delivery, at the end without one, or as of now; never negative."""
    restaurant_seconds: float
    driver_seconds: float
    platform_seconds: float
    remainder_seconds: float | None
    """What the promise did not foresee, less what it allowed for and nobody needed; none unless delivered."""
    unexplained_seconds: float | None
    """What no share explains; 0 for every history that the domain's decisions can write."""
    shares: tuple[Share, ...]


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """How long what a step ended had taken, against what was promised for it."""

    what: str
    """A phase's kind, "offer" (an answer against its deadline), or "order" (the whole, against the promise)."""
    seconds: float
    promised_seconds: float | None
    late_seconds: float | None


class ToldStep(msgspec.Struct, frozen=True, kw_only=True):
    """One event: what, who, by which way and from where, how long after the step before, and against what promise."""

    version: int
    event_id: UUID
    topic: str
    at: datetime
    told: str
    """In words."""
    actor_type: Role
    actor_id: UUID | None
    actor_name: str | None
    channel: Channel
    ip: str | None
    user_agent: str | None
    request_id: str | None
    correlation_id: str | None
    causation_id: UUID | None
    answers_version: int | None
    """The order's own event that this one answers, if it is one of them."""
    seconds_since_previous: float | None
    status_after: Status
    dispatch_after: DispatchStatus
    measures: tuple[Measure, ...]
    data: dict[str, Any]


type Why = Literal["declined", "expired", "unassigned"]
type Answered = Literal["accepted", "declined", "expired", "withdrawn", "standing"]


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A driver whom the search left out because the order had been with them in this round, and what came of it."""

    driver_id: UUID
    name: str | None
    why: Why
    at: datetime


class RivalTold(msgspec.Struct, frozen=True, kw_only=True):
    """Another candidate: `outscored` by the one who was asked, or `taken` for another order in that moment."""

    driver_id: UUID
    name: str | None
    why: PassedOver
    distance_m: float
    travel_seconds: float
    score: Score


class NotOffered(msgspec.Struct, frozen=True, kw_only=True):
    """The drivers who were not offered the order then, and why."""

    other_candidates: int
    rivals: tuple[RivalTold, ...]
    """The best of the other candidates, best first; none where only their number was recorded."""
    left_out: tuple[LeftOut, ...]
    unbatched: tuple[ToldUnbatched, ...]
    """Near with room, but carrying an order that this one does not go with."""
    told: str


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One offer: to whom, why (every factor of the score), until when, and what came of it."""

    offer_id: UUID
    driver_id: UUID
    driver_name: str | None
    round: int
    sequence: int
    drivers_asked: int
    """At once, this one included: more than one in a broadcast."""
    place: int
    """Among them, by score, from 1; `not_offered` is the same for all."""
    offered_at: datetime
    expires_at: datetime
    answer: Answered
    answered_at: datetime | None
    seconds_to_answer: float | None
    allowed_seconds: float
    reason: str
    distance_m: float
    travel_seconds: float
    radius_m: float
    candidates: int
    score: Score
    batch: ToldBatch | None
    """As the second of two orders; none for one that was offered by itself."""
    plan: Foreseen | None
    """What a plan foresaw that chose this driver; none for the one with the most points."""
    not_offered: NotOffered


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """A round of offers, and how it ended. `retry_at` is when the next was to begin."""

    number: int
    began_at: datetime
    radius_m: float
    offers: int
    ended_at: datetime | None
    outcome: Literal["assigned", "nobody", "over", "searching"]
    """OVER: the order ended before the search did."""
    retry_at: datetime | None
    told: str


class ToldEta(msgspec.Struct, frozen=True, kw_only=True):
    """An arrival that the customer was told: the promise, then each revision. `error_seconds`: fact less estimate."""

    told_at: datetime
    eta_at: datetime
    promise: bool
    change_seconds: float
    confidence: float | None
    breakdown: EtaBreakdown | None
    error_seconds: float | None


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to the money."""

    at: datetime
    kind: Literal["authorized", "captured", "voided", "refunded", "failed"]
    amount_minor: int | None
    payment_id: str
    told: str


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """Payments and refunds, in minor units."""

    currency: str
    price: Price
    transfers: tuple[Transfer, ...]
    held_minor: int
    charged_minor: int
    refunded_minor: int
    pays_minor: int
    """Charged less refunded: what the customer is out of pocket now."""
    owes_minor: int | None
    """What the customer has to pay by how the order ended; none while it is open."""
    cost_bearer: CostBearer | None
    settled: bool
    """The customer pays what is owed and nothing is held any more."""


type Side = Literal["customer", "restaurant", "driver"]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A message in somebody's inbox, and whether it is marked as read."""

    at: datetime
    to: Side
    subject_id: UUID
    name: str | None
    kind: str
    text: str
    read: bool


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Where a driver was, and when."""

    driver_id: UUID
    position: Position
    at: datetime


class DriverTrack(msgspec.Struct, frozen=True, kw_only=True):
    """Where a driver was from `since` to `until`: oldest first, `complete` unless there were more than are told."""

    driver_id: UUID
    driver_name: str
    since: datetime
    until: datetime
    fixes: tuple[Fix, ...]
    complete: bool


class OrderTrack(msgspec.Struct, frozen=True, kw_only=True):
    """The way of an order: its drivers' between assignment and delivery, one after the other."""

    order_id: UUID
    drivers: tuple[DriverTrack, ...]
    kept_days: int
    """What is older is not kept."""


class Positions(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of where the order's drivers were while they had it; `told` says what is not."""

    seen: tuple[Seen, ...]
    told: str


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How the order ended, or that it has not."""

    how: Literal["delivered", "rejected", "cancelled", "open"]
    at: datetime | None
    by: Role | None
    reason: str


class Dispute(msgspec.Struct, frozen=True, kw_only=True):
    """All there is to say about one order. `timezone` is its region's; UTC where the region is not known any more."""

    order_id: UUID
    version: int
    as_of: datetime
    region: str
    timezone: str
    status: Status
    dispatch: DispatchStatus
    customer_id: UUID
    customer_name: str
    restaurant_id: UUID
    restaurant_name: str
    driver_id: UUID | None
    driver_name: str | None
    placed_at: datetime
    promised_at: datetime
    ending: Ending
    lateness: Lateness
    phases: tuple[Phase, ...]
    rounds: tuple[Round, ...]
    offers: tuple[Offered, ...]
    etas: tuple[ToldEta, ...]
    money: Money
    notifications: tuple[Notification, ...]
    positions: Positions | None
    """None unless asked for."""
    steps: tuple[ToldStep, ...]
