"""One of every event, with every field set, as the golden files hold them.

After adding an event or a schema: `python -m tests.domain.samples` writes the golden files that are missing.
It never rewrites one: what was stored once is stored for good.
"""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

from msgspec.structs import replace

from application.memory_keys import MemoryKeys
from domain import access, driver, order, privacy, restaurant
from domain.encryption import PersonalData
from domain.eta import EtaBreakdown
from domain.event import Event, Meta, Recorded, Role
from domain.mapper import JSONMapper
from tests.domain.order.histories import (
    ANNA,
    ASSIGNED_EVENT,
    AUTHORIZED,
    EXPIRES_AT,
    OFFER,
    PLACED_EVENT,
    RIVAL,
    offered,
)
from tests.domain.restaurant.kitchens import CAKE, REGISTERED
from tests.domain.scenario import NOON, STREAM

GOLDEN = Path(__file__).parent / "golden"
ORDER = UUID(int=0x0E)
META = Meta(
    actor_type=Role.SUPPORT,
    actor_id=UUID(int=0x5A),
    request_id="019c9f00-0000-7000-8000-00000000000a",
    correlation_id="019c9f00-0000-7000-8000-00000000000b",
    causation_id=UUID("019c9f00-0000-7000-8000-00000000000c"),
    ip="203.0.113.7",
    user_agent="Tiffin/1.0 (Android)",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)

SAMPLES: tuple[Event, ...] = (
    access.PersonalDataRead(operation="inspect_order", subject_id=ORDER, asked="q=…"),
    privacy.Forgotten(subject_id=UUID(int=0xC1), role=Role.CUSTOMER),
    PLACED_EVENT,
    AUTHORIZED,
    order.Confirmed(prep_seconds=600),
    order.Rejected(reason="out of gas"),
    order.PreparationStarted(),
    order.ReadyForPickup(),
    order.MatchingStarted(round=1, radius_m=5_000.0),
    replace(offered(), rivals=(RIVAL,)),
    order.OfferDeclined(offer_id=OFFER, driver_id=ANNA, reason="too far"),
    order.OfferExpired(offer_id=OFFER, driver_id=ANNA),
    order.OfferWithdrawn(offer_id=OFFER, driver_id=ANNA, reason="silent"),
    order.NoDriverFound(round=1, offers_made=2, radius_m=10_000.0, retry_at=EXPIRES_AT),
    ASSIGNED_EVENT,
    order.DriverUnassigned(driver_id=ANNA, reason="flat tyre"),
    order.DriverArrived(driver_id=ANNA),
    order.PickedUp(driver_id=ANNA),
    order.DriverLostContact(driver_id=ANNA, last_seen_at=NOON),
    order.Delivered(driver_id=ANNA),
    order.Completed(),
    order.Cancelled(
        by=Role.CUSTOMER, reason="wrong address", cost_bearer=order.CostBearer.PLATFORM, refund_minor=3_619
    ),
    order.EtaRevised(
        eta_at=NOON + timedelta(minutes=25),
        confidence=0.715,
        breakdown=EtaBreakdown(
            to_restaurant_seconds=249.2,
            preparation_seconds=600.0,
            to_customer_seconds=600.0,
            pickup_buffer_seconds=180.0,
            dropoff_buffer_seconds=120.0,
            traffic_multiplier=1.3,
            total_seconds=1_500.0,
        ),
    ),
    order.PaymentCaptured(payment_id="pay_1", amount_minor=3_619),
    order.PaymentVoided(payment_id="pay_1"),
    order.PaymentRefunded(payment_id="pay_1", amount_minor=3_619),
    order.PaymentFailed(payment_id="pay_1", operation=order.PaymentOperation.CAPTURE, reason="card closed"),
    order.ReviewRequested(),
    order.RatedByCustomer(driver_id=ANNA, stars=4),
    order.NoteAdded(customer_id=UUID(int=0xC1), text="called at 12:10, no answer"),
    driver.Registered(
        name="Anna Alves",
        phone="+351 910 000 000",
        region="porto",
        vehicle="bicycle",
        capacity=2,
        earnings_goal=20,
    ),
    driver.ShiftStarted(),
    driver.ShiftEnded(),
    driver.DeliveryTaken(order_id=ORDER),
    driver.DeliveryReleased(order_id=ORDER, reason="cancelled"),
    driver.DeliveryFinished(order_id=ORDER, currency="EUR", fee_minor=244, tip_minor=200),
    driver.Rated(order_id=ORDER, stars=4),
    driver.WentSilent(last_seen_at=NOON),
    driver.CameBack(),
    driver.Suspended(reason="papers"),
    driver.Reinstated(),
    REGISTERED,
    restaurant.DetailsChanged(
        name="Tasca nova",
        address="Rua Formosa 2, Porto",
        phone="+351 220 000 001",
        cuisines=("portuguese", "vegan"),
        prep_seconds=1_200,
        delivery_radius_m=3_000.0,
    ),
    restaurant.Opened(),
    restaurant.Closed(),
    restaurant.Paused(until=EXPIRES_AT),
    restaurant.MenuItemAdded(
        item_id=CAKE, name="Pastel de nata", description="warm", category="sweet", price_minor=165
    ),
    restaurant.MenuItemChanged(
        item_id=CAKE, name="Pastel de nata", description="with cinnamon", category="sweet", price_minor=175
    ),
    restaurant.MenuItemRemoved(item_id=CAKE),
    restaurant.ItemSoldOut(item_id=CAKE),
    restaurant.ItemRestocked(item_id=CAKE),
)


def recorded(event: Event) -> Recorded[Event]:
    return Recorded(
        originator_id=STREAM,
        originator_version=3,
        event_id=UUID("019c9f00-0000-7000-8000-000000000001"),
        occurred_at=NOON + timedelta(microseconds=250_000),
        meta=META,
        event=event,
    )


MAPPER = JSONMapper(personal=PersonalData(MemoryKeys()))


def golden_file(topic: str, schema: int) -> Path:
    return GOLDEN / f"{topic}.v{schema}.json"


def write_missing() -> None:
    for event in SAMPLES:
        file = golden_file(event.TOPIC, event.SCHEMA)
        if not file.exists():
            file.write_bytes(MAPPER.to_stored_event(recorded(event)).state + b"\n")


if __name__ == "__main__":
    write_missing()
