"""Orders as support gets to hear of them, told minute by minute."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from application.disputes import Dispute, explain
from domain import order
from domain.batching import Batched, Unbatched, Weighed
from domain.event import Event, Meta, Recorded, Role
from domain.order.dispatching import FASTER
from domain.region import PORTO, Region
from tests.domain.order.histories import ANNA, AUTHORIZED, BRUNO, CUSTOMER, KITCHEN, PLACED_EVENT, RIVAL, offered
from tests.domain.scenario import NOON

ORDER = UUID(int=0x0E)
CLARA = UUID(int=0xD3)
QUIET = NOON.replace(hour=15)
"""No rush hour."""
PHONE = Meta(
    actor_type=Role.CUSTOMER, actor_id=CUSTOMER, ip="203.0.113.9", user_agent="Tiffin/3 (iOS)", request_id="r1"
)
TABLET = Meta(actor_type=Role.RESTAURANT, actor_id=KITCHEN.id, ip="198.51.100.4", user_agent="Mozilla/5.0 (tablet)")
SYSTEM = Meta()


def driving(driver_id: UUID) -> Meta:
    return Meta(actor_type=Role.DRIVER, actor_id=driver_id, ip="192.0.2.77", request_id="r2")


class Story:
    """Events of one order; times are minutes after it was placed. The promise: 40 minutes, of which 20 to drive."""

    def __init__(self, began: datetime = QUIET, **placed: Any) -> None:
        self.history: list[Recorded[Event]] = []
        self.began = began
        fields = {
            "promised_at": self.began + timedelta(minutes=40),
            # 20 minutes at 6 m/s with a detour of 1.3 and no traffic.
            "delivery_distance_m": 1_200.0 / 1.3 * 6.0,
            "prep_seconds": 900,
        }
        self.at(0, replace(PLACED_EVENT, **fields | placed), AUTHORIZED, meta=PHONE)

    def at(self, minutes: float, *events: Event, meta: Meta = SYSTEM) -> "Story":
        for event in events:
            self.history.append(
                Recorded(
                    originator_id=ORDER,
                    originator_version=len(self.history) + 1,
                    event_id=UUID(int=0xE000 + len(self.history)),
                    occurred_at=self.time(minutes),
                    meta=meta,
                    event=event,
                )
            )
        return self

    def time(self, minutes: float) -> datetime:
        return self.began + timedelta(minutes=minutes)

    def explained(self, as_of: float = 600, *, region: Region | None = PORTO, **more: Any) -> Dispute:
        return explain(ORDER, self.history, as_of=self.time(as_of), region=region, **more)


def offer(
    number: int, driver_id: UUID, story: Story, minutes: float, *, sequence: int, **changes: Any
) -> order.DriverOffered:
    usual = {"expires_at": story.time(minutes) + timedelta(seconds=30), "travel_seconds": 240.0}
    return replace(offered(UUID(int=0xF0 + number), driver_id, sequence), **usual | changes)


def assigned(number: int, driver_id: UUID, name: str) -> order.DriverAssigned:
    return order.DriverAssigned(offer_id=UUID(int=0xF0 + number), driver_id=driver_id, driver_name=name)


def on_time() -> Story:
    """Answered at once, cooked in 15 minutes, fetched within 3, brought within 22: to the second as promised."""
    story = Story()
    story.at(0, order.Confirmed(prep_seconds=900), meta=TABLET)
    story.at(1, order.MatchingStarted(round=1, radius_m=5_000.0), offer(1, ANNA, story, 1, sequence=1))
    story.at(1.2, assigned(1, ANNA, "Anna Alves"), meta=driving(ANNA))
    story.at(2, order.PreparationStarted(), meta=TABLET)
    story.at(5.2, order.DriverArrived(driver_id=ANNA), meta=driving(ANNA))
    story.at(15, order.ReadyForPickup(), meta=TABLET)
    story.at(18, order.PickedUp(driver_id=ANNA), meta=driving(ANNA))
    story.at(40, order.Delivered(driver_id=ANNA), meta=driving(ANNA))
    story.at(40.1, order.PaymentCaptured(payment_id="pay_1", amount_minor=3_619), order.Completed())
    return story


def everybody_late() -> Story:
    """Restaurant 10, platform 7 (4 searching, 3 on the way), driver 5 on the way and 6 on the road, and 3 nobody's."""
    story = Story()
    story.at(2, order.Confirmed(prep_seconds=900), meta=TABLET)  # 2 for the answer
    story.at(3, order.MatchingStarted(round=1, radius_m=5_000.0), offer(1, ANNA, story, 3, sequence=1, candidates=3))
    story.at(3.2, order.OfferDeclined(offer_id=UUID(int=0xF1), driver_id=ANNA, reason="too far"), meta=driving(ANNA))
    story.at(3.3, offer(2, BRUNO, story, 3.3, sequence=2, candidates=2))
    story.at(3.8, order.OfferExpired(offer_id=UUID(int=0xF2), driver_id=BRUNO))
    story.at(4, order.NoDriverFound(round=1, offers_made=2, radius_m=10_000.0, retry_at=story.time(5)))
    story.at(27, order.ReadyForPickup(), meta=TABLET)  # 10 after the 17 announced
    story.at(30.8, order.MatchingStarted(round=2, radius_m=10_000.0))
    story.at(30.8, offer(3, BRUNO, story, 30.8, sequence=1, travel_seconds=180.0))
    story.at(31, assigned(3, BRUNO, "Bruno Brito"), meta=driving(BRUNO))
    story.at(39, order.DriverArrived(driver_id=BRUNO), meta=driving(BRUNO))  # 5 after the 34 estimated
    story.at(43, order.PickedUp(driver_id=BRUNO), meta=driving(BRUNO))  # 1 more than the 3 allowed
    story.at(71, order.Delivered(driver_id=BRUNO), meta=driving(BRUNO))  # 6 more than the 22 estimated
    return story


