"""What answers show where a read model's row is not it: each built from query results, without rules."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from api.order_views import DeliveryListing, KitchenListing
from application.time_travel import Difference
from domain.batching import Batched
from domain.geo import Position
from domain.order.events import EtaBreakdown, Line, Price
from projections.driver_board import DriverOnBoard
from projections.inbox import Entry
from projections.order_lists import OfferView, StatusCount
from projections.order_timeline import Step
from projections.restaurants import MenuItemView, NearRestaurant, RestaurantView


class RestaurantListing(msgspec.Struct, frozen=True, kw_only=True):
    """A restaurant in a list by distance. `delivers` tells whether it comes to the asked position."""

    id: UUID
    name: str
    region: str
    position: Position
    address: str
    cuisines: tuple[str, ...]
    prep_seconds: int
    delivery_radius_m: float
    distance_m: float
    open: bool
    delivers: bool

    @classmethod
    def of(cls, near: NearRestaurant) -> "RestaurantListing":
        """From a search's row."""
        return cls(
            id=near.restaurant_id,
            name=near.name,
            region=near.region,
            position=near.position,
            address=near.address,
            cuisines=near.cuisines,
            prep_seconds=near.prep_seconds,
            delivery_radius_m=near.delivery_radius_m,
            distance_m=near.distance_m,
            open=near.open,
            delivers=near.delivers,
        )


class Dish(msgspec.Struct, frozen=True, kw_only=True):
    """A dish on a menu, priced in minor units of `currency`."""

    item_id: UUID
    name: str
    description: str
    category: str
    price_minor: int
    currency: str
    available: bool

    @classmethod
    def of(cls, item: MenuItemView, currency: str) -> "Dish":
        """From a menu's row."""
        return cls(
            item_id=item.item_id,
            name=item.name,
            description=item.description,
            category=item.category,
            price_minor=item.price_minor,
            currency=currency,
            available=item.available,
        )


class RestaurantPage(msgspec.Struct, frozen=True, kw_only=True):
    """A restaurant with its menu, as customers see it. `open` takes a pause into account."""

    id: UUID
    name: str
    region: str
    currency: str
    position: Position
    address: str
    cuisines: tuple[str, ...]
    prep_seconds: int
    delivery_radius_m: float
    open: bool
    paused_until: datetime | None
    menu: list[Dish]
    version: int

    @classmethod
    def of(cls, view: RestaurantView, menu: list[MenuItemView], currency: str, now: datetime) -> "RestaurantPage":
        """From the read model's rows."""
        return cls(
            id=view.restaurant_id,
            name=view.name,
            region=view.region,
            currency=currency,
            position=view.position,
            address=view.address,
            cuisines=view.cuisines,
            prep_seconds=view.prep_seconds,
            delivery_radius_m=view.delivery_radius_m,
            open=view.is_open(now),
            paused_until=view.paused_until,
            menu=[Dish.of(item, currency) for item in menu],
            version=view.version,
        )


class OwnRestaurant(RestaurantPage, frozen=True, kw_only=True):
    """A restaurant as it sees itself."""

    phone: str

    @classmethod
    def of(cls, view: RestaurantView, menu: list[MenuItemView], currency: str, now: datetime) -> "OwnRestaurant":
        """From the read model's rows."""
        page = RestaurantPage.of(view, menu, currency, now)
        return cls(phone=view.phone, **{name: getattr(page, name) for name in page.__struct_fields__})


class QuoteView(msgspec.Struct, frozen=True, kw_only=True):
    """What a basket costs and how long it takes if ordered now."""

    lines: tuple[Line, ...]
    price: Price
    delivery_distance_m: float
    eta_seconds: float
    eta_breakdown: EtaBreakdown


class EtaView(msgspec.Struct, frozen=True, kw_only=True):
    """When an order arrives, by the latest estimate; `confidence` is 0 to 1, none before the first revision."""

    order_id: UUID
    eta_at: datetime
    promised_at: datetime
    confidence: float | None
    breakdown: EtaBreakdown | None


class OrdersSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's orders of the last days by status and currency."""

    days: int
    since: datetime
    statuses: list[StatusCount]


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """Messages, newest first; `unread` counts all those after the read mark."""

    items: list[Entry]
    next_cursor: str | None
    unread: int


