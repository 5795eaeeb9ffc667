"""The parts of a dispute's page below the account: offers, arrivals, money, messages, positions, every step."""

from collections.abc import Iterator, Sequence

from api.pages.axis import LANES
from api.pages.markup import Inside, Markup, element, joined
from api.pages.tables import Column, pairs, section, table
from api.pages.words import Clock, amount, distance, duration, late, signed
from application.disputes import Dispute
from application.disputes.batches import Condition
from application.disputes.report import Channel, Measure, Offered, PhaseKind, RivalTold, ToldStep

CHANNELS = {
    Channel.BROWSER: "browser",
    Channel.APP: "app",
    Channel.UNKNOWN: "channel not recorded",
    Channel.REACTION: "in answer",
    Channel.SYSTEM: "on its own",
}


def offers(dispute: Dispute, clock: Clock) -> Markup:
    """Each round with its offers: who was asked and why, and what is known of those who were not."""
    if not dispute.rounds and not dispute.offers:
        return section("Offers", element("p", "No driver was searched for.", class_="quiet"))
    told: list[Markup] = []
    for one in dispute.rounds:
        head = f"Round {one.number}, from {clock.exact(one.began_at)} within {distance(one.radius_m)}"
        told.append(element("article", element("h3", head), element("p", one.told, class_="quiet small")))
        told += [_offer(offer, clock) for offer in dispute.offers if offer.round == one.number]
    known = {one.number for one in dispute.rounds}
    told += [_offer(offer, clock) for offer in dispute.offers if offer.round not in known]
    return section("Offers", *told)


def _offer(offer: Offered, clock: Clock) -> Markup:
    name = offer.driver_name or f"Driver {offer.driver_id}"
    kind = {"accepted": "fine", "declined": "late", "expired": "late"}.get(offer.answer)
    took = "" if offer.seconds_to_answer is None else f" after {duration(offer.seconds_to_answer)}"
    reason = f": {offer.reason}" if offer.reason else ""
    return element(
        "article",
        element(
            "h3",
            f"{offer.sequence}. {name} ",
            element("span", offer.answer + took, class_=kind),
            reason,
        ),
        element(
            "p",
            f"Asked {clock.exact(offer.offered_at)}{_at_once(offer)}, {duration(offer.allowed_seconds)} to answer; "
            f"{distance(offer.distance_m)} and {duration(offer.travel_seconds)} from the restaurant. "
            f"{offer.score.total:.1f} points ({offer.score.profile.replace('_', ' ')}):",
            class_="small",
        ),
        element(
            "ul",
            *(
                element("li", f"{factor.replace('_', ' ')} {points + 0.0:+.1f}")
                for factor, points in offer.score.factors.items()
            ),
            class_="factors",
        ),
        *_batch(offer),
        *_not_offered(offer, clock),
    )


def _not_offered(offer: Offered, clock: Clock) -> Iterator[Markup]:
    if offer.place == 1:
        yield element("p", "Not offered: ", offer.not_offered.told, *_left_out(offer, clock), class_="quiet small")
        yield from _rivals(offer)
        yield from _unbatched(offer)


def _at_once(offer: Offered) -> str:
    return "" if offer.drivers_asked == 1 else f" as one of {offer.drivers_asked} at once"


def _batch(offer: Offered) -> Iterator[Markup]:
    if (batch := offer.batch) is not None:
        longer = "" if batch.added_seconds is None else f"{duration(batch.added_seconds)} longer for the driver, "
        pay = "" if batch.pay_minor is None else f", paying {amount(batch.pay_minor, batch.currency)}"
        yield element(
            "p",
            f"The second of two orders: {longer}{duration(batch.saved_seconds)} and {distance(batch.saved_m)} saved "
            f"against one after the other{pay}.",
            class_="small",
        )
        yield _conditions(batch.conditions)


def _unbatched(offer: Offered) -> Iterator[Markup]:
    for one in offer.not_offered.unbatched:
        yield element("p", f"Not batched with {one.name or one.driver_id}'s order: {one.told}.", class_="quiet small")
        yield _conditions(one.conditions)


def _conditions(conditions: Sequence[Condition]) -> Markup:
    signs = {True: "✓", False: "✗", None: "–"}
    kinds = {True: None, False: "late", None: None}
    told = (element("li", f"{signs[one.holds]} {one.told}", class_=kinds[one.holds]) for one in conditions)
    return element("ul", *told, class_="quiet small")


def _rivals(offer: Offered) -> Iterator[Markup]:
    if offer.not_offered.rivals:
        yield element("ul", *(element("li", _rival(one)) for one in offer.not_offered.rivals), class_="quiet small")


def _rival(rival: RivalTold) -> str:
    points = ", ".join(f"{name.replace('_', ' ')} {points + 0.0:+.1f}" for name, points in rival.score.factors.items())
    where = f"{distance(rival.distance_m)}, {duration(rival.travel_seconds)}"
    total = f"{rival.score.total:.1f} points ({points})"
    return f"{rival.name or rival.driver_id}: {rival.why}; {where}; {total}"


def _left_out(offer: Offered, clock: Clock) -> Iterator[str]:
    if offer.not_offered.left_out:
        names = (f"{one.name or one.driver_id} ({one.why} {clock.exact(one.at)})" for one in offer.not_offered.left_out)
        yield f" They were: {', '.join(names)}."


