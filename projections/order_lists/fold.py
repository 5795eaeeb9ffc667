"""From events to the lists' rows."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from domain.driver import events as driver_events
from domain.event import Event
from domain.order import events
from projections import scrubbing
from projections.log import Logged
from projections.order_lists.results import OrderSummary
from projections.order_lists.tables import EARNINGS, METADATA, OFFERS, ORDERS
from projections.order_steps import OFFER_ENDS, moves
from projections.projection import Projection
from projections.rows import Document, Edits, insert


def apply(connection: Connection, batch: Sequence[Logged]) -> None:
    """Fold events into one row per order, one per standing offer and one per delivery paid."""
    orders = Edits[UUID](ORDERS)
    offers = Edits[UUID](OFFERS)
    earned: list[Document] = []
    for logged in batch:
        event, key = logged.event, {"order_id": logged.stream_id}
        if isinstance(event, driver_events.DeliveryFinished):
            earned.append(_earned(logged.stream_id, event, logged.occurred_at))
        elif isinstance(event, events.Placed):
            orders.add(logged.stream_id, key | _placed(event, logged.occurred_at))
        elif logged.topic.startswith("order."):
            changes = {"version": logged.version} | _changes(event, logged.occurred_at)
            orders.change(logged.stream_id, key, changes)
        if isinstance(event, events.DriverOffered):
            fields = {name: getattr(event, name) for name in event.__struct_fields__ if name in OFFERS.c}
            asked = event.broadcast.drivers if event.broadcast else 1
            offers.add(event.offer_id, key | fields | {"drivers_asked": asked})
        elif isinstance(event, OFFER_ENDS):
            offers.remove(event.offer_id, key | {"offer_id": event.offer_id})
    orders.write(connection)
    offers.write(connection)
    insert(connection, EARNINGS, earned)


def scrub(connection: Connection, subject_id: UUID) -> None:
    """Erase a customer's name, notes and address, or a driver's name."""
    scrubbing.scrub(connection, ORDERS, "customer_id", subject_id, ("customer_name", "items", "dropoff"), OrderSummary)
    scrubbing.scrub(connection, ORDERS, "driver_id", subject_id, ("driver_name",), OrderSummary)


PROJECTION = Projection("order_lists", METADATA, apply, scrub=scrub)


def _placed(event: events.Placed, at: datetime) -> Document:
    fields = {name: getattr(event, name) for name in event.__struct_fields__ if name in ORDERS.c}
    prices = {name: getattr(event.price, name) for name in event.price.__struct_fields__ if name in ORDERS.c}
    items = [{"name": line.name, "quantity": line.quantity, "notes": line.notes} for line in event.lines]
    own = {"version": 1, "open": True, "items": items, "placed_at": at, "eta_at": event.promised_at}
    return fields | prices | moves(event) | own


def _changes(event: Event, at: datetime) -> Document:
    changed: Document = moves(event)
    match event:
        case events.Confirmed():
            changed |= {"confirmed_at": at, "prep_seconds": event.prep_seconds}
        case events.ReadyForPickup():
            changed["ready_at"] = at
        case events.DriverAssigned():
            changed |= {"driver_id": event.driver_id, "driver_name": event.driver_name}
        case events.DriverUnassigned():
            changed |= {"driver_id": None, "driver_name": None}
        case events.PickedUp():
            changed["picked_up_at"] = at
        case events.Delivered():
            changed |= {"delivered_at": at, "open": False}
        case events.Rejected():
            changed["open"] = False
        case events.Cancelled():
            changed |= {"open": False, "driver_id": None, "driver_name": None}
        case events.EtaRevised():
            changed["eta_at"] = event.eta_at
    return changed


def _earned(driver_id: UUID, event: driver_events.DeliveryFinished, at: datetime) -> Document:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return {"driver_id": driver_id, "finished_at": at} | fields
