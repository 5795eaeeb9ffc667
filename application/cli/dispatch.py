"""`tiffin dispatch explain ORDER`: why these drivers were asked, and whom each profile would ask now."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import click
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from application import intentions
from application.bootstrap import Tiffin, open_tiffin
from application.carrying import carried_by
from application.cli import wide
from application.disputes.batches import Condition, ToldUnbatched, told_refused
from application.disputes.gather import gather
from application.disputes.report import Dispute, NotOffered, Offered
from application.engines.embedded import resolved
from application.kinds import ORDER
from application.matching import Choice, Search, candidates, offer_seconds, unbatched
from application.revision import check
from application.settings import read_settings
from application.surroundings import LeftOut, Unfit, left_out
from domain.errors import NotFound
from domain.order import NEEDS_DRIVER, Order, preparation_left_seconds
from domain.scoring import PROFILES, Score
from projections import driver_board

UNFIT: Mapping[Unfit, str] = {
    Unfit.SILENT: "not heard of for too long",
    Unfit.FULL: "carries as many orders as the driver may",
    Unfit.SUSPENDED: "suspended",
    Unfit.ASKED: "asked already in this round",
    Unfit.HELD: "held for another order",
}


@click.group(name="dispatch")
def command() -> None:
    """Why these drivers were asked."""


@command.command(name="explain")
@click.argument("order_id", metavar="ORDER", type=click.UUID)
def explain(order_id: UUID) -> None:
    """Tell of ORDER every offer with its candidates and factors.

    While a driver is searched for, also whom each profile would ask now. Looks only: nobody is held or asked.
    """
    console = wide.console()
    with resolved(read_settings()) as settings:
        check(settings.database.url)
        with open_tiffin(settings) as tiffin:
            try:
                with tiffin.reads.connect() as connection:
                    dispute = gather(tiffin, connection, order_id, with_positions=False)
            except NotFound as error:
                raise click.ClickException(str(error)) from None
            order = tiffin.store.load(ORDER, order_id)
            searching = order.status in NEEDS_DRIVER and order.driver_id is None
            _tell_order(console, dispute, order, tiffin.clock.now())
            _tell_offers(console, dispute, searching=searching)
            if searching:
                _tell_intention(console, tiffin, order)
                _tell_now(console, tiffin, order)


def ranking(tiffin: Tiffin, order: Order) -> Mapping[str, Sequence[Choice]]:
    """Whom each profile would ask for an order now, best first; within the smallest radius that has anybody."""
    search = _search(tiffin, order)
    region = search.region
    found: dict[str, Sequence[Choice]] = {}
    for profile in PROFILES:
        dispatch = replace(region.dispatch, profile=profile)
        as_profiled = replace(search, region=replace(region, dispatch=dispatch))
        looks = (candidates(tiffin.positions, as_profiled, radius_m) for radius_m in dispatch.radii_m)
        found[profile] = next(filter(None, looks), ())
    return found


def _search(tiffin: Tiffin, order: Order) -> Search:
    region, now = tiffin.regions[order.region], tiffin.clock.now()
    return Search(
        order=order,
        region=region,
        now=now,
        machine_now=tiffin.clock.machine_now(),
        offer_until=now + timedelta(seconds=offer_seconds(order, region)),
        carried=carried_by(tiffin.store, now),
    )


def unfit_near(tiffin: Tiffin, order: Order) -> list[LeftOut]:
    """Who is near the restaurant and whom no profile can choose now, nearest first; within the largest radius."""
    region = tiffin.regions[order.region]
    return left_out(
        tiffin.positions,
        region.id,
        order.restaurant_position,
        radius_m=max(region.dispatch.radii_m),
        now=tiffin.clock.now(),
        machine_now=tiffin.clock.machine_now(),
        asked=() if order.round_over else order.asked,
        order_id=order.id,
    )


def _tell_order(console: Console, dispute: Dispute, order: Order, now: datetime) -> None:
    kitchen = ""
    if order.status in NEEDS_DRIVER:
        minutes = preparation_left_seconds(order, now) / 60
        kitchen = f", the kitchen needs {minutes:.0f} min more" if minutes > 0 else ", the kitchen's time is over"
    console.print(
        f"{dispute.restaurant_name}: {dispute.status}{kitchen}; driver: {dispute.driver_name or 'none'}. "
        f"Placed at {dispute.placed_at:%H:%M:%S}, promised for {dispute.promised_at:%H:%M:%S}; all times are UTC."
    )


def _tell_offers(console: Console, dispute: Dispute, *, searching: bool) -> None:
    for round_ in dispute.rounds:
        console.print(
            f"Round {round_.number}, {round_.began_at:%H:%M:%S}, {round_.radius_m / 1000:g} km: {round_.told}"
        )
        for offer in dispute.offers:
            if offer.round == round_.number:
                console.print(_offer_table(offer))
                _tell_batch(console, offer, dispute.order_id)
                if offer.place == 1:
                    _tell_not_offered(console, offer.not_offered)
    if not dispute.rounds:
        console.print("Nobody has been asked yet." if searching else "No driver was searched for.")


def _offer_table(offer: Offered) -> Table:
    table = Table("driver", "", "km", "min", "points", *_heads(offer.score), title=_title(offer))
    asked = str(offer.driver_name or offer.driver_id)
    table.add_row(asked, offer.answer, *_cells(offer.distance_m, offer.travel_seconds, offer.score))
    for rival in offer.not_offered.rivals if offer.place == 1 else ():
        name = str(rival.name or rival.driver_id)
        table.add_row(name, rival.why.replace("_", " "), *_cells(rival.distance_m, rival.travel_seconds, rival.score))
    return table


def _title(offer: Offered) -> str:
    together = "" if offer.drivers_asked == 1 else f", one of {offer.drivers_asked} at once"
    ended = f", open until {offer.expires_at:%H:%M:%S}"
    if offer.seconds_to_answer is not None:
        because = f": {offer.reason}" if offer.reason else ""
        ended = f", {offer.answer} after {offer.seconds_to_answer:.0f} of {offer.allowed_seconds:.0f} s{because}"
    return f"Offer {offer.sequence}{together} at {offer.offered_at:%H:%M:%S}{ended}"


def _tell_batch(console: Console, offer: Offered, order_id: UUID) -> None:
    if (batch := offer.batch) is not None:
        others = {one.order_id for one in batch.stops} - {order_id}
        route = ", ".join(
            f"{one.call.replace('_', ' ')} {'this one' if one.order_id == order_id else 'the other'}"
            for one in batch.stops
        )
        console.print(f"The second order beside {', '.join(map(str, others))}, for the route: {route}.")
        _tell_conditions(console, batch.conditions)


def _tell_not_offered(console: Console, not_offered: NotOffered) -> None:
    console.print(not_offered.told)
    for one in not_offered.left_out:
        console.print(f"  left out: {one.name or one.driver_id}, who {one.why} at {one.at:%H:%M:%S}")
    _tell_unbatched(console, not_offered.unbatched)


def _tell_unbatched(console: Console, unbatched: Sequence[ToldUnbatched]) -> None:
    for one in unbatched:
        console.print(f"  not batched: {one.name or one.driver_id}: {one.told}")
        _tell_conditions(console, one.conditions)


def _tell_conditions(console: Console, conditions: Sequence[Condition]) -> None:
    words = {True: "holds", False: "fails", None: "-"}
    for one in conditions:
        console.print(f"    {words[one.holds]:>5}  {one.told}")


def _tell_intention(console: Console, tiffin: Tiffin, order: Order) -> None:
    plan = intentions.read(tiffin, order.region)
    if plan is None or order.offers:
        return
    queue = f"A plan at {plan.at:%H:%M:%S} UTC for {plan.waiting} orders that wait and {plan.drivers} drivers"
    found = plan.orders.get(order.id)
    if found is None:
        console.print(f"{queue} does not have this order yet, or nobody for it.")
        return
    with tiffin.reads.connect() as connection:
        name = driver_board.names(connection, {found.driver_id}).get(found.driver_id, str(found.driver_id))
    console.print(
        f"{queue} foresees {name}, to be asked from {found.offer_at:%H:%M:%S} on and to pick up at "
        f"{found.pickup_at:%H:%M:%S}, unless a better one is found until then."
    )


def _tell_now(console: Console, tiffin: Tiffin, order: Order) -> None:
    by_profile, unfit = ranking(tiffin, order), unfit_near(tiffin, order)
    apart = unbatched(tiffin.positions, _search(tiffin, order), max(tiffin.regions[order.region].dispatch.radii_m))
    in_use = tiffin.regions[order.region].dispatch.profile
    known = (
        {one.driver_id for found in by_profile.values() for one in found}
        | {one.driver_id for one in unfit}
        | set(apart)
    )
    with tiffin.reads.connect() as connection:
        names = driver_board.names(connection, known)
    if not any(by_profile.values()):
        console.print("Nobody is near enough, free and heard of at this moment.")
    for profile, choices in by_profile.items():
        if choices:
            title = f"Now by {profile}{', which is in use' if profile == in_use else ''}"
            table = Table("driver", "km", "min", "points", *_heads(choices[0].score), title=title)
            for one in choices:
                name = names.get(one.driver_id, str(one.driver_id))
                table.add_row(name, *_cells(one.distance_m, one.travel_seconds, one.score))
            console.print(table)
    if unfit:
        console.print(_unfit_table(unfit, names))
    _tell_unbatched(console, [told_refused(driver_id, why, names) for driver_id, why in apart.items()])


def _unfit_table(unfit: Sequence[LeftOut], names: Mapping[UUID, str]) -> Table:
    table = Table("driver", "km", "why", title="Near, and left out by each")
    for one in unfit:
        table.add_row(names.get(one.driver_id, str(one.driver_id)), f"{one.distance_m / 1000:.2f}", UNFIT[one.why])
    return table


def _heads(score: Score) -> list[str]:
    return [factor.replace("_", " ") for factor in score.factors]


def _cells(distance_m: float, travel_seconds: float, score: Score) -> list[str]:
    factors = (f"{points + 0.0:.2f}" for points in score.factors.values())
    return [f"{distance_m / 1000:.2f}", f"{travel_seconds / 60:.1f}", f"{score.total:.2f}", *factors]
