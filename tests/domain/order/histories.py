"""How an order gets to each state, as histories to begin a test with."""

from datetime import timedelta
from uuid import UUID

from domain import order
from domain.event import Event, Role
from domain.geo import Position
from domain.order import Order
from domain.scoring import PassedOver, Rival, Score
from tests.domain.restaurant.kitchens import AT, FISH, OPEN, kitchen
from tests.domain.scenario import NOON, Given, fold

CUSTOMER = UUID(int=0xC1)
ANNA, BRUNO = UUID(int=0xD1), UUID(int=0xD2)
OFFER, NEXT_OFFER = UUID(int=0xF1), UUID(int=0xF2)
EXPIRES_AT = NOON + timedelta(seconds=30)
DROPOFF = order.Dropoff(
    position=Position(lat=41.1579, lon=-8.6291), address="Rua de Cedofeita 20, Porto", instructions="2nd floor"
)
SCORE = Score(profile="seven_factor", total=98.5, factors={"distance": 88.5, "earnings_goal": 10.0})


def offered(offer_id: UUID = OFFER, driver_id: UUID = ANNA, sequence: int = 1) -> order.DriverOffered:
    return order.DriverOffered(
        offer_id=offer_id,
        driver_id=driver_id,
        sequence=sequence,
        expires_at=EXPIRES_AT,
        distance_m=1_150.0,
        travel_seconds=249.2,
        radius_m=5_000.0,
        candidates=7,
        score=SCORE,
    )


RIVAL = Rival(driver_id=BRUNO, why=PassedOver.OUTSCORED, distance_m=1_800.0, travel_seconds=390.1, score=SCORE)
KITCHEN = kitchen(*OPEN)
LINE = order.Line(
    item_id=FISH, name="Bacalhau à Brás", unit_price_minor=1_295, quantity=2, total_minor=2_590, notes="no olives"
)
PRICE = order.Price(
    currency="EUR",
    subtotal_minor=2_590,
    delivery_fee_minor=305,
    service_fee_minor=130,
    tax_minor=394,
    tip_minor=200,
    total_minor=3_619,
)
PLACED_EVENT = order.Placed(
    customer_id=CUSTOMER,
    customer_name="Carla Couto",
    region="porto",
    restaurant_id=KITCHEN.id,
    restaurant_name=KITCHEN.name,
    restaurant_position=AT,
    lines=(LINE,),
    price=PRICE,
    dropoff=DROPOFF,
    delivery_distance_m=1_774.3,
    prep_seconds=900,
    promised_at=NOON + timedelta(minutes=40),
)
AUTHORIZED = order.PaymentAuthorized(payment_id="pay_1", amount_minor=3_619, currency="EUR")
ASSIGNED_EVENT = order.DriverAssigned(offer_id=OFFER, driver_id=ANNA, driver_name="Anna Alves")
NOBODY = order.NoDriverFound(round=1, offers_made=0, radius_m=10_000.0, retry_at=NOON + timedelta(seconds=10))

PLACED: tuple[Event, ...] = (PLACED_EVENT, AUTHORIZED)
CONFIRMED = (*PLACED, order.Confirmed(prep_seconds=600))
PREPARING = (*CONFIRMED, order.PreparationStarted())
READY = (*PREPARING, order.ReadyForPickup())
SEARCHING = (*CONFIRMED, order.MatchingStarted(round=1, radius_m=5_000.0))
OFFERED = (*SEARCHING, offered())
DECLINED = (*OFFERED, order.OfferDeclined(offer_id=OFFER, driver_id=ANNA, reason="too far"))
EXPIRED = (*OFFERED, order.OfferExpired(offer_id=OFFER, driver_id=ANNA))
ROUND_OVER = (*SEARCHING, NOBODY)
ASSIGNED = (*OFFERED, ASSIGNED_EVENT)
COOKED = (*ASSIGNED, order.PreparationStarted(), order.ReadyForPickup())
"""Ready, its driver on the way."""
WAITED_FOR = (*COOKED, order.DriverArrived(driver_id=ANNA))
PICKED_UP = (*WAITED_FOR, order.PickedUp(driver_id=ANNA))
DELIVERED = (*PICKED_UP, order.Delivered(driver_id=ANNA))
CAPTURED = (*DELIVERED, order.PaymentCaptured(payment_id="pay_1", amount_minor=3_619))
COMPLETED = (*CAPTURED, order.Completed())
REJECTED = (*PLACED, order.Rejected(reason="out of gas"))
CANCELLED = (
    *PLACED,
    order.Cancelled(
        by=Role.CUSTOMER, reason="wrong address", cost_bearer=order.CostBearer.PLATFORM, refund_minor=3_619
    ),
)


def given(history: tuple[Event, ...]) -> Given[Order]:
    return Given(an_order(history))


def an_order(history: tuple[Event, ...]) -> Order:
    return fold(order.evolve, history)