def etas(dispute: Dispute, clock: Clock) -> Markup:
    """What the customer was told of the arrival, and how far it was off."""
    rows: list[list[Inside]] = [
        [
            clock.exact(eta.told_at),
            "promise" if eta.promise else f"revision, {eta.confidence or 0:.0%} sure",
            clock.exact(eta.eta_at),
            "" if eta.promise else signed(eta.change_seconds),
            "" if eta.error_seconds is None else late(eta.error_seconds),
        ]
        for eta in dispute.etas
    ]
    heads = (
        Column("Told", "time"),
        Column("What"),
        Column("Arrival", "time"),
        Column("Moved", "number"),
        Column("Delivery came", "number"),
    )
    return section("Arrival as told, and what happened", table(heads, rows))


def money(dispute: Dispute, clock: Clock) -> Markup:
    """Payments, refunds, and whether all is settled."""
    paid, currency = dispute.money, dispute.money.currency
    rows: list[list[Inside]] = [
        [
            clock.exact(one.at),
            one.kind,
            joined(one.told, " ", element("span", one.payment_id, class_="id quiet")),
            "" if one.amount_minor is None else amount(one.amount_minor, currency),
        ]
        for one in paid.transfers
    ]
    owes = "open until the order ends" if paid.owes_minor is None else amount(paid.owes_minor, currency)
    told: list[tuple[str, Inside]] = [
        ("Total", amount(paid.price.total_minor, currency)),
        ("To pay", owes),
        ("Paid", amount(paid.pays_minor, currency)),
        ("Still held", amount(paid.held_minor, currency)),
    ]
    if paid.cost_bearer is not None:
        told.append(("Cost borne by", paid.cost_bearer))
    if paid.owes_minor is not None:
        settled = element("span", "yes", class_="fine") if paid.settled else element("strong", "no", class_="late")
        told.append(("Settled", settled))
    return section(
        "Money",
        table((Column("When", "time"), Column("What"), Column(), Column("Amount", "number")), rows),
        element("p"),
        pairs(*told),
    )


def notifications(dispute: Dispute, clock: Clock) -> Markup:
    """What each side was told."""
    rows: list[list[Inside]] = [
        [clock.exact(one.at), f"{one.to} {one.name or one.subject_id}", one.text, "read" if one.read else "not read"]
        for one in dispute.notifications
    ]
    if not rows:
        return section("Messages sent", element("p", "None.", class_="quiet"))
    return section(
        "Messages sent", table((Column("When", "time"), Column("To"), Column("Message"), Column(kind="time")), rows)
    )


def positions(dispute: Dispute, clock: Clock) -> Markup | None:
    """Where drivers were, if it was asked for."""
    if dispute.positions is None:
        return None
    names = {offer.driver_id: offer.driver_name for offer in dispute.offers}
    rows: list[list[Inside]] = [
        [clock.exact(one.at), names.get(one.driver_id) or str(one.driver_id), f"{one.position.lat}, {one.position.lon}"]
        for one in dispute.positions.seen
    ]
    told = element("p", dispute.positions.told, class_="quiet small")
    return section(
        "Driver positions",
        told,
        table((Column("When", "time"), Column("Driver"), Column("Latitude, longitude")), rows) if rows else None,
    )


def steps(dispute: Dispute, clock: Clock) -> Markup:
    """Every event, in order."""
    rows: list[Sequence[Inside]] = [
        [
            str(step.version),
            clock.exact(step.at),
            "" if step.seconds_since_previous is None else f"+{duration(step.seconds_since_previous)}",
            joined(step.told, *(_measure(measure) for measure in step.measures)),
            joined(element("span", _who(step)), *_by(step)),
        ]
        for step in dispute.steps
    ]
    return section(
        "Every step",
        table(
            (
                Column(kind="number"),
                Column("When", "time"),
                Column("Since the last", "number"),
                Column("What"),
                Column("Who, how, from where"),
            ),
            rows,
        ),
    )


def _measure(measure: Measure) -> Markup:
    """How long it took, against what was promised."""
    what = LANES[PhaseKind(measure.what)] if measure.what in set(PhaseKind) else measure.what.capitalize()
    if measure.promised_seconds is None or measure.late_seconds is None:
        return element("div", f"{what}: {duration(measure.seconds)}", class_="quiet small")
    kind = "late" if round(measure.late_seconds) > 0 else "fine"
    verdict = late(measure.late_seconds)
    if measure.what == "offer":
        verdict = "not in time" if measure.late_seconds > 0 else "in time"
    return element(
        "div",
        f"{what}: {duration(measure.seconds)} of {duration(measure.promised_seconds)}, ",
        element("span", verdict, class_=kind),
        class_="quiet small",
    )


def _who(step: ToldStep) -> str:
    return f"{step.actor_type}" + (f" {step.actor_name}" if step.actor_name else "")


def _by(step: ToldStep) -> Iterator[Markup]:
    answered = f" to step {step.answers_version}" if step.answers_version else ""
    how = f"{CHANNELS[step.channel]}{answered}" + (f", {step.ip}" if step.ip else "")
    if step.actor_type != "system":
        how += "" if step.ip else ", address not recorded"
    yield element("div", how, class_="quiet small")
    if step.user_agent:
        yield element("div", step.user_agent, class_="quiet small")
