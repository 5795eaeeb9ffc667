"""The events of whole orders, as benchmarks of folds need them: 13 a life, placed to completed."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from application.ids import new_id
from domain import order
from domain.event import Event, Meta, Recorded, Role
from domain.geo import Position
from domain.scoring import Score

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
PLACE = Position(lat=41.15, lon=-8.61)
ID, RESTAURANT = new_id(), new_id()


def meta_of(customer: UUID) -> Meta:
    """Every event comes from the customer and has an address: the most that there is to encrypt."""
    return Meta(actor_type=Role.CUSTOMER, actor_id=customer, correlation_id="benchmark", ip="127.0.0.1")


def placement(customer: UUID) -> list[Event]:
    """The events of placing an order of two lines."""
    lines = tuple(
        order.Line(item_id=ID, name="Francesinha", unit_price_minor=1_000, quantity=1, total_minor=1_000)
        for _ in range(2)
    )
    price = order.Price(
        currency="EUR",
        subtotal_minor=2_000,
        delivery_fee_minor=199,
        service_fee_minor=100,
        tax_minor=299,
        tip_minor=100,
        total_minor=2_698,
    )
    placed = order.Placed(
        customer_id=customer,
        customer_name="Ana",
        region="porto",
        restaurant_id=RESTAURANT,
        restaurant_name="Casa",
        restaurant_position=PLACE,
        lines=lines,
        price=price,
        dropoff=order.Dropoff(position=PLACE, address="Rua das Flores 1"),
        delivery_distance_m=900.0,
        prep_seconds=600,
        promised_at=NOON,
    )
    return [placed, order.PaymentAuthorized(payment_id="pay-1", amount_minor=price.total_minor, currency="EUR")]


def life(customer: UUID) -> list[Event]:
    """All of an order's events, in order."""
    driver, offer = new_id(), new_id()
    return [
        *placement(customer),
        order.Confirmed(prep_seconds=600),
        order.MatchingStarted(round=1, radius_m=5_000.0),
        order.DriverOffered(
            offer_id=offer,
            driver_id=driver,
            sequence=1,
            expires_at=NOON + timedelta(seconds=30),
            distance_m=420.0,
            travel_seconds=91.0,
            radius_m=5_000.0,
            candidates=3,
            score=Score(profile="seven_factor", total=88.5, factors={"distance": 95.8, "load": 0.0}),
        ),
        order.DriverAssigned(offer_id=offer, driver_id=driver, driver_name="Rui Costa"),
        order.PreparationStarted(),
        order.DriverArrived(driver_id=driver),
        order.ReadyForPickup(),
        order.PickedUp(driver_id=driver),
        order.Delivered(driver_id=driver),
        order.PaymentCaptured(payment_id="pay-1", amount_minor=2_698),
        order.Completed(),
    ]


def recorded(stream: UUID, customer: UUID, events: list[Event]) -> list[Recorded[Event]]:
    """As they are handed to a mapper."""
    return [
        Recorded(
            originator_id=stream,
            originator_version=version,
            event_id=new_id(),
            occurred_at=NOON,
            meta=meta_of(customer),
            event=event,
        )
        for version, event in enumerate(events, 1)
    ]
