"""The examples that the API's documentation shows; a test checks each against its operation's schema."""

from typing import Any

ORDER = "018f9c1e-7a30-7d52-9c1d-3f0a4b9d2e11"
SECOND_ORDER = "018f9c1e-7a31-7b10-8a2f-6e5d4c3b2a10"
OFFER = "018f9c1e-9b10-7c41-8d2e-5a6b7c8d9e0f"
CUSTOMER = "018f9c1d-0a10-7b21-9e3f-1a2b3c4d5e6f"
RESTAURANT = "018f9c1d-2b20-7a31-8c4d-2b3c4d5e6f70"
DRIVER = "018f9c1d-4c30-7941-9b5e-3c4d5e6f7081"
ITEM = "018f9c1d-6d40-7851-8a6f-4d5e6f708192"
ACCOUNT = "018f9c1d-8e50-7761-997a-5e6f708192a3"
EVENT = "018f9c1e-af60-7671-888b-6f708192a3b4"

MORNING = "2025-03-14T12:00:00Z"
NOON = "2025-03-14T12:31:00Z"
TOKEN = "mXo0mXcC1b2kq4tq0nDq3kqYc8p2uQ8bVYl0Zr0l4nA"  # noqa: S105 - made up

HERE = {"lat": 41.1579, "lon": -8.6291}
THERE = {"lat": 41.1496, "lon": -8.6110}

type Json = dict[str, Any]


def answer(status: str, *, id: str = ORDER, version: int = 3) -> Json:  # noqa: A002 - the field's name
    """What a command answers."""
    return {"id": id, "status": status, "version": version}


def _without(whole: Json, names: set[str]) -> Json:
    return {name: value for name, value in whole.items() if name not in names}


def page(*items: Json) -> Json:
    """A page that is the last one."""
    return {"items": list(items), "next_cursor": None}


CUSTOMER_ACCOUNT = {
    "email": "ana@example.com",
    "password": "correct horse battery staple",
    "role": "customer",
    "name": "Ana Silva",
    "phone": "+351 912 345 678",
}
ACCOUNT_OPENED = {"account_id": ACCOUNT, "subject_id": CUSTOMER, "role": "customer"}
LOG_IN = {"email": "ana@example.com", "password": "correct horse battery staple"}
SESSION = {
    "account_id": ACCOUNT,
    "role": "customer",
    "subject_id": CUSTOMER,
    "name": "Ana Silva",
    "expires_at": "2025-03-15T12:00:00Z",
}
SESSION_OPENED = SESSION | {"token": TOKEN}

DISH = {
    "item_id": ITEM,
    "name": "Francesinha",
    "description": "With egg and fries",
    "category": "Mains",
    "price_minor": 1250,
    "currency": "EUR",
    "available": True,
}
NEW_DISH = {name: DISH[name] for name in ("name", "description", "category", "price_minor")}
_PLACE = {
    "id": RESTAURANT,
    "name": "Cervejaria Aliados",
    "region": "porto",
    "position": HERE,
    "address": "Avenida dos Aliados 12",
    "cuisines": ["portuguese"],
    "prep_seconds": 900,
    "delivery_radius_m": 5000.0,
    "open": True,
}
LISTING = _PLACE | {"distance_m": 1763.4, "delivers": True}
RESTAURANT_PAGE = _PLACE | {"currency": "EUR", "paused_until": None, "menu": [DISH], "version": 7}
DETAILS = {
    "name": "Cervejaria Aliados",
    "address": "Avenida dos Aliados 12",
    "phone": "+351 222 000 111",
    "cuisines": ["portuguese"],
    "prep_seconds": 900,
    "delivery_radius_m": 5000.0,
}
OWN_RESTAURANT = RESTAURANT_PAGE | {"phone": DETAILS["phone"]}

