"""Live streams (server-sent events): a snapshot, then what changes, until the session or the process ends.

A stream subscribes first and takes its snapshot from read models that have passed the log's head of that moment, so
that nothing falls between the two. The sequence of an order's stream is the order's version: what is older than the
snapshot is skipped, and a gap is answered by `resync` and a new snapshot.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

import msgspec
from litestar.response import Stream
from sqlalchemy import Connection

from api.call import ApiRequest, Call
from api.order_views import DeliveryListing, KitchenListing, OwnOrder, first_name
from api.services import Services
from api.views import DriverSnapshot, OfferListing, OrderSnapshot
from application.live import Ending, LiveHub, PositionMessage, Resync, Subscription
from application.sessions import Identity
from domain.errors import NotFound
from domain.event import REGISTRY
from domain.pricing import driver_fee_minor
from projections import order_details, order_lists, order_timeline, positions
from projections.live import SHOWN, OrderMessage
from projections.order_details import OrderDetails
from projections.order_timeline import Step

EVENT_STREAM = "text/event-stream"
RECONNECT_MS = 1_000
"""How soon clients should come back to another process; browsers do so by themselves."""
OPEN_ORDERS = 200
"""The most open orders in a restaurant's or driver's snapshot."""

ID_DIGITS = 18
_OVER = frozenset({"completed", "cancelled", "rejected"})

_encode = msgspec.json.encode


type Tell = Callable[[str, object], bytes]
"""How a stream writes what it tells: by name, with data."""


class Asker(Protocol):
    """Who is told: behind a request, or a WebSocket."""

    @property
    def call(self) -> Call:
        """The circumstances."""
        ...

    @property
    def services(self) -> Services:
        """The process's services."""
        ...

    @property
    def me(self) -> Identity:
        """Whose session it is."""
        ...


class Live(Protocol):
    """One kind of stream."""

    @property
    def request(self) -> Asker:
        """Who is told."""
        ...

    @property
    def reads(self) -> Sequence[str]:
        """What the snapshot is taken from."""
        ...

    def channels(self, hub: LiveHub) -> Sequence[str]:
        """What to subscribe to."""
        ...

    def snapshot(self) -> bytes:
        """The state now, as an event. Blocks. Raises NotFound."""
        ...

    def take(self, message: OrderMessage) -> bytes | None:
        """A change as an event; empty when it is known already, None when something before it is missing."""
        ...

    async def watch(self, subscription: Subscription) -> None:
        """Choose whose positions to get."""
        ...


class OrderStream:
    """A customer's order, and the position of the driver who brings it."""

    reads = ("order_details", "order_timeline")

    def __init__(self, request: ApiRequest, order_id: UUID) -> None:
        """Nothing is read yet."""
        self.request = request
        self.order_id = order_id
        self._order: OrderDetails | None = None
        self._version = 0
        self._driver_id: UUID | None = None
        self._resume_after = _last_event_id(request)

    def channels(self, hub: LiveHub) -> Sequence[str]:
        """The order's own."""
        return (hub.order(self.order_id),)

    def snapshot(self) -> bytes:
        """The order; or, the first time, what the client missed since Last-Event-ID."""
        with self.request.services.read() as connection:
            order = order_details.get(connection, self.order_id, customer_id=self.request.me.subject_id)
            if order is None:
                raise NotFound("order", self.order_id)
            missed = self._missed(connection, order)
        self._order, self._version, self._driver_id = order, order.version, order.driver_id
        if missed is None:
            return event("snapshot", OwnOrder.of(order), id=order.version)
        return b"".join(event("order", message, id=message.version) for message in missed)

    def take(self, message: OrderMessage) -> bytes | None:
        """Every version once and in order."""
        if message.version <= self._version:
            return b""
        if message.version > self._version + 1:
            return None
        self._version, self._driver_id = message.version, message.driver_id
        return event("order", message, id=message.version)

    async def watch(self, subscription: Subscription) -> None:
        """The driver of now."""
        if self._order is not None:
            await subscription.watch(self._order.region, self._driver_id)

    def _missed(self, connection: Connection, order: OrderDetails) -> list[OrderMessage] | None:
        after, self._resume_after = self._resume_after, None
        if after is None or after > order.version:
            return None
        steps = order_timeline.steps(connection, self.order_id, after_version=after)
        return [_message(step, order) for step in steps if step.version <= order.version]


class RestaurantStream:
    """All orders of a restaurant."""

    reads = ("order_lists",)

    def __init__(self, request: ApiRequest) -> None:
        """Nothing is read yet."""
        self.request = request
        self._seen: dict[UUID, int] = {}

    def channels(self, hub: LiveHub) -> Sequence[str]:
        """The restaurant's own."""
        return (hub.restaurant(self.request.me.subject_id),)

    def snapshot(self) -> bytes:
        """The open orders."""
        with self.request.services.read() as connection:
            page = order_lists.by_restaurant(connection, self.request.me.subject_id, open_only=True, limit=OPEN_ORDERS)
        self._seen = {order.order_id: order.version for order in page.items}
        return event("snapshot", OrderSnapshot(orders=[KitchenListing.of(order) for order in page.items]))

    def take(self, message: OrderMessage) -> bytes | None:
        """Whatever the snapshot did not show yet."""
        return _newer(self._seen, message)

    async def watch(self, subscription: Subscription) -> None:
        """Nobody's positions."""


