"""An order as each side sees it: what it needs for its part, and nothing about the others beyond that.

Support sees the read models' own rows. First names are all that customers, kitchens and drivers learn of each other.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from domain.geo import Position
from domain.order.events import Dropoff, EtaBreakdown, Line, Price
from domain.order.state import DispatchStatus, PaymentStatus, Status
from projections.order_details import Cancellation, OrderDetails
from projections.order_lists import OrderSummary
from projections.order_lists.results import ItemSummary
from projections.paging import Page


class OwnOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its customer sees it. Times are business time; a step that has not happened has none."""

    order_id: UUID
    version: int
    region: str
    status: Status
    dispatch: DispatchStatus
    payment_status: PaymentStatus
    restaurant_id: UUID
    restaurant_name: str
    restaurant_position: Position
    driver_id: UUID | None
    driver_name: str | None
    lines: tuple[Line, ...]
    price: Price
    dropoff: Dropoff
    delivery_distance_m: float
    prep_seconds: int
    placed_at: datetime
    promised_at: datetime
    eta_at: datetime
    eta_confidence: float | None
    eta_breakdown: EtaBreakdown | None
    confirmed_at: datetime | None
    preparation_started_at: datetime | None
    ready_at: datetime | None
    driver_assigned_at: datetime | None
    driver_arrived_at: datetime | None
    picked_up_at: datetime | None
    delivered_at: datetime | None
    completed_at: datetime | None
    rejected_at: datetime | None
    rejection_reason: str | None
    cancelled_at: datetime | None
    cancellation: Cancellation | None
    review_requested_at: datetime | None
    updated_at: datetime

    @classmethod
    def of(cls, order: OrderDetails) -> "OwnOrder":
        """From the read model's row."""
        return part(cls, order, driver_name=first_name(order.driver_name))


class KitchenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as its restaurant sees it: what to cook, for whom, by when, and who fetches it."""

    order_id: UUID
    version: int
    status: Status
    dispatch: DispatchStatus
    customer_name: str
    driver_id: UUID | None
    driver_name: str | None
    lines: tuple[Line, ...]
    currency: str
    subtotal_minor: int
    prep_seconds: int
    placed_at: datetime
    confirmed_at: datetime | None
    preparation_started_at: datetime | None
    ready_at: datetime | None
    driver_assigned_at: datetime | None
    driver_arrived_at: datetime | None
    picked_up_at: datetime | None
    rejected_at: datetime | None
    rejection_reason: str | None
    cancelled_at: datetime | None
    cancellation: Cancellation | None
    updated_at: datetime

    @classmethod
    def of(cls, order: OrderDetails) -> "KitchenOrder":
        """From the read model's row."""
        return part(
            cls,
            order,
            customer_name=first_name(order.customer_name),
            driver_name=first_name(order.driver_name),
            currency=order.price.currency,
            subtotal_minor=order.price.subtotal_minor,
        )


class OwnOrderListing(msgspec.Struct, frozen=True, kw_only=True):
    """One of a customer's orders in a list."""

    order_id: UUID
    version: int
    status: Status
    dispatch: DispatchStatus
    open: bool
    restaurant_id: UUID
    restaurant_name: str
    driver_name: str | None
    items: tuple[ItemSummary, ...]
    currency: str
    total_minor: int
    placed_at: datetime
    promised_at: datetime
    eta_at: datetime
    delivered_at: datetime | None

    @classmethod
    def of(cls, order: OrderSummary) -> "OwnOrderListing":
        """From the list's row."""
        return part(cls, order, driver_name=first_name(order.driver_name))


class KitchenListing(msgspec.Struct, frozen=True, kw_only=True):
    """An order in a kitchen's work list."""

    order_id: UUID
    version: int
    status: Status
    dispatch: DispatchStatus
    open: bool
    customer_name: str
    driver_name: str | None
    items: tuple[ItemSummary, ...]
    prep_seconds: int
    placed_at: datetime
    confirmed_at: datetime | None
    ready_at: datetime | None
    picked_up_at: datetime | None

    @classmethod
    def of(cls, order: OrderSummary) -> "KitchenListing":
        """From the list's row."""
        return part(
            cls, order, customer_name=first_name(order.customer_name), driver_name=first_name(order.driver_name)
        )


class DeliveryListing(msgspec.Struct, frozen=True, kw_only=True):
    """An order that a driver carries or carried. Whom and where it went is told while it is open."""

    order_id: UUID
    version: int
    status: Status
    dispatch: DispatchStatus
    open: bool
    region: str
    restaurant_id: UUID
    restaurant_name: str
    restaurant_position: Position
    customer_name: str | None
    dropoff: Dropoff | None
    items: tuple[ItemSummary, ...]
    delivery_distance_m: float
    currency: str
    tip_minor: int
    prep_seconds: int
    placed_at: datetime
    eta_at: datetime
    ready_at: datetime | None
    picked_up_at: datetime | None
    delivered_at: datetime | None

    @classmethod
    def of(cls, order: OrderSummary) -> "DeliveryListing":
        """From the list's row."""
        return part(
            cls,
            order,
            customer_name=first_name(order.customer_name) if order.open else None,
            dropoff=order.dropoff if order.open else None,
        )


def listed[S, T](of: Callable[[S], T], page: Page[S]) -> Page[T]:
    """A page of one side's listings."""
    return Page([of(order) for order in page.items], page.next_cursor)


def part[T: msgspec.Struct](kind: type[T], whole: msgspec.Struct, **shown: object) -> T:
    """Make a `kind` out of the fields of the same names, `shown` taking precedence."""
    same = {name: getattr(whole, name) for name in kind.__struct_fields__ if name not in shown}
    return kind(**same, **shown)


def first_name[N: (str, str | None)](name: N) -> N:
    """As people who do not know each other use it."""
    return name.split(" ", 1)[0] if name else name