_DROPOFF = {"position": THERE, "address": "Rua de Santa Catarina 100", "instructions": "Second floor"}
BASKET = {
    "restaurant_id": RESTAURANT,
    "lines": [{"item_id": ITEM, "quantity": 2, "notes": "No egg"}],
    "dropoff": _DROPOFF,
    "tip_minor": 200,
}
NEW_ORDER = BASKET | {"payment_method": "card_ok"}
_LINE = {
    "item_id": ITEM,
    "name": "Francesinha",
    "unit_price_minor": 1250,
    "quantity": 2,
    "total_minor": 2500,
    "notes": "No egg",
}
_PRICE = {
    "currency": "EUR",
    "subtotal_minor": 2500,
    "delivery_fee_minor": 305,
    "service_fee_minor": 125,
    "tax_minor": 381,
    "tip_minor": 200,
    "total_minor": 3511,
}
_BREAKDOWN = {
    "to_restaurant_seconds": 0.0,
    "preparation_seconds": 900.0,
    "to_customer_seconds": 497.0,
    "pickup_buffer_seconds": 180.0,
    "dropoff_buffer_seconds": 120.0,
    "traffic_multiplier": 1.3,
    "total_seconds": 1697.0,
}
QUOTE = {
    "lines": [_LINE],
    "price": _PRICE,
    "delivery_distance_m": 1763.4,
    "eta_seconds": 1697.0,
    "eta_breakdown": _BREAKDOWN,
}
ORDER_DETAILS = {
    "order_id": ORDER,
    "version": 3,
    "region": "porto",
    "status": "confirmed",
    "dispatch": "idle",
    "payment_status": "authorized",
    "payment_id": "pay_018f9c1e",
    "customer_id": CUSTOMER,
    "customer_name": "Ana Silva",
    "restaurant_id": RESTAURANT,
    "restaurant_name": "Cervejaria Aliados",
    "restaurant_position": HERE,
    "driver_id": None,
    "driver_name": None,
    "lines": [_LINE],
    "price": _PRICE,
    "dropoff": _DROPOFF,
    "delivery_distance_m": 1763.4,
    "prep_seconds": 900,
    "placed_at": MORNING,
    "promised_at": NOON,
    "eta_at": NOON,
    "eta_confidence": None,
    "eta_breakdown": None,
    "confirmed_at": MORNING,
    "preparation_started_at": None,
    "ready_at": None,
    "driver_assigned_at": None,
    "driver_arrived_at": None,
    "picked_up_at": None,
    "delivered_at": None,
    "completed_at": None,
    "rejected_at": None,
    "rejection_reason": None,
    "cancelled_at": None,
    "cancellation": None,
    "offers": [],
    "review_requested_at": None,
    "updated_at": MORNING,
}
ORDER_SUMMARY = {
    "order_id": ORDER,
    "version": 3,
    "status": "confirmed",
    "dispatch": "idle",
    "open": True,
    "region": "porto",
    "customer_id": CUSTOMER,
    "customer_name": "Ana Silva",
    "restaurant_id": RESTAURANT,
    "restaurant_name": "Cervejaria Aliados",
    "restaurant_position": HERE,
    "driver_id": None,
    "driver_name": None,
    "items": [{"name": "Francesinha", "quantity": 2, "notes": "No egg"}],
    "dropoff": _DROPOFF,
    "delivery_distance_m": 1763.4,
    "currency": "EUR",
    "delivery_fee_minor": 305,
    "tip_minor": 200,
    "total_minor": 3511,
    "prep_seconds": 900,
    "placed_at": MORNING,
    "promised_at": NOON,
    "eta_at": NOON,
    "confirmed_at": MORNING,
    "ready_at": None,
    "picked_up_at": None,
    "delivered_at": None,
}
ORDERS = page(ORDER_SUMMARY)
_CUSTOMERS = {"customer_id", "customer_name"}
_DROPOFFS = {"dropoff", "delivery_distance_m"}
OWN_ORDER = _without(ORDER_DETAILS, _CUSTOMERS | {"payment_id", "offers"})
OWN_ORDERS = page(
    _without(
        ORDER_SUMMARY,
        _CUSTOMERS
        | _DROPOFFS
        | {"region", "restaurant_position", "driver_id", "delivery_fee_minor", "tip_minor", "prep_seconds"}
        | {"confirmed_at", "ready_at", "picked_up_at"},
    )
)
KITCHEN_ORDER = _without(
    ORDER_DETAILS,
    _DROPOFFS
    | {"region", "payment_status", "payment_id", "customer_id", "restaurant_id", "restaurant_name", "offers"}
    | {"restaurant_position", "price", "promised_at", "eta_at", "eta_confidence", "eta_breakdown"}
    | {"delivered_at", "completed_at", "review_requested_at"},
) | {"customer_name": "Ana", "currency": "EUR", "subtotal_minor": _PRICE["subtotal_minor"]}
KITCHEN_ORDERS = page(
    _without(
        ORDER_SUMMARY,
        _DROPOFFS
        | {"region", "customer_id", "restaurant_id", "restaurant_name", "restaurant_position", "driver_id"}
        | {"currency", "delivery_fee_minor", "tip_minor", "total_minor", "promised_at", "eta_at", "delivered_at"},
    )
    | {"customer_name": "Ana"}
)
DELIVERIES = page(
    _without(
        ORDER_SUMMARY,
        {"customer_id", "driver_id", "driver_name", "delivery_fee_minor", "total_minor", "promised_at"}
        | {"confirmed_at"},
    )
    | {"customer_name": "Ana"}
)
ETA = {"order_id": ORDER, "eta_at": NOON, "promised_at": NOON, "confidence": 0.8, "breakdown": _BREAKDOWN}
SUMMARY = {
    "days": 30,
    "since": "2025-02-12T12:00:00Z",
    "statuses": [{"status": "completed", "currency": "EUR", "orders": 4, "total_minor": 12044}],
}
INBOX = {
    "items": [
        {
            "position": 4711,
            "kind": "order_confirmed",
            "order_id": ORDER,
            "text": "Cervejaria Aliados confirmed your order.",
            "link": f"/v1/orders/{ORDER}",
            "occurred_at": MORNING,
            "read": False,
        }
    ],
    "next_cursor": None,
    "unread": 1,
}

