"""The table of steps says what the aggregate does, for every event there is."""

from datetime import timedelta
from uuid import UUID

import pytest

from domain.driver import events as driver
from domain.event import REGISTRY, Event
from domain.order import events as order
from domain.order.state import Order, evolve
from projections.order_steps import DISPATCH, OFFER_ENDS, STATUS, moves
from tests.projections.history import CANCELLED, DRIVER, NOON, OFFER, assigned, authorized, offered, placed

ORDER = UUID(int=100)
SEARCH = order.MatchingStarted(round=1, radius_m=5_000.0)
CONFIRMED = (placed(), authorized(), order.Confirmed(prep_seconds=600), SEARCH)
CARRIED = (*CONFIRMED, offered(), assigned(), order.PreparationStarted(), order.ReadyForPickup())
BROADCAST = tuple(
    offered(driver_id, offer_id=UUID(int=500 + number), sequence=number + 1)
    for number, driver_id in enumerate((DRIVER, UUID(int=31), UUID(int=32)))
)
FINISHED = (*CARRIED, order.PickedUp(driver_id=DRIVER), order.Delivered(driver_id=DRIVER))
ETA = order.EtaBreakdown(
    to_restaurant_seconds=1.0,
    preparation_seconds=1.0,
    to_customer_seconds=1.0,
    pickup_buffer_seconds=1.0,
    dropoff_buffer_seconds=1.0,
    traffic_multiplier=1.0,
    total_seconds=1.0,
)
AFTER = (order.ReviewRequested(), order.RatedByCustomer(driver_id=DRIVER, stars=4))
HISTORIES: tuple[tuple[Event, ...], ...] = (
    (*FINISHED, order.PaymentCaptured(payment_id="p", amount_minor=1), order.Completed(), *AFTER),
    (placed(), order.Rejected(reason="closed"), order.PaymentVoided(payment_id="p")),
    (*CONFIRMED, offered(), order.OfferDeclined(offer_id=OFFER, driver_id=DRIVER), offered(), CANCELLED),
    (*CONFIRMED, offered(), order.OfferExpired(offer_id=OFFER, driver_id=DRIVER)),
    (*CONFIRMED, offered(), order.OfferWithdrawn(offer_id=OFFER, driver_id=DRIVER, reason="silent")),
    (*CONFIRMED, order.NoDriverFound(round=1, offers_made=0, radius_m=1.0, retry_at=NOON), CANCELLED),
    (*CARRIED[:-2], order.DriverArrived(driver_id=DRIVER), order.DriverUnassigned(driver_id=DRIVER, reason="silent")),
    (*CARRIED, order.PickedUp(driver_id=DRIVER), order.DriverLostContact(driver_id=DRIVER, last_seen_at=NOON)),
    (*CARRIED, order.PickedUp(driver_id=DRIVER), CANCELLED, order.PaymentRefunded(payment_id="p", amount_minor=1)),
    (
        *CONFIRMED,
        *BROADCAST,
        order.OfferDeclined(offer_id=OFFER, driver_id=DRIVER, standing=2),
        order.OfferWithdrawn(offer_id=UUID(int=501), driver_id=UUID(int=31), reason="faster", standing=1),
        assigned(UUID(int=32), offer_id=UUID(int=502)),
    ),
    (
        *CONFIRMED,
        *BROADCAST,
        *(
            order.OfferExpired(offer_id=one.offer_id, driver_id=one.driver_id, standing=2 - number)
            for number, one in enumerate(BROADCAST)
        ),
    ),
    (
        placed(),
        order.EtaRevised(eta_at=NOON, confidence=0.5, breakdown=ETA),
        order.NoteAdded(text="called"),
        order.PaymentFailed(payment_id="p", operation=order.PaymentOperation.CAPTURE, reason="expired"),
    ),
)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history[-1].TOPIC)
def test_steps_agree_with_the_aggregate(history: tuple[Event, ...]) -> None:
    state: Order | None = None
    shown: dict[str, str] = {}
    for number, event in enumerate(history):
        state = evolve(state, ORDER, event, NOON + timedelta(seconds=number))
        shown |= moves(event)
        assert shown == {"status": state.status, "dispatch": state.dispatch}
        if isinstance(event, OFFER_ENDS):
            assert event.offer_id not in {one.offer_id for one in state.offers}


def test_every_event_of_an_order_was_looked_at() -> None:
    covered = {type(event) for history in HISTORIES for event in history}
    assert covered == {cls for topic, cls in REGISTRY.items() if topic.startswith("order.")}
    assert covered >= STATUS.keys() | DISPATCH.keys()


def test_other_streams_move_nothing() -> None:
    assert moves(driver.ShiftStarted()) == {}
