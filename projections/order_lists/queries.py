"""Pages of orders, newest first, and what stands beside them."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Uuid,
    any_,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from domain.order.state import DispatchStatus, Status
from projections.order_lists.results import Earnings, OfferView, OrderInPlay, OrderOnMap, OrderSummary, StatusCount
from projections.order_lists.tables import EARNINGS, OFFERS, ORDERS, WORDS
from projections.paging import Page, cut, read_cursor
from projections.results import shown


def by_customer(
    c: Connection,
    customer_id: UUID,
    *,
    status: Status | None = None,
    since: datetime | None = None,
    before: str | None = None,
    limit: int = 20,
) -> Page[OrderSummary]:
    """A customer's orders, newest first. `before` is a page's `next_cursor`; a bad one raises InvalidInput."""
    wanted = [ORDERS.c.customer_id == customer_id]
    return _page(c, wanted, status=status, placed_from=since, before=before, limit=limit)


def by_restaurant(
    c: Connection, restaurant_id: UUID, *, open_only: bool = False, before: str | None = None, limit: int = 20
) -> Page[OrderSummary]:
    """A restaurant's orders, newest first; its work list with `open_only`."""
    wanted = [ORDERS.c.restaurant_id == restaurant_id]
    return _page(c, wanted, open_only=open_only, before=before, limit=limit)


def by_driver(
    c: Connection, driver_id: UUID, *, open_only: bool = False, before: str | None = None, limit: int = 20
) -> Page[OrderSummary]:
    """The orders that a driver was last assigned to, newest first; those carried now with `open_only`."""
    wanted = [ORDERS.c.driver_id == driver_id]
    return _page(c, wanted, open_only=open_only, before=before, limit=limit)


def search(
    c: Connection,
    *,
    status: Status | None = None,
    customer_id: UUID | None = None,
    restaurant_id: UUID | None = None,
    driver_id: UUID | None = None,
    parties: Collection[UUID] | None = None,
    brought_by: Collection[UUID] | None = None,
    placed_from: datetime | None = None,
    placed_to: datetime | None = None,
    late_minutes: int | None = None,
    text: str | None = None,
    before: str | None = None,
    limit: int = 20,
) -> Page[OrderSummary]:
    """Support's search, newest first. One of the `parties` is on one of the order's three sides.

    One of `brought_by` has the food and is on the way with it.
    `text` is an order's id, or beginnings of words in the two names; `late_minutes` how long after the promise it was
    delivered, at least.
    """
    keys = {"customer_id": customer_id, "restaurant_id": restaurant_id, "driver_id": driver_id}
    wanted = [ORDERS.c[name] == key for name, key in keys.items() if key is not None]
    if parties is not None:
        wanted.append(or_(*(ORDERS.c[name].in_(parties) for name in keys)))
    if brought_by is not None:
        wanted += _brought_by(brought_by)
    if placed_to is not None:
        wanted.append(ORDERS.c.placed_at < placed_to)
    if late_minutes is not None:
        # Both, because the index of late orders is found by the first.
        wanted.append(ORDERS.c.delivered_at > ORDERS.c.promised_at)
        wanted.append(ORDERS.c.delivered_at >= ORDERS.c.promised_at + timedelta(minutes=late_minutes))
    if text is not None and text.strip():
        wanted.append(_mentions(text))
    return _page(c, wanted, status=status, placed_from=placed_from, before=before, limit=limit)


def on_the_way(c: Connection, brought_by: Collection[UUID]) -> int:
    """How many orders these drivers have picked up and not yet delivered."""
    if not brought_by:
        return 0
    return int(c.execute(select(func.count()).select_from(ORDERS).where(*_brought_by(brought_by))).scalar_one())


def open_in_region(c: Connection, region: str, *, limit: int) -> list[OrderOnMap]:
    """A region's open orders, the oldest first: when there are more, those that wait longest are told."""
    query = (
        _ON_MAP.where(ORDERS.c.open, ORDERS.c.region == region)
        .order_by(ORDERS.c.placed_at, ORDERS.c.order_id)
        .limit(limit)
    )
    return [shown(OrderOnMap, row) for row in c.execute(query).mappings()]


def in_play(c: Connection, region: str, *, limit: int) -> list[OrderInPlay]:
    """A region's open orders with who carries them or is asked to, the oldest first."""
    query = (
        select(
            *(ORDERS.c[name] for name in OrderInPlay.__struct_fields__ if name in ORDERS.c),
            ORDERS.c.dropoff["position"].label("dropoff_position"),
            OFFERS.c.driver_id.label("offered_to"),
        )
        .join_from(ORDERS, OFFERS, OFFERS.c.order_id == ORDERS.c.order_id, isouter=True)
        .where(ORDERS.c.open, ORDERS.c.region == region)
        .order_by(ORDERS.c.placed_at, ORDERS.c.order_id)
        .limit(limit)
    )
    return [shown(OrderInPlay, row) for row in c.execute(query).mappings()]


