"""What each event makes of an order's status and dispatch, for folds that see events and not the aggregate.

`tests/projections/test_order_steps.py` holds this table against `domain.order.evolve`.
"""

from domain.event import Event
from domain.order import events
from domain.order.state import DispatchStatus, Status

STATUS: dict[type[Event], Status] = {
    events.Placed: Status.PLACED,
    events.Confirmed: Status.CONFIRMED,
    events.Rejected: Status.REJECTED,
    events.PreparationStarted: Status.PREPARING,
    events.ReadyForPickup: Status.READY_FOR_PICKUP,
    events.PickedUp: Status.PICKED_UP,
    events.Delivered: Status.DELIVERED,
    events.Completed: Status.COMPLETED,
    events.Cancelled: Status.CANCELLED,
}
"""The status after the event; other events leave it as it was."""

DISPATCH: dict[type[Event], DispatchStatus] = {
    events.Placed: DispatchStatus.IDLE,
    events.MatchingStarted: DispatchStatus.SEARCHING,
    events.DriverOffered: DispatchStatus.OFFERED,
    events.OfferDeclined: DispatchStatus.SEARCHING,
    events.OfferExpired: DispatchStatus.SEARCHING,
    events.OfferWithdrawn: DispatchStatus.SEARCHING,
    events.NoDriverFound: DispatchStatus.SEARCHING,
    events.DriverAssigned: DispatchStatus.ASSIGNED,
    events.DriverUnassigned: DispatchStatus.SEARCHING,
    events.DriverArrived: DispatchStatus.AT_RESTAURANT,
    events.PickedUp: DispatchStatus.ON_THE_WAY,
    events.Delivered: DispatchStatus.DONE,
    events.Cancelled: DispatchStatus.IDLE,
}
"""The dispatch status after the event, unless other offers stand still; other events leave it as it was."""

OFFER_ENDS = (events.OfferDeclined, events.OfferExpired, events.OfferWithdrawn, events.DriverAssigned)
"""After these the offer that they name stands no more."""

OVER = frozenset({Status.COMPLETED, Status.REJECTED, Status.CANCELLED})
"""Nothing more will happen to an order here but money and notes."""


def dispatch_after(kind: type[Event], standing: int) -> DispatchStatus | None:
    """The dispatch status that an event sets, if it sets one; `standing`: how many offers of a broadcast it leaves."""
    return DispatchStatus.OFFERED if standing else DISPATCH.get(kind)


def moves(event: Event) -> dict[str, str]:
    """The status and dispatch that an event sets, by name; empty for one that sets neither."""
    if getattr(event, "standing", 0):
        return {"dispatch": DispatchStatus.OFFERED.value}
    return dict(_MOVES.get(type(event), {}))


_MOVES: dict[type[Event], dict[str, str]] = {
    kind: {column: table[kind].value for column, table in (("status", STATUS), ("dispatch", DISPATCH)) if kind in table}
    for kind in STATUS | DISPATCH
}