POSITION = {"lat": 41.1579, "lon": -8.6291, "at": MORNING, "heading": 90.0, "speed_mps": 6.2, "accuracy_m": 8.0}
DRIVER_STATE = {
    "driver_id": DRIVER,
    "name": "Rui Costa",
    "region": "porto",
    "vehicle": "bicycle",
    "capacity": 2,
    "status": "on_shift",
    "silent": False,
    "suspended": False,
    "load": 0,
    "deliveries": 41,
    "deliveries_today": 3,
    "earnings_goal": 20,
    "rating": 5.0,
    "acceptance_rate": 0.93,
    "version": 88,
}
STANDING_OFFER = {
    "order_id": ORDER,
    "offer_id": OFFER,
    "sequence": 1,
    "expires_at": "2025-03-14T12:00:31Z",
    "restaurant": {"id": RESTAURANT, "name": "Cervejaria Aliados", "position": HERE},
    "dropoff": {"lat": 41.15, "lon": -8.611},
    "distance_m": 412.0,
    "travel_seconds": 90.0,
    "delivery_distance_m": 1763.4,
    "currency": "EUR",
    "fee_minor": 244,
    "tip_minor": 200,
    "drivers_asked": 1,
    "batch": {
        "stops": [
            {"order_id": SECOND_ORDER, "call": "pick_up"},
            {"order_id": ORDER, "call": "pick_up"},
            {"order_id": SECOND_ORDER, "call": "drop_off"},
            {"order_id": ORDER, "call": "drop_off"},
        ],
        "delay_seconds": 95.0,
        "efficiency": 0.86,
        "saved_m": 1640.0,
        "saved_seconds": 355.0,
        "apart_m": 212.0,
        "added_seconds": 281.0,
        "pay_minor": 444,
        "currency": "EUR",
    },
}
EARNINGS = {
    "date": "2025-03-14",
    "currency": "EUR",
    "deliveries": 3,
    "fee_minor": 732,
    "tip_minor": 400,
    "total_minor": 1132,
}
TIMELINE = {
    "order_id": ORDER,
    "steps": [
        {
            "order_id": ORDER,
            "version": 3,
            "position": 4711,
            "topic": "order.confirmed",
            "occurred_at": MORNING,
            "recorded_at": MORNING,
            "actor_type": "restaurant",
            "actor_id": RESTAURANT,
            "ip": "203.0.113.7",
            "user_agent": "tablet/3.1",
            "request_id": "r-1",
            "correlation_id": "c-1",
            "causation_id": None,
            "seconds_since_previous": 42.0,
            "status_before": "placed",
            "status_after": "confirmed",
            "dispatch_before": "idle",
            "dispatch_after": "idle",
            "data": {"prep_seconds": 900},
        }
    ],
}
PROGRESS = {
    "orders_by_status": {"confirmed": 3, "completed": 120},
    "offers": {"made": 140, "accepted": 122, "declined": 11, "expired": 5},
    "batched": {"orders": 9, "saved_m": 14210, "saved_seconds": 3105},
    "drivers_on_shift": 80,
    "silent_drivers": 1,
    "orders_driver_silent": 0,
    "events": 3120,
    "projections": [{"name": "order_details", "position": 3120, "lag": 0}],
    "reactions": {"pending": 12, "dead": 0},
    "queues": {"matching": 0},
}
HEALTH = {
    "status": "ok",
    "checks": {"postgresql": {"ok": True, "milliseconds": 0.7, "detail": ""}},
}