class ReadMark(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to `position` has been read."""

    position: int


class Pickup(msgspec.Struct, frozen=True, kw_only=True):
    """Where an offered order is fetched."""

    id: UUID
    name: str
    position: Position


class OfferListing(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that awaits this driver's answer. `fee_minor` is the driver's part of the delivery fee."""

    order_id: UUID
    offer_id: UUID
    sequence: int
    expires_at: datetime
    restaurant: Pickup
    dropoff: Position
    distance_m: float
    """To the restaurant."""
    travel_seconds: float
    delivery_distance_m: float
    currency: str
    fee_minor: int
    tip_minor: int
    drivers_asked: int
    """At once, this one included: where there are more, the first who accepts has the order."""
    batch: Batched | None
    """For a second order: the way over both, and what this one adds to it."""

    @classmethod
    def of(cls, offer: OfferView, fee_minor: int) -> "OfferListing":
        """From the list's row. The drop-off is rounded to about 100 m until the offer is accepted."""
        return cls(
            order_id=offer.order_id,
            offer_id=offer.offer_id,
            sequence=offer.sequence,
            expires_at=offer.expires_at,
            restaurant=Pickup(id=offer.restaurant_id, name=offer.restaurant_name, position=offer.restaurant_position),
            dropoff=Position(round(offer.dropoff.position.lat, 3), round(offer.dropoff.position.lon, 3)),
            distance_m=offer.distance_m,
            travel_seconds=offer.travel_seconds,
            delivery_distance_m=offer.delivery_distance_m,
            currency=offer.currency,
            fee_minor=fee_minor,
            tip_minor=offer.tip_minor,
            drivers_asked=offer.drivers_asked,
            batch=offer.batch,
        )


class Offers(msgspec.Struct, frozen=True, kw_only=True):
    """The offers that stand."""

    items: list[OfferListing]


class DriverView(msgspec.Struct, frozen=True, kw_only=True):
    """A driver's own state. `deliveries_today` counts the region's local day."""

    driver_id: UUID
    name: str
    region: str
    vehicle: str
    capacity: int
    status: str
    silent: bool
    suspended: bool
    load: int
    deliveries: int
    deliveries_today: int
    earnings_goal: int
    rating: float
    acceptance_rate: float
    version: int

    @classmethod
    def of(cls, row: DriverOnBoard) -> "DriverView":
        """From the board's row."""
        return cls(
            driver_id=row.driver_id,
            name=row.name,
            region=row.region,
            vehicle=row.vehicle,
            capacity=row.capacity,
            status="on_shift" if row.on_shift else "off_shift",
            silent=row.silent,
            suspended=row.suspended,
            load=row.load,
            deliveries=row.deliveries,
            deliveries_today=row.deliveries_today,
            earnings_goal=row.earnings_goal,
            rating=row.rating,
            acceptance_rate=row.acceptance_rate,
            version=row.version,
        )


class DriverDay(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver earned on one local day, in minor units."""

    date: date
    currency: str
    deliveries: int
    fee_minor: int
    tip_minor: int
    total_minor: int


class PingsTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of positions: a dropped one was stale, impossible, or sent off shift.

    Late ones are too old to say where you are now, and kept as where you were.
    """

    accepted: int
    late: int
    dropped: int


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """Positions that were not taken, by why."""

    stale: int
    unknown: int
    impossible: int


class GatewayTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of many drivers' positions."""

    accepted: int
    late: int
    """Too old to say where drivers are now; kept as where they were."""
    dropped: Dropped


class MenuBatch(msgspec.Struct, frozen=True, kw_only=True):
    """The new dishes' ids in the order they were sent, and the restaurant's version."""

    items: list[UUID]
    version: int


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All that happened to an order."""

    order_id: UUID
    steps: list[Step]


class StreamDiff(msgspec.Struct, frozen=True, kw_only=True):
    """What changed in a stream between two of its versions."""

    stream_id: UUID
    kind: str
    from_version: int
    to_version: int
    changes: list[Difference]


class OrderSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a restaurant's stream begins with."""

    orders: list[KitchenListing]


class DriverSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver's stream begins with."""

    offers: list[OfferListing]
    deliveries: list[DeliveryListing]