class DriverStream:
    """Offers to a driver and the orders carried."""

    reads = ("order_lists",)

    def __init__(self, request: Asker, tell: Tell | None = None) -> None:
        """Nothing is read yet."""
        self.request = request
        self._tell = tell or event
        self._seen: dict[UUID, int] = {}

    def channels(self, hub: LiveHub) -> Sequence[str]:
        """The driver's own."""
        return (hub.driver(self.request.me.subject_id),)

    def snapshot(self) -> bytes:
        """Standing offers, and orders carried."""
        me = self.request.me.subject_id
        offers = standing_offers(self.request.services, me)
        with self.request.services.read() as connection:
            carried = order_lists.by_driver(connection, me, open_only=True, limit=OPEN_ORDERS).items
        self._seen = {order.order_id: order.version for order in carried}
        deliveries = [DeliveryListing.of(order) for order in carried]
        return self._tell("snapshot", DriverSnapshot(offers=offers, deliveries=deliveries))

    def take(self, message: OrderMessage) -> bytes | None:
        """Whatever the snapshot did not show yet."""
        fresh = _newer(self._seen, message)
        return fresh if not fresh or self._tell is event else self._tell("order", message)

    async def watch(self, subscription: Subscription) -> None:
        """Nobody's positions."""


def standing_offers(services: Services, driver_id: UUID) -> list[OfferListing]:
    """The offers that a driver can still answer. Blocks."""
    with services.read() as connection:
        offers = order_lists.offers_for(connection, driver_id, now=services.clock.now())
    return [
        OfferListing.of(offer, driver_fee_minor(services.tiffin.regions[offer.region].fees, offer.delivery_fee_minor))
        for offer in offers
    ]


async def respond(live: Live) -> Stream:
    """Take the first snapshot (so that a 404 is one), then stream."""
    events = _events(live)
    first = await anext(events)
    return Stream(
        partial(_chain, first, events),
        media_type=EVENT_STREAM,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def frames(live: Live) -> AsyncIterator[bytes]:
    """The same for a WebSocket: each line a frame."""
    return _events(live, frame, quiet=frame("heart-beat", {}), retry=b"")


def frame(name: str, data: object) -> bytes:
    """One line of JSON."""
    return _encode({"type": name, "data": data}) + b"\n"


def event(name: str, data: object, *, id: int | None = None) -> bytes:  # noqa: A002 - the field's name
    """One server-sent event."""
    head = b"" if id is None else b"id: %d\n" % id
    return b"%sevent: %s\ndata: %s\n\n" % (head, name.encode(), _encode(data))


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _events(
    live: Live, tell: Tell = event, *, quiet: bytes = b": heart-beat\n\n", retry: bytes = b"retry: %d\n" % RECONNECT_MS
) -> AsyncIterator[bytes]:
    services, session = live.request.services, live.request.me
    heartbeat_seconds = services.settings.api.heartbeat_seconds
    channels = (*live.channels(services.hub), services.sessions.channel(session.token_hash))
    async with services.hub.subscribe(*channels) as subscription:
        yield await _fresh(live, subscription)
        while not isinstance(message := await subscription.get(heartbeat_seconds), Ending):
            # Quiet, or messages were lost: the word that the session is over may be among them.
            if (message is None or isinstance(message, Resync)) and not await services.sessions.lives(session):
                yield tell("closing", {"reason": "session_over"})
                return
            if message is None:
                yield quiet
            elif isinstance(message, PositionMessage):
                yield tell("position", _Seen(message.position.lat, message.position.lon, message.at))
            elif isinstance(message, Resync) or (chunk := live.take(message)) is None:
                yield tell("resync", {}) + await _fresh(live, subscription)
            elif chunk:
                await live.watch(subscription)
                yield chunk
        yield retry + tell("closing", {"reason": "restarting"})


class _Seen(msgspec.Struct, frozen=True):
    """Where the driver is."""

    lat: float
    lon: float
    at: datetime


async def _fresh(live: Live, subscription: Subscription) -> bytes:
    """A snapshot that shows at least what was in the log when the subscription began."""
    services = live.request.services
    head = await services.in_thread(_head, services)
    await services.caught_up(live.reads, head)
    chunk = await services.in_thread(live.snapshot)
    await live.watch(subscription)
    return chunk


def _head(services: Services) -> int:
    with services.read() as connection:
        return positions.head(connection)


def _newer(seen: dict[UUID, int], message: OrderMessage) -> bytes:
    if message.version <= seen.get(message.order_id, 0):
        return b""
    if message.status in _OVER:
        seen.pop(message.order_id, None)
    else:
        seen[message.order_id] = message.version
    return event("order", message, id=message.position)


def _message(step: Step, order: OrderDetails) -> OrderMessage:
    return OrderMessage(
        position=step.position,
        order_id=step.order_id,
        version=step.version,
        topic=step.topic,
        occurred_at=step.occurred_at,
        status=step.status_after,
        dispatch=step.dispatch_after,
        restaurant_id=order.restaurant_id,
        driver_id=order.driver_id,
        driver_name=first_name(order.driver_name),
        data={name: step.data.get(name) for name in SHOWN.get(REGISTRY[step.topic], ())},
    )


def _last_event_id(request: ApiRequest) -> int | None:
    """What the client saw last; nothing usable means a snapshot."""
    value = request.call.headers.get(b"last-event-id", b"")
    return int(value) if len(value) <= ID_DIGITS and value.isdigit() else None
