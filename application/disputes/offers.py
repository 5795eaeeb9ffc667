"""Every offer and round of an order, and what the events tell of the drivers who were not offered it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from application.disputes.batches import told_batch, told_unbatched
from application.disputes.report import Answered, LeftOut, NotOffered, Offered, RivalTold, Round, Why
from domain.event import Event, Recorded
from domain.order import events
from domain.region import Region
from domain.scoring import Rival

SETTLED: Mapping[type[Event], Answered] = {
    events.DriverAssigned: "accepted",
    events.OfferDeclined: "declined",
    events.OfferExpired: "expired",
    events.OfferWithdrawn: "withdrawn",
}


class Search:
    """Follows the events of an order's search; `names` are those of drivers, as far as they are known."""

    def __init__(self, names: Mapping[UUID, str], region: Region | None) -> None:
        """Nothing has been offered yet."""
        self.offers: list[Offered] = []
        self.rounds: list[Round] = []
        self._names = names
        self._region = region
        self._left_out: list[LeftOut] = []
        self._broadcasts: dict[UUID, NotOffered] = {}

    def follow(self, recorded: Recorded[Event]) -> None:
        """Take the next event in."""
        event, at = recorded.event, recorded.occurred_at
        match event:
            case events.MatchingStarted(round=number, radius_m=radius_m):
                told = "The search goes on."
                self._left_out = []
                self.rounds.append(
                    Round(
                        number=number,
                        began_at=at,
                        radius_m=radius_m,
                        offers=0,
                        ended_at=None,
                        outcome="searching",
                        retry_at=None,
                        told=told,
                    )
                )
            case events.DriverOffered():
                self._offered(event, at)
            case events.DriverAssigned() | events.OfferDeclined() | events.OfferExpired() | events.OfferWithdrawn():
                self._settled(event, at)
            case events.DriverUnassigned(driver_id=driver_id):
                self._leave_out(driver_id, "unassigned", at)
                self._round(ended_at=None, outcome="searching", told="The driver lost the order: the search went on.")
            case events.NoDriverFound():
                told = self._nobody(event)
                self._round(ended_at=at, outcome="nobody", retry_at=event.retry_at, told=told)
            case events.Cancelled() if self.rounds and self.rounds[-1].outcome == "searching":
                self._round(
                    ended_at=at, outcome="over", told="The order was cancelled while a driver was searched for."
                )

    def _offered(self, event: events.DriverOffered, at: datetime) -> None:
        number = self.rounds[-1].number if self.rounds else 1
        broadcast, not_offered = event.broadcast, self._not_offered(event)
        if broadcast is not None:
            # Told with the first of them, for all.
            not_offered = self._broadcasts.setdefault(broadcast.broadcast_id, not_offered)
        self._round(offers=event.sequence)
        self.offers.append(
            Offered(
                offer_id=event.offer_id,
                driver_id=event.driver_id,
                driver_name=self._names.get(event.driver_id),
                round=number,
                sequence=event.sequence,
                drivers_asked=broadcast.drivers if broadcast else 1,
                place=broadcast.place if broadcast else 1,
                offered_at=at,
                expires_at=event.expires_at,
                answer="standing",
                answered_at=None,
                seconds_to_answer=None,
                allowed_seconds=(event.expires_at - at).total_seconds(),
                reason="",
                distance_m=event.distance_m,
                travel_seconds=event.travel_seconds,
                radius_m=event.radius_m,
                candidates=event.candidates,
                score=event.score,
                batch=told_batch(event.batch),
                plan=event.plan,
                not_offered=not_offered,
            )
        )

    def _settled(
        self,
        event: events.DriverAssigned | events.OfferDeclined | events.OfferExpired | events.OfferWithdrawn,
        at: datetime,
    ) -> None:
        answer = SETTLED[type(event)]
        reason: str = getattr(event, "reason", "")
        self.offers = [
            replace(
                offer,
                answer=answer,
                answered_at=at,
                seconds_to_answer=(at - offer.offered_at).total_seconds(),
                reason=reason,
            )
            if offer.offer_id == event.offer_id
            else offer
            for offer in self.offers
        ]
        if answer == "declined" or answer == "expired":  # noqa: PLR1714 - narrows the type
            self._leave_out(event.driver_id, answer, at)
        if answer == "accepted":
            asked = next((one.drivers_asked for one in self.offers if one.offer_id == event.offer_id), 1)
            told = "A driver accepted." if asked == 1 else f"Of {asked} drivers asked at once, one accepted first."
            self._round(ended_at=at, outcome="assigned", told=told)

    def _leave_out(self, driver_id: UUID, why: Why, at: datetime) -> None:
        left_out = LeftOut(driver_id=driver_id, name=self._names.get(driver_id), why=why, at=at)
        self._left_out.append(left_out)

    def _round(self, **changes: object) -> None:
        if self.rounds:
            self.rounds[-1] = replace(self.rounds[-1], **changes)

    def _not_offered(self, event: events.DriverOffered) -> NotOffered:
        asked = event.broadcast.drivers if event.broadcast else 1
        others, left_out = max(0, event.candidates - asked), tuple(self._left_out)
        told = [_told_of(others, recorded=len(event.rivals))]
        if self._region is not None and event.candidates >= self._region.dispatch.candidates:
            told.append(
                f"A search looks at {self._region.dispatch.candidates} drivers at most: there may have been more."
            )
        if event.plan is not None:
            told.append(
                f"Chosen by a plan for {event.plan.orders} orders and {event.plan.drivers} drivers, which foresaw the "
                f"pick-up at {event.plan.pickup_at:%H:%M:%S} UTC: others may have had more points."
            )
        if left_out:
            told.append("Drivers who had declined, let it expire or lost it in this round were left out.")
        if event.unbatched:
            told.append("Who carries an order that this one does not go with was left out.")
        return NotOffered(
            other_candidates=others,
            rivals=self._rivals(event.rivals),
            left_out=left_out,
            unbatched=tuple(told_unbatched(one, self._names) for one in event.unbatched),
            told=" ".join(told),
        )

    def _rivals(self, rivals: Sequence[Rival]) -> tuple[RivalTold, ...]:
        return tuple(
            RivalTold(
                driver_id=one.driver_id,
                name=self._names.get(one.driver_id),
                why=one.why,
                distance_m=one.distance_m,
                travel_seconds=one.travel_seconds,
                score=one.score,
            )
            for one in rivals
        )

    def _nobody(self, event: events.NoDriverFound) -> str:
        if self._region is not None and event.offers_made >= self._region.dispatch.max_offers:
            return f"All {event.offers_made} offers that a round has were made."
        if event.plan is not None:
            return (
                f"The kitchen's time was over and nobody could be asked yet: a plan for {event.plan.orders} orders and "
                f"{event.plan.drivers} drivers foresaw the pick-up at {event.plan.pickup_at:%H:%M:%S} UTC by "
                "a driver who could not be asked before."
            )
        asked = f" beside the {event.offers_made} asked already" if event.offers_made else ""
        return (
            f"Nobody{asked} was free within {event.radius_m / 1000:g} km. Who was near and busy, silent or held for "
            "another order is not recorded."
        )


def _told_of(others: int, *, recorded: int) -> str:
    if not others:
        return "No other driver was near enough and free."
    drivers = f"{others} other {'driver was' if others == 1 else 'drivers were'} near enough and free"
    if not recorded:
        return f"{drivers}. Only their number is recorded: neither who they were nor how they scored."
    return f"{drivers}." if recorded == others else f"{drivers}. The best {recorded} of them are recorded."


def search_of(history: Sequence[Recorded[Event]], names: Mapping[UUID, str], region: Region | None) -> Search:
    """Follow an order's whole search."""
    search = Search(names, region)
    for recorded in history:
        search.follow(recorded)
    return search
