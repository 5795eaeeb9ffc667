"""What every handler does around its decision: load what the actor may know about, and append what was decided."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from application.bootstrap import Tiffin
from application.context import Context
from application.kinds import DRIVER, ORDER, RESTAURANT
from application.store import Answer, Change, Kind, Receipt, Versioned
from domain.driver import Driver, duty
from domain.errors import NotFound
from domain.event import Event, Role
from domain.order import Order
from domain.restaurant import Restaurant, opening


class Decided(NamedTuple):
    """What was decided about one stream, and the state that it leads to."""

    change: Change
    after: Versioned


def decided[S: Versioned](kind: Kind[S], before: S, events: Sequence[Event], ctx: Context) -> Decided:
    """Tie events to the state that they were decided on."""
    return Decided(Change(before.id, before.version, events), fold(kind, before, events, ctx.now))


def owned_order(tiffin: Tiffin, ctx: Context, order_id: UUID) -> Order:
    """Load an order; customers and restaurants know only of their own, drivers and staff of any. Raises NotFound."""
    order = tiffin.store.load(ORDER, order_id)
    owner = {Role.CUSTOMER: order.customer_id, Role.RESTAURANT: order.restaurant_id}.get(ctx.role, ctx.actor_id)
    if owner != ctx.actor_id:
        raise NotFound("order", order_id)
    return order


def driver_as_self(tiffin: Tiffin, ctx: Context, driver_id: UUID) -> Driver:
    """Load a driver; drivers act for themselves only. Raises NotFound."""
    if ctx.role is Role.DRIVER and ctx.actor_id != driver_id:
        raise NotFound("driver", driver_id)
    return tiffin.store.load(DRIVER, driver_id)


def own_restaurant(tiffin: Tiffin, ctx: Context, restaurant_id: UUID) -> Restaurant:
    """Load a restaurant; restaurants act for themselves only. Raises NotFound."""
    if ctx.role is Role.RESTAURANT and ctx.actor_id != restaurant_id:
        raise NotFound("restaurant", restaurant_id)
    return tiffin.store.load(RESTAURANT, restaurant_id)


def save_order(tiffin: Tiffin, ctx: Context, order: Order, events: Sequence[Event], *others: Decided) -> Receipt:
    """Append what was decided about an order, and about others with it. Answers its id and status."""
    after = fold(ORDER, order, events, ctx.now)
    answer = Answer(id=after.id, status=after.status, version=after.version)
    return append(tiffin, ctx, answer, Decided(Change(order.id, order.version, events), after), *others)


def save_offer(tiffin: Tiffin, ctx: Context, order: Order, events: Sequence[Event], *others: Decided) -> Receipt:
    """Append what a driver did about an order. Answers the order's id and where its driver is."""
    after = fold(ORDER, order, events, ctx.now)
    answer = Answer(id=after.id, status=after.dispatch, version=after.version)
    return append(tiffin, ctx, answer, Decided(Change(order.id, order.version, events), after), *others)


def save_driver(tiffin: Tiffin, ctx: Context, driver: Driver, events: Sequence[Event], *others: Decided) -> Receipt:
    """Append what was decided about a driver. Answers "on_shift", "off_shift" or "suspended"."""
    after = fold(DRIVER, driver, events, ctx.now)
    answer = Answer(id=after.id, status=duty(after), version=after.version)
    return append(tiffin, ctx, answer, Decided(Change(driver.id, driver.version, events), after), *others)


def save_restaurant(
    tiffin: Tiffin, ctx: Context, restaurant: Restaurant, events: Sequence[Event], *, answer_id: UUID | None = None
) -> Receipt:
    """Append what was decided about a restaurant. Answers its id, or the item's, and "open", "closed" or "paused"."""
    after = fold(RESTAURANT, restaurant, events, ctx.now)
    answer = Answer(id=answer_id or after.id, status=opening(after, ctx.now), version=after.version)
    return append(tiffin, ctx, answer, Decided(Change(restaurant.id, restaurant.version, events), after))


def begin(tiffin: Tiffin, ctx: Context, stream_id: UUID, events: Sequence[Event], *, status: str) -> Receipt:
    """Append a new stream. Answers its id and `status`."""
    answer = Answer(id=stream_id, status=status, version=len(events))
    return tiffin.store.append(
        [Change(stream_id, 0, events)],
        answer=answer,
        meta=ctx.meta,
        occurred_at=ctx.now,
        idempotency=ctx.idempotency,
        closing=ctx.closing,
    )


def append(tiffin: Tiffin, ctx: Context, answer: Answer, *decided: Decided) -> Receipt:
    """Append all or nothing, under the context's idempotency key, closing the context's reaction."""
    return tiffin.store.append(
        [one.change for one in decided],
        answer=answer,
        meta=ctx.meta,
        occurred_at=ctx.now,
        idempotency=ctx.idempotency,
        closing=ctx.closing,
        snapshots={one.change.stream_id: one.after for one in decided if one.change.events},
    )


def fold[S: Versioned](kind: Kind[S], before: S, events: Sequence[Event], at: datetime) -> S:
    """Fold events into the state they were decided on, version included."""
    state = before
    for event in events:
        state = kind.evolve(state, before.id, event, at)
    return replace(state, version=before.version + len(events))  # type: ignore[type-var]


def again(ctx: Context, due_at: datetime) -> Context:
    """Let the append set this reaction to a later time (business) instead of closing it."""
    if ctx.closing is None:
        return ctx
    return replace(ctx, closing=replace(ctx.closing, outcome="again", due_at=due_at))
