"""The dispute that the documentation shows: explained from events as a real one is, so that it is never out of date."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from api import examples
from application.disputes import explain
from application.disputes.report import DriverTrack, Notification, OrderTrack, Positions, Seen
from application.tracks import Fix
from domain import order
from domain.event import Event, Meta, Recorded, Role
from domain.geo import Position
from domain.region import PORTO
from domain.scoring import Score

_ORDER, _DRIVER = UUID(examples.ORDER), UUID(examples.DRIVER)
_MORNING = datetime.fromisoformat(examples.MORNING)
_OFFER = UUID(examples.OFFER)
_HERE, _THERE = Position(**examples.HERE), Position(**examples.THERE)


def _by(role: Role, actor: str, ip: str, agent: str) -> Meta:
    return Meta(actor_type=role, actor_id=UUID(actor), request_id="r-1", correlation_id="c-1", ip=ip, user_agent=agent)


_CUSTOMER = _by(Role.CUSTOMER, examples.CUSTOMER, "203.0.113.9", "Tiffin/3.1 (iOS)")
_RESTAURANT = _by(Role.RESTAURANT, examples.RESTAURANT, "203.0.113.7", "tablet/3.1")
_RIDER = _by(Role.DRIVER, examples.DRIVER, "198.51.100.23", "Tiffin-Driver/2.0 (Android)")
_REACTION = Meta(causation_id=UUID(int=_ORDER.int + 3), correlation_id="c-1")

_PRICE = msgspec.convert(examples.QUOTE["price"], order.Price)
_PLACED = order.Placed(
    customer_id=UUID(examples.CUSTOMER),
    customer_name="Ana Silva",
    region=PORTO.id,
    restaurant_id=UUID(examples.RESTAURANT),
    restaurant_name="Cervejaria Aliados",
    restaurant_position=_HERE,
    lines=msgspec.convert(examples.QUOTE["lines"], tuple[order.Line, ...]),
    price=_PRICE,
    dropoff=order.Dropoff(position=_THERE, address="Rua de Santa Catarina 100", instructions="Second floor"),
    delivery_distance_m=1763.4,
    prep_seconds=900,
    promised_at=_MORNING + timedelta(seconds=1697),
)
_OFFERED = order.DriverOffered(
    offer_id=_OFFER,
    driver_id=_DRIVER,
    sequence=1,
    expires_at=_MORNING + timedelta(seconds=73),
    distance_m=412.0,
    travel_seconds=116.0,
    radius_m=5_000.0,
    candidates=7,
    score=Score(profile="seven_factor", total=120.9, factors={"distance": 95.9, "load": 0.0, "rating": 25.0}),
)
_STORY: tuple[tuple[int, Meta, Event], ...] = (
    (0, _CUSTOMER, _PLACED),
    (0, _CUSTOMER, order.PaymentAuthorized(payment_id="pay_018f9c1e", amount_minor=3_511, currency="EUR")),
    (42, _RESTAURANT, order.Confirmed(prep_seconds=900)),
    (43, _REACTION, order.MatchingStarted(round=1, radius_m=5_000.0)),
    (43, _REACTION, _OFFERED),
    (55, _RIDER, order.DriverAssigned(offer_id=_OFFER, driver_id=_DRIVER, driver_name="Rui Costa")),
    (185, _RIDER, order.DriverArrived(driver_id=_DRIVER)),
    (1_242, _RESTAURANT, order.ReadyForPickup()),
    (1_302, _RIDER, order.PickedUp(driver_id=_DRIVER)),
    (1_962, _RIDER, order.Delivered(driver_id=_DRIVER)),
)
_HISTORY = [
    Recorded(
        originator_id=_ORDER,
        originator_version=version,
        event_id=UUID(int=_ORDER.int + version),
        occurred_at=_MORNING + timedelta(seconds=seconds),
        meta=meta,
        event=event,
    )
    for version, (seconds, meta, event) in enumerate(_STORY, 1)
]
_TOLD = Notification(
    at=_MORNING + timedelta(seconds=42),
    to="customer",
    subject_id=_PLACED.customer_id,
    name="Ana Silva",
    kind="order_confirmed",
    text="Cervejaria Aliados confirmed your order.",
    read=True,
)
_SEEN = Seen(driver_id=_DRIVER, position=_THERE, at=_MORNING + timedelta(seconds=1_960))

_EXPLAINED = explain(
    _ORDER,
    _HISTORY,
    as_of=_MORNING + timedelta(hours=1),
    region=PORTO,
    notifications=[_TOLD],
    positions=Positions(seen=(_SEEN,), told="Where drivers were while they had the order."),
)
DISPUTE: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(_EXPLAINED))

_TRACK = OrderTrack(
    order_id=_ORDER,
    drivers=(
        DriverTrack(
            driver_id=_DRIVER,
            driver_name="Rui Costa",
            since=_MORNING + timedelta(seconds=55),
            until=_MORNING + timedelta(seconds=1_962),
            fixes=(Fix(_HERE, _MORNING + timedelta(seconds=1_302)), Fix(_THERE, _SEEN.at)),
            complete=True,
        ),
    ),
    kept_days=30,
)
TRACK: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(_TRACK))
DRIVER_TRACK: dict[str, Any] = TRACK["drivers"][0]
