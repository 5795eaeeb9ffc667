"""Whom to ask for an order: the best driver, the one that a plan foresees, or several at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from application.bootstrap import Tiffin
from application.broadcast import choose_drivers
from application.carrying import carried_by
from application.commands.followups import MatchOrder, OfferPlanned, TellUnserved
from application.commands.handlers.saving import again, save_order
from application.context import Context
from application.ids import new_id
from application.kinds import ORDER
from application.matching import Choice, PlanOvertaken, Search, choose_driver, hold_planned, may_ask, offer_seconds
from application.store import Fenced, Receipt, VersionConflict
from domain import order as orders
from domain.order import NEEDS_DRIVER, Foreseen, Order
from domain.region import Offers, Region

LEAST_PAUSE_SECONDS = 0.5
"""Machine time between two looks for a driver for one order."""


def match(tiffin: Tiffin, ctx: Context, command: MatchOrder) -> Receipt:
    """Offer the order to the best driver; nobody there ends the round and sets this reaction to look again later."""
    order = tiffin.store.load(ORDER, command.order_id)
    if not _searches(order):
        return save_order(tiffin, ctx, order, [])
    search = _search(tiffin, ctx, order)
    if search.region.dispatch.offers is Offers.BROADCAST:
        return _broadcast(tiffin, ctx, search)
    choice = choose_driver(tiffin.positions, search)
    return _nobody(tiffin, ctx, search) if choice is None else _offer(tiffin, ctx, search, choice)


def offer_planned(tiffin: Tiffin, ctx: Context, command: OfferPlanned) -> Receipt:
    """Offer the order to the driver whom a plan foresees. Raises PlanOvertaken; nothing has happened then."""
    order = tiffin.store.load(ORDER, command.order_id)
    if not _searches(order):
        return save_order(tiffin, ctx, order, [])
    search = _search(tiffin, ctx, order)
    if not may_ask(order, search.region) or (not order.round_over and command.driver_id in order.asked):
        raise PlanOvertaken("the driver was asked meanwhile, or the round has no offer left")
    choice = hold_planned(tiffin.positions, search, command.driver_id)
    return _offer(tiffin, ctx, search, choice, command.plan)


def tell_unserved(tiffin: Tiffin, ctx: Context, command: TellUnserved) -> Receipt:
    """End the round as a search that finds nobody does; the next plan may have the order again at once."""
    order = tiffin.store.load(ORDER, command.order_id)
    if not _searches(order):
        return save_order(tiffin, ctx, order, [])
    dispatch = tiffin.regions[order.region].dispatch
    pause_seconds = dispatch.retry_seconds if dispatch.planning is None else dispatch.planning.every_seconds
    retry_at = ctx.now + timedelta(seconds=pause_seconds)
    events = orders.no_driver(order, radius_m=dispatch.radii_m[-1], retry_at=retry_at, plan=command.plan)
    return save_order(tiffin, again(ctx, ctx.now), order, events)


def _searches(order: Order) -> bool:
    return order.status in NEEDS_DRIVER and order.driver_id is None and not order.offers


def _search(tiffin: Tiffin, ctx: Context, order: Order) -> Search:
    region = tiffin.regions[order.region]
    return Search(
        order=order,
        region=region,
        now=ctx.now,
        machine_now=tiffin.clock.machine_now(),
        offer_until=ctx.now + timedelta(seconds=offer_seconds(order, region)),
        carried=carried_by(tiffin.store, ctx.now),
    )


def _offer(tiffin: Tiffin, ctx: Context, search: Search, choice: Choice, plan: Foreseen | None = None) -> Receipt:
    """Ask the driver, who is held."""
    order, region = search.order, search.region
    events = orders.offer(
        order,
        offer_id=new_id(),
        driver_id=choice.driver_id,
        expires_at=search.offer_until,
        distance_m=choice.distance_m,
        travel_seconds=choice.travel_seconds,
        radius_m=choice.radius_m,
        candidates=choice.candidates,
        score=choice.score,
        rivals=choice.rivals,
        batch=choice.batch,
        unbatched=choice.unbatched,
        plan=plan,
        max_offers=region.dispatch.max_offers,
        now=ctx.now,
    )
    try:
        return save_order(tiffin, ctx, order, events)
    except Exception as error:
        _let_go(tiffin, order, [choice], error)
        raise


def _broadcast(tiffin: Tiffin, ctx: Context, search: Search) -> Receipt:
    """Offer the order to the best drivers at once."""
    order, region = search.order, search.region
    chosen = choose_drivers(tiffin.positions, search)
    if not chosen:
        return _nobody(tiffin, ctx, search)
    best = chosen[0]
    events = orders.broadcast(
        order,
        broadcast_id=new_id(),
        asks=[
            orders.Ask(
                offer_id=new_id(),
                driver_id=choice.driver_id,
                distance_m=choice.distance_m,
                travel_seconds=choice.travel_seconds,
                score=choice.score,
                batch=choice.batch,
            )
            for choice in chosen
        ],
        expires_at=search.offer_until,
        radius_m=best.radius_m,
        candidates=best.candidates,
        rivals=best.rivals,
        unbatched=best.unbatched,
        max_offers=region.dispatch.max_offers,
        now=ctx.now,
    )
    try:
        return save_order(tiffin, ctx, order, events)
    except Exception as error:
        _let_go(tiffin, order, chosen, error)
        raise


def _let_go(tiffin: Tiffin, order: Order, choices: Sequence[Choice], error: Exception) -> None:
    """Nobody was asked, as far as is known here; the holds would otherwise last as long as the offers.

    Where somebody else was first, they may be the holds of their offers to these very drivers.
    """
    standing = tiffin.store.load(ORDER, order.id).offers if isinstance(error, Fenced | VersionConflict) else ()
    asked = {offer.driver_id for offer in standing}
    for choice in choices:
        if choice.driver_id not in asked:
            tiffin.positions.release_claim(order.region, choice.driver_id, order.id)


def _nobody(tiffin: Tiffin, ctx: Context, search: Search) -> Receipt:
    """End the round, and look again later."""
    retry_at = _next_look(tiffin, ctx, search.region)
    events = orders.no_driver(search.order, radius_m=search.region.dispatch.radii_m[-1], retry_at=retry_at)
    return save_order(tiffin, again(ctx, retry_at), search.order, events)


def _next_look(tiffin: Tiffin, ctx: Context, region: Region) -> datetime:
    """After the region's pause; where business time runs fast, not so soon that workers do nothing but look.

    A driver who becomes free ends the pause anyway.
    """
    pause = timedelta(seconds=region.dispatch.retry_seconds)
    machine_seconds = tiffin.clock.machine_seconds_until(ctx.now + pause)
    return ctx.now + pause * max(1.0, LEAST_PAUSE_SECONDS / max(machine_seconds, 0.01))
