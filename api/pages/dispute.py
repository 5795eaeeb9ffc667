"""One order's dispute as a page: the verdict, the time axis, the account, and everything it rests on."""

from collections.abc import Iterator

from api.pages.axis import LANES, Axis
from api.pages.dispute_parts import etas, money, notifications, offers, positions, steps
from api.pages.markup import Inside, Markup, document, element
from api.pages.style import STYLE
from api.pages.tables import Column, section, table
from api.pages.words import Clock, duration, late, signed
from application.disputes import Dispute
from application.disputes.report import Party

WIDTHS = {"narrow": 330.0, "middle": 620.0, "wide": 1000.0}
"""The axis is drawn three times, in the style sheet's units; one of them is shown."""

WORTH_SECONDS = 30.0
"""What a phase has to be late or early by to be mentioned beside the account."""


def page(dispute: Dispute) -> str:
    """Make the page of a dispute."""
    clock = Clock(dispute.timezone, dispute.placed_at)
    body = element(
        "main",
        _header(dispute, clock),
        _tiles(dispute),
        _axis(dispute),
        _account(dispute),
        offers(dispute, clock),
        etas(dispute, clock),
        money(dispute, clock),
        notifications(dispute, clock),
        positions(dispute, clock),
        steps(dispute, clock),
        _footer(dispute, clock),
    )
    title = f"Order at {dispute.restaurant_name}, {clock.full(dispute.placed_at)}"
    return document(title=title, style=STYLE, body=body)


def _header(dispute: Dispute, clock: Clock) -> Markup:
    driver = f", brought by {dispute.driver_name}" if dispute.driver_name else ""
    return element(
        "header",
        element("p", "Order ", element("span", str(dispute.order_id), class_="id"), class_="quiet small"),
        element("h1", f"{dispute.restaurant_name} for {dispute.customer_name}{driver}"),
        element(
            "p",
            f"Placed {clock.full(dispute.placed_at)}, promised {clock.time(dispute.promised_at)}, ",
            element("strong", dispute.status.replace("_", " ")),
            f". All times are {_zone(dispute)}.",
            class_="quiet",
        ),
        element("p", verdict(dispute, clock), class_="verdict"),
    )


def verdict(dispute: Dispute, clock: Clock) -> str:
    """The answer in a few sentences."""
    lateness, ending = dispute.lateness, dispute.ending
    if ending.at is None:
        over = f", {duration(lateness.overdue_seconds)} over the promise" if lateness.overdue_seconds else ""
        first = f"Not over yet{over}."
    elif ending.how == "delivered":
        first = f"Delivered {clock.time(ending.at)}, {late(lateness.total_seconds or 0.0)}."
    else:
        reason = f": {ending.reason.rstrip('.')}" if ending.reason else ""
        first = f"{ending.how.capitalize()} {clock.time(ending.at)} by {ending.by}{reason}."
        if lateness.overdue_seconds:
            first += f" The promise had passed {duration(lateness.overdue_seconds)} before."
    parts = [
        f"{party} {duration(seconds)}"
        for party, seconds in (
            ("restaurant", lateness.restaurant_seconds),
            ("platform", lateness.platform_seconds),
            ("driver", lateness.driver_seconds),
        )
        if round(seconds)
    ]
    second = f"Late by their own word: {', '.join(parts)}." if parts else "Nobody was late by their own word."
    rest = lateness.remainder_seconds
    if rest is None or not round(rest) or (rest < 0 and not parts):
        return f"{first} {second}"
    if rest > 0:
        return f"{first} {second} {duration(rest)} were not foreseen in the promise."
    return f"{first} {second} {duration(rest)} of that was made good elsewhere."


def _tiles(dispute: Dispute) -> Markup:
    lateness = dispute.lateness
    total = lateness.total_seconds
    tiles = [
        ("total", "against the promise", signed(total) if total is not None else "–"),
        ("restaurant", "restaurant late", duration(lateness.restaurant_seconds)),
        ("driver", "driver late", duration(lateness.driver_seconds)),
        ("platform", "platform late", duration(lateness.platform_seconds)),
        ("nobody", "nobody's, see account", "–" if total is None else signed(lateness.remainder_seconds or 0.0)),
    ]
    return element(
        "div",
        *(element("div", element("b", value), said, class_=f"tile {kind}") for kind, said, value in tiles),
        class_="tiles",
    )


def _axis(dispute: Dispute) -> Markup:
    key = [
        element("li", element("i", class_=f"k-{kind}"), text)
        for kind, text in (
            ("promised", "promised"),
            ("restaurant", "restaurant"),
            ("driver", "driver"),
            ("platform", "no driver yet"),
            ("nobody", "nobody's"),
        )
    ]
    return section(
        "What was promised, what happened",
        *(Axis(dispute, width).drawing(name) for name, width in WIDTHS.items()),
        element("ul", *key, element("li", "Full colour: beyond what was promised"), class_="key"),
    )


def _account(dispute: Dispute) -> Markup:
    lateness = dispute.lateness
    rows: list[list[Inside]] = [
        [_tag(share.party), share.because[0].upper() + share.because[1:], signed(share.seconds)]
        for share in lateness.shares
    ]
    if lateness.unexplained_seconds:
        rows.append([_tag(None), "Not explained by the events", signed(lateness.unexplained_seconds)])
    if lateness.total_seconds is not None:
        rows.append([element("strong", "Total"), "", element("strong", signed(lateness.total_seconds))])
    else:
        told = "Not delivered: there is no total to account for. These are the parts of it until then."
        rows.append([element("strong", "No total"), told, ""])
    return section(
        "The account",
        table((Column("Whose", repeated=False), Column(), Column(kind="number")), rows),
        element("p", *_phases(dispute), class_="quiet small"),
    )


def _phases(dispute: Dispute) -> Iterator[Inside]:
    """What early phases gave and parallel ones hid, which the account of the whole does not show."""
    early = [
        f"{LANES[phase.kind].lower()} {late(phase.late_seconds)}"
        for phase in dispute.phases
        if phase.late_seconds is not None and abs(phase.late_seconds) >= WORTH_SECONDS and phase.ended_at is not None
    ]
    if early:
        yield f"Each phase against its own promise: {', '.join(early)}. "
        yield "What went on beside a slower phase cost nothing."


def _footer(dispute: Dispute, clock: Clock) -> Markup:
    return element(
        "footer",
        element(
            "p",
            f"As of {clock.full(dispute.as_of)} ({_zone(dispute)}), from {dispute.version} recorded events. "
            "Late counts who broke a word of their own, and only while the order waited for it: the restaurant its "
            "announced preparation time; the driver the travel time of the offer and the estimate at pick-up; the "
            "platform the time the food was ready without a driver who could be there.",
        ),
    )


def _zone(dispute: Dispute) -> str:
    return dispute.timezone if dispute.timezone != "UTC" else "UTC (the region's time zone is not known)"


def _tag(party: Party | None) -> Markup:
    return element("span", party or "nobody", class_=f"tag {party or 'nobody'}")