def on_map(c: Connection, order_ids: Collection[UUID]) -> list[OrderOnMap]:
    """These orders as they are now, the oldest first; an unknown one is left out."""
    wanted = any_(literal(list(order_ids), ARRAY(Uuid)))
    query = _ON_MAP.where(ORDERS.c.order_id == wanted).order_by(ORDERS.c.placed_at, ORDERS.c.order_id)
    return [shown(OrderOnMap, row) for row in c.execute(query).mappings()]


def offers_for(c: Connection, driver_id: UUID, *, now: datetime | None = None) -> list[OfferView]:
    """The offers that await a driver's answer, the first to expire first; with `now`, only those not expired."""
    shared = [ORDERS.c[name] for name in OfferView.__struct_fields__ if name not in OFFERS.c]
    query = (
        select(OFFERS, *shared)
        .join_from(OFFERS, ORDERS, OFFERS.c.order_id == ORDERS.c.order_id)
        .where(OFFERS.c.driver_id == driver_id, ORDERS.c.dispatch == DispatchStatus.OFFERED.value)
        .order_by(OFFERS.c.expires_at)
    )
    if now is not None:
        query = query.where(OFFERS.c.expires_at > now)
    return [shown(OfferView, row) for row in c.execute(query).mappings()]


def status_breakdown(c: Connection, customer_id: UUID, since: datetime) -> list[StatusCount]:
    """Count a customer's orders placed since then by status."""
    query = (
        select(
            ORDERS.c.status,
            ORDERS.c.currency,
            func.count().label("orders"),
            func.sum(ORDERS.c.total_minor).cast(BigInteger).label("total_minor"),
        )
        .where(ORDERS.c.customer_id == customer_id, ORDERS.c.placed_at >= since)
        .group_by(ORDERS.c.status, ORDERS.c.currency)
        .order_by(ORDERS.c.status, ORDERS.c.currency)
    )
    return [shown(StatusCount, row) for row in c.execute(query).mappings()]


def earnings_since(c: Connection, driver_id: UUID, since: datetime, *, until: datetime | None = None) -> list[Earnings]:
    """Sum up what a driver earned from `since` to before `until`; empty when nothing was delivered."""
    query = (
        select(
            EARNINGS.c.currency,
            func.count().label("deliveries"),
            func.sum(EARNINGS.c.fee_minor).cast(BigInteger).label("fee_minor"),
            func.sum(EARNINGS.c.tip_minor).cast(BigInteger).label("tip_minor"),
        )
        .where(EARNINGS.c.driver_id == driver_id, EARNINGS.c.finished_at >= since)
        .group_by(EARNINGS.c.currency)
        .order_by(EARNINGS.c.currency)
    )
    if until is not None:
        query = query.where(EARNINGS.c.finished_at < until)
    return [shown(Earnings, row) for row in c.execute(query).mappings()]


def _brought_by(drivers: Collection[UUID]) -> list[ColumnElement[bool]]:
    """As one array: when a mobile network is down, there are more of them than a query may have parameters."""
    has_it = ORDERS.c.driver_id == any_(literal(list(drivers), ARRAY(Uuid)))
    return [ORDERS.c.open, ORDERS.c.status == Status.PICKED_UP.value, has_it]


def _page(
    c: Connection,
    wanted: list[ColumnElement[bool]],
    *,
    status: Status | None = None,
    open_only: bool = False,
    placed_from: datetime | None = None,
    before: str | None,
    limit: int,
) -> Page[OrderSummary]:
    if status is not None:
        wanted.append(ORDERS.c.status == status.value)
    if open_only:
        wanted.append(ORDERS.c.open)
    if placed_from is not None:
        wanted.append(ORDERS.c.placed_at >= placed_from)
    if before is not None:
        placed_at, order_id = read_cursor(before, tuple[datetime, UUID])
        wanted.append(tuple_(ORDERS.c.placed_at, ORDERS.c.order_id) < tuple_(placed_at, order_id))
    newest_first = select(ORDERS).where(*wanted).order_by(ORDERS.c.placed_at.desc(), ORDERS.c.order_id.desc())
    rows = c.execute(newest_first.limit(limit + 1)).mappings()
    return cut([shown(OrderSummary, row) for row in rows], limit, "placed_at", "order_id")


def _mentions(text: str) -> ColumnElement[bool]:
    try:
        return ORDERS.c.order_id == UUID(text.strip())
    except ValueError:
        words = "".join(char if char.isalnum() else " " for char in text).split()
        query = " & ".join(f"{word}:*" for word in words)
        return WORDS.op("@@")(func.to_tsquery(literal_column("'simple'"), query))


_ON_MAP = select(
    *(ORDERS.c[name] for name in OrderOnMap.__struct_fields__ if name in ORDERS.c),
    ORDERS.c.dropoff["position"].label("dropoff_position"),
)
