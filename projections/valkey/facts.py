"""A driver's facts: what membership follows from and scoring asks; folded from events, kept as JSON in Valkey."""

from datetime import date
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from domain.driver import events as driver
from domain.event import Event
from domain.order import events as order
from domain.scoring import FIRST_RATING, rating_of
from projections.log import Logged


class DriverFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A driver, on shift or not, as of the log position of the region's rows."""

    version: int = 0
    """Version of the last event of the driver's stream folded in."""
    on_shift: bool = False
    silent: bool = False
    suspended: bool = False
    load: int = 0
    """Orders carried now."""
    capacity: int = 1
    rating: float = FIRST_RATING
    """What follows from the next two, 0 to 5."""
    stars: int = 0
    """All that customers gave, of `ratings`."""
    ratings: int = 0
    deliveries: int = 0
    deliveries_today: int = 0
    today: date | None = None
    """The business date, local to the region, that `deliveries_today` counts: that of the last delivery."""
    earnings_goal: int = 0
    offers_accepted: int = 0
    offers_missed: int = 0
    """Declined or expired."""

    @property
    def acceptance_rate(self) -> float:
        """Accepted per answered or expired offer, 0 to 1; 1 before the first."""
        answered = self.offers_accepted + self.offers_missed
        return self.offers_accepted / answered if answered else 1.0

    @property
    def flag(self) -> str:
        """The letter in the driver's row: Silent, can be Dispatched, or Not; - when off duty."""
        if not self.on_shift:
            return "-"
        if self.silent:
            return "S"
        return "N" if self.suspended or self.load >= self.capacity else "D"

    def deliveries_on(self, day: date) -> int:
        """Deliveries on the region's business date `day`."""
        return self.deliveries_today if self.today == day else 0


def evolve(facts: DriverFacts, logged: Logged, timezone: ZoneInfo) -> DriverFacts:
    """Fold an event in: those of the driver's own stream once only, and answers to offers."""
    match logged.event:
        case order.DriverAssigned():
            return replace(facts, offers_accepted=facts.offers_accepted + 1)
        case order.OfferDeclined() | order.OfferExpired():
            return replace(facts, offers_missed=facts.offers_missed + 1)
        case order.DriverOffered() | order.OfferWithdrawn():
            return facts
        case driver.DeliveryFinished():
            today = logged.occurred_at.astimezone(timezone).date()
            done = replace(
                facts, deliveries=facts.deliveries + 1, deliveries_today=facts.deliveries_on(today) + 1, today=today
            )
        case driver.Rated(stars=stars):
            stars, ratings = facts.stars + stars, facts.ratings + 1
            done = replace(facts, stars=stars, ratings=ratings, rating=rating_of(stars, ratings))
        case _:
            done = facts
    return replace(_on_duty(done, logged.event), version=logged.version) if logged.version > facts.version else facts


def _on_duty(facts: DriverFacts, event: Event) -> DriverFacts:
    match event:
        case driver.Registered(capacity=capacity, earnings_goal=goal):
            return replace(facts, capacity=capacity, earnings_goal=goal)
        case driver.ShiftStarted() | driver.ShiftEnded():
            return replace(facts, on_shift=isinstance(event, driver.ShiftStarted), silent=False)
        case driver.DeliveryTaken():
            return replace(facts, load=facts.load + 1)
        case driver.DeliveryReleased() | driver.DeliveryFinished():
            return replace(facts, load=facts.load - 1)
        case driver.WentSilent() | driver.CameBack():
            return replace(facts, silent=isinstance(event, driver.WentSilent))
        case driver.Suspended() | driver.Reinstated():
            return replace(facts, suspended=isinstance(event, driver.Suspended))
    return facts
