"""What the system does with an order in answer to events. What events have overtaken is quiet."""

from datetime import datetime, timedelta

from application.bootstrap import Tiffin
from application.broadcast import choose_drivers
from application.carrying import carried_by
from application.commands.followups import (
    CompleteOrder,
    ExpireOffer,
    MatchOrder,
    RejectUnanswered,
    RequestReview,
    ReviseEta,
)
from application.commands.handlers.saving import again, save_order
from application.context import Context
from application.estimates import estimate_order
from application.ids import new_id
from application.kinds import ORDER
from application.matching import Search, choose_driver, offer_seconds
from application.store import Receipt
from domain import order as orders
from domain.order import NEEDS_DRIVER, Status
from domain.region import Offers, Region

LEAST_PAUSE_SECONDS = 0.5
"""Machine time between two looks for a driver for one order."""
NOT_ANSWERED = "The restaurant did not answer in time."


def reject_unanswered(tiffin: Tiffin, ctx: Context, command: RejectUnanswered) -> Receipt:
    """Reject an order that still waits for its restaurant."""
    order = tiffin.store.load(ORDER, command.order_id)
    events = orders.reject(order, reason=NOT_ANSWERED) if order.status is Status.PLACED else []
    return save_order(tiffin, ctx, order, events)


def match(tiffin: Tiffin, ctx: Context, command: MatchOrder) -> Receipt:
    """Offer the order to the best driver; nobody there ends the round and sets this reaction to look again later."""
    order = tiffin.store.load(ORDER, command.order_id)
    if order.status not in NEEDS_DRIVER or order.driver_id is not None or order.offers:
        return save_order(tiffin, ctx, order, [])
    region = tiffin.regions[order.region]
    search = Search(
        order=order,
        region=region,
        now=ctx.now,
        machine_now=tiffin.clock.machine_now(),
        offer_until=ctx.now + timedelta(seconds=offer_seconds(order, region)),
        carried=carried_by(tiffin.store, ctx.now),
    )
    if region.dispatch.offers is Offers.BROADCAST:
        return _broadcast(tiffin, ctx, search)
    choice = choose_driver(tiffin.positions, search)
    if choice is None:
        return _nobody(tiffin, ctx, search)
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
        max_offers=region.dispatch.max_offers,
        now=ctx.now,
    )
    try:
        return save_order(tiffin, ctx, order, events)
    except Exception:
        # Nobody was asked, as far as is known here; the hold would otherwise last as long as the offer.
        tiffin.positions.release_claim(region.id, choice.driver_id, order.id)
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
    except Exception:
        for choice in chosen:
            tiffin.positions.release_claim(region.id, choice.driver_id, order.id)
        raise


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


def expire_offer(tiffin: Tiffin, ctx: Context, command: ExpireOffer) -> Receipt:
    """Let the offer that stands expire, if its time has passed; one made later has a reaction of its own."""
    order = tiffin.store.load(ORDER, command.order_id)
    due = order.offer is not None and order.offer.expires_at <= ctx.now
    events = orders.expire_offer(order, offer_id=order.offer.offer_id, now=ctx.now) if order.offer and due else []
    return save_order(tiffin, ctx, order, events)


def revise_eta(tiffin: Tiffin, ctx: Context, command: ReviseEta) -> Receipt:
    """Estimate anew from where the driver is and what the kitchen still needs."""
    order = tiffin.store.load(ORDER, command.order_id)
    eta = estimate_order(tiffin.positions, tiffin.regions[order.region], order, ctx.now)
    return save_order(tiffin, ctx, order, orders.revise_eta(order, eta=eta, now=ctx.now))


def complete(tiffin: Tiffin, ctx: Context, command: CompleteOrder) -> Receipt:
    """Close a delivered order; a cancelled one may have been charged, too, and stays cancelled."""
    order = tiffin.store.load(ORDER, command.order_id)
    events = orders.complete(order) if order.status is Status.DELIVERED else []
    return save_order(tiffin, ctx, order, events)


def request_review(tiffin: Tiffin, ctx: Context, command: RequestReview) -> Receipt:
    """Ask the customer how it was."""
    order = tiffin.store.load(ORDER, command.order_id)
    return save_order(tiffin, ctx, order, orders.request_review(order))