_MESSAGE = (
    f'{{"position":4711,"order_id":"{ORDER}","version":4,"topic":"order.preparation_started",'
    f'"occurred_at":"{MORNING}","status":"preparing","dispatch":"idle","restaurant_id":"{RESTAURANT}",'
    '"driver_id":null,"driver_name":null,"data":{}}'
)
ORDER_STREAM = (
    f'id: 4\nevent: order\ndata: {_MESSAGE}\n\nevent: position\ndata: {{"lat":41.15,"lon":-8.61}}\n\n: heart-beat\n\n'
)
RESTAURANT_STREAM = f'event: snapshot\ndata: {{"orders":[]}}\n\nid: 4711\nevent: order\ndata: {_MESSAGE}\n\n'
DRIVER_STREAM = (
    f'event: snapshot\ndata: {{"offers":[],"deliveries":[]}}\n\nid: 4711\nevent: order\ndata: {_MESSAGE}\n\n'
)
AUDIT_LINE = (
    f'{{"position":4711,"topic":"order.preparation_started","stream_id":"{ORDER}","version":4,"event_id":"{EVENT}",'
    f'"schema":1,"occurred_at":"{MORNING}","recorded_at":"{MORNING}","meta":{{"actor_type":"restaurant"}},"data":{{}},'
    f'"hash":"{"0" * 64}"}}\n'
)
STREAM_STATE = {
    "stream_id": ORDER,
    "kind": "order",
    "version": 4,
    "at": MORNING,
    "topic": "order.confirmed",
    "state": {"id": ORDER, "version": 4, "status": "confirmed", "dispatch": "idle"},
}
STREAM_DIFF = {
    "stream_id": ORDER,
    "kind": "order",
    "from_version": 2,
    "to_version": 4,
    "changes": [{"path": "status", "before": "placed", "after": "confirmed"}],
}
METRICS = '# TYPE orders_active gauge\norders_active{status="preparing"} 12.0\n'