def asked_at_once() -> Story:
    """Three at once: one declines, one is slower, and who accepts carries an order already; a fourth is left out."""
    story = Story().at(0, order.Confirmed(prep_seconds=900), meta=TABLET)
    batch = Batched(
        stops=(),
        delay_seconds=95.0,
        efficiency=0.86,
        saved_m=1_640.0,
        saved_seconds=355.0,
        apart_m=212.0,
        added_seconds=281.0,
        pay_minor=444,
        currency="EUR",
    )
    weighed = Weighed(
        carried=1, apart_m=612.0, delay_seconds=40.0, efficiency=0.55, saved_m=-210.0, saved_seconds=-35.0
    )
    left_out = Unbatched(driver_id=UUID(int=0xD4), why=("too_far_apart", "inefficient"), weighed=weighed)
    story.at(1, order.MatchingStarted(round=1, radius_m=5_000.0))
    for place, driver_id in enumerate((ANNA, BRUNO, CLARA), 1):
        together = order.Broadcast(broadcast_id=UUID(int=0xB1), drivers=3, place=place)
        more: dict[str, Any] = {"rivals": (RIVAL,), "unbatched": (left_out,)} if place == 1 else {}
        more |= {"batch": batch} if driver_id == BRUNO else {}
        story.at(1, offer(place, driver_id, story, 1, sequence=place, candidates=5, broadcast=together, **more))
    declined = order.OfferDeclined(offer_id=UUID(int=0xF3), driver_id=CLARA, reason="too far", standing=2)
    story.at(1.1, declined, meta=driving(CLARA))
    faster = order.OfferWithdrawn(offer_id=UUID(int=0xF1), driver_id=ANNA, reason=FASTER, standing=1)
    story.at(1.2, faster, replace(assigned(2, BRUNO, "Bruno Brito"), batch=batch), meta=driving(BRUNO))
    story.at(15, order.ReadyForPickup(), meta=TABLET)
    story.at(18, order.PickedUp(driver_id=BRUNO), meta=driving(BRUNO))
    return story.at(40, order.Delivered(driver_id=BRUNO), meta=driving(BRUNO))
