"""An order's time axis in SVG: a lane per phase with promised above actual, offers, arrivals told, and the promise.

Labels never meet: each lane, offer and arrival has rows of its own, and what stands on the axis takes turns.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from unicodedata import east_asian_width

from api.pages.markup import Markup, element, joined
from api.pages.words import Clock, duration, late
from application.disputes import Dispute
from application.disputes.report import Offered, Phase, PhaseKind, ToldEta

LETTER, BOLD_LETTER = 6.7, 7.4
"""What a letter takes, rather too much than too little."""
ROW, BAR = 18.0, 19.0
EDGE = 2.0
TICKS_SECONDS = (60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400, 604_800)
TICK_WIDTH, HALF_TICK = 58.0, 20.0
MOST_MARKS = 12
"""Offers, and arrivals told, in one drawing; the tables below have them all."""

LANES = {
    PhaseKind.ANSWER: "Restaurant's answer",
    PhaseKind.KITCHEN: "Kitchen",
    PhaseKind.SEARCH: "Without a driver",
    PhaseKind.APPROACH: "To the restaurant",
    PhaseKind.WAIT: "At the restaurant",
    PhaseKind.DRIVE: "To the customer",
}
OWNERS = {
    PhaseKind.ANSWER: "nobody",
    PhaseKind.KITCHEN: "restaurant",
    PhaseKind.SEARCH: "platform",
    PhaseKind.APPROACH: "driver",
    PhaseKind.WAIT: "nobody",
    PhaseKind.DRIVE: "driver",
}
"""Whose colour a lane has."""


class Axis:
    """Draws one dispute at one width; `y` is how far down it has come."""

    def __init__(self, dispute: Dispute, width: float) -> None:
        """Nothing is drawn yet."""
        self.dispute = dispute
        self.width = width
        self.clock = Clock(dispute.timezone, dispute.placed_at)
        self.y = 0.0
        self._since, self._until = _span(dispute)

    def drawing(self, size: str) -> Markup:
        """The whole axis, as wide as it may be and as high as it needs. `size` names it in the style sheet."""
        heads = joined(*self._heads())
        top = self.y
        ticks = self._ticks()
        below = self.y
        lanes = joined(*self._lanes(), *self._offers(), *self._etas())
        height = self.y + 4
        return element(
            "svg",
            element("title", "Time axis: what was promised and what happened"),
            element("desc", _told(self.dispute, self.clock)),
            *self._grid(below, height),
            *self._lines(top, height),
            heads,
            ticks,
            lanes,
            role="img",
            viewBox=f"0 0 {self.width:.0f} {height:.0f}",
            class_=f"axis {size}",
        )

    def x(self, at: datetime) -> float:
        """Where a moment is."""
        share = (at - self._since) / (self._until - self._since)
        return EDGE + share * (self.width - 2 * EDGE)

    def _heads(self) -> Iterator[Markup]:
        """What the two lines are, one below the other."""
        dispute, clock = self.dispute, self.clock
        yield self._head(f"promised {clock.time(dispute.promised_at)}", dispute.promised_at, "promise")
        ending = dispute.ending
        if ending.at is None:
            yield self._head(f"now {clock.time(dispute.as_of)}", dispute.as_of, "end")
        else:
            yield self._head(f"{ending.how} {clock.time(ending.at)}", ending.at, "end")

    def _head(self, text: str, at: datetime, kind: str) -> Markup:
        self.y += ROW
        half = _wide(text, BOLD_LETTER) / 2
        x = min(max(self.x(at), half + EDGE), self.width - half - EDGE)
        return element("text", text, x=x, y=self.y - 5, text_anchor="middle", class_=f"head {kind}")

    def _ticks(self) -> Markup:
        """No label where a line would strike it through: the line has one of its own."""
        self.y += ROW
        lines = self.dispute.promised_at, self.dispute.ending.at or self.dispute.as_of
        labels = [
            element("text", self.clock.tick(at), x=self.x(at), y=self.y - 5, text_anchor="middle", class_="tick")
            for at in self._moments()
            if HALF_TICK < self.x(at) < self.width - HALF_TICK
            and all(abs(self.x(at) - self.x(line)) > HALF_TICK for line in lines)
        ]
        return joined(*labels)

    def _grid(self, top: float, bottom: float) -> Iterator[Markup]:
        for at in self._moments():
            yield element("line", x1=self.x(at), x2=self.x(at), y1=top, y2=bottom, class_="grid")

    def _moments(self) -> Iterator[datetime]:
        """Round local times, no closer than a label needs."""
        seconds = (self._until - self._since).total_seconds()
        most = max(1.0, self.width / TICK_WIDTH)
        step = next((step for step in TICKS_SECONDS if seconds / step <= most), seconds)
        local = self._since.astimezone(self.clock.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        passed = (local - midnight).total_seconds()
        at = self._since + timedelta(seconds=-passed % step)
        while at <= self._until:
            yield at
            at += timedelta(seconds=step)

    def _lines(self, top: float, bottom: float) -> Iterator[Markup]:
        dispute = self.dispute
        for at, kind in ((dispute.promised_at, "promise"), (dispute.ending.at or dispute.as_of, "end")):
            begin = top - (ROW if kind == "promise" else 0) + 1
            yield element("line", x1=self.x(at), x2=self.x(at), y1=begin, y2=bottom, class_=f"line {kind}")

    def _lanes(self) -> Iterator[Markup]:
        names = {offer.driver_id: offer.driver_name for offer in self.dispute.offers}
        for kind in PhaseKind:
            found = [phase for phase in self.dispute.phases if phase.kind is kind]
            for driver_id, phases in groupby(found, key=lambda phase: phase.driver_id):
                name = names.get(driver_id) if driver_id else None
                yield self._lane(kind, list(phases), name)

    def _lane(self, kind: PhaseKind, phases: Sequence[Phase], name: str | None) -> Markup:
        return element(
            "g",
            element("title", _lane_told(kind, phases, name, self.clock)),
            self._label(self._fitting(kind, phases, name)),
            *(bar for phase in phases for bar in self._bars(phase)),
            self._down(BAR),
            class_=f"lane {OWNERS[kind]}",
        )

    def _fitting(self, kind: PhaseKind, phases: Sequence[Phase], name: str | None) -> str:
        """With the driver's name where there is room for all of it; the lane's title has it anyway."""
        whole = _lane_label(kind, phases, name)
        return whole if _wide(whole, BOLD_LETTER) < self.width else _lane_label(kind, phases, None)

    def _bars(self, phase: Phase) -> Iterator[Markup]:
        """The promise thin above the fact, whose part beyond the promise is full."""
        ended_at = phase.ended_at or self.dispute.ending.at or self.dispute.as_of
        if phase.promised_seconds is None:
            yield self._bar(phase.began_at, ended_at, 5, "actual")
            return
        promised = phase.began_at + timedelta(seconds=phase.promised_seconds)
        yield self._bar(phase.began_at, promised, -1, "promised", high=4)
        yield self._bar(phase.began_at, min(ended_at, promised), 5, "actual")
        if ended_at > promised:
            yield self._bar(promised, ended_at, 5, "late")

    def _bar(self, since: datetime, until: datetime, below: float, kind: str, *, high: float = 8) -> Markup:
        x, right = self.x(since), min(self.x(until), self.width - EDGE)
        wide = max(1.5, right - x)
        return element("rect", x=x, y=self.y + below, width=wide, height=high, rx=1.5, class_=kind)

    def _offers(self) -> Iterator[Markup]:
        offers = self.dispute.offers
        if offers:
            yield self._section("Offers", len(offers))
        for offer in offers[-MOST_MARKS:]:
            end = offer.answered_at or min(offer.expires_at, self.dispute.as_of)
            drawn = [
                self._bar(offer.offered_at, offer.expires_at, -4, "allowed"),
                self._bar(offer.offered_at, end, -4, "taken"),
                _mark(offer, self.x(end), self.y),
            ]
            name = offer.driver_name or "Driver"
            short = name if _wide(name) < self.width / 2 else name.partition(" ")[0]
            label = f"{short} {_answer(offer)}"
            right = max(self.x(end) + 7, self.x(offer.expires_at))
            yield self._marked(drawn, label, self.x(offer.offered_at), right, f"offer {offer.answer}")

    def _etas(self) -> Iterator[Markup]:
        told = self.dispute.etas
        yield self._section("Arrival as told", len(told))
        for eta in told[-MOST_MARKS:]:
            left, right = sorted((self.x(eta.told_at), min(self.x(eta.eta_at), self.width - EDGE)))
            x = self.x(eta.told_at)
            drawn = [
                element("line", x1=left, x2=right, y1=self.y, y2=self.y, class_="reach"),
                element("circle", cx=x, cy=self.y, r=2.5, class_="told"),
                element("path", d=f"M{right:.1f} {self.y - 5:.1f}v10", class_="reach"),
            ]
            yield self._marked(drawn, _eta_label(eta, self.clock), left, right, "eta")

    def _section(self, title: str, count: int) -> Markup:
        more = f", the last {MOST_MARKS} of {count}" if count > MOST_MARKS else ""
        self.y += 5
        drawn = self._label(title + more)
        self.y += 8
        return drawn

    def _marked(self, drawn: Sequence[Markup], label: str, left: float, right: float, kind: str) -> Markup:
        """Marks with their label: to the right, else to the left, else in a row of its own below."""
        wide = _wide(label)
        if right + 8 + wide < self.width:
            text = element("text", label, x=right + 8, y=self.y + 4)
        elif left - 8 - wide > 0:
            text = element("text", label, x=left - 8, y=self.y + 4, text_anchor="end")
        else:
            self.y += ROW - 2
            text = element("text", _cut(label, self.width), x=EDGE, y=self.y + 3)
        self.y += ROW
        return element("g", element("title", label), *drawn, text, class_=kind)

    def _label(self, text: str) -> Markup:
        self.y += ROW
        return element("text", _cut(text, self.width, BOLD_LETTER), x=EDGE, y=self.y - 5, class_="label")

    def _down(self, by: float) -> Markup:
        self.y += by
        return joined()


def _span(dispute: Dispute) -> tuple[datetime, datetime]:
    """From placement to the last thing that is drawn, and some air."""
    last = max(
        dispute.promised_at,
        dispute.ending.at or dispute.as_of,
        dispute.placed_at + timedelta(minutes=1),
        *(eta.eta_at for eta in dispute.etas),
    )
    return dispute.placed_at, last + (last - dispute.placed_at) * 0.02


def _wide(text: str, letter: float = LETTER) -> float:
    """How much room a text takes; letters of East Asia, and emoji, are twice as wide."""
    return letter * sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def _cut(text: str, width: float, letter: float = LETTER) -> str:
    """As much of a text as there is room for."""
    room = width - 2 * EDGE
    if _wide(text, letter) <= room:
        return text
    while text and _wide(text, letter) > room - letter:
        text = text[:-1]
    return f"{text}…"


def _lane_label(kind: PhaseKind, phases: Sequence[Phase], name: str | None) -> str:
    seconds = sum(phase.seconds for phase in phases)
    label = f"{LANES[kind]} {duration(seconds)}"
    promised, over = phases[-1].promised_seconds, phases[-1].late_seconds
    if promised is not None and over is not None:
        label += f" of {duration(promised)}"
        # Not "late": whether the order waited for it is for the account to say.
        label += f" · {duration(over)} over" if round(over) > 0 else ""
    elif len(phases) > 1:
        label += f", {len(phases)} times"
    return f"{label} · {name}" if name else label


def _lane_told(kind: PhaseKind, phases: Sequence[Phase], name: str | None, clock: Clock) -> str:
    spans = ", ".join(
        f"{clock.exact(phase.began_at)} to {clock.exact(phase.ended_at) if phase.ended_at else 'now'}"
        for phase in phases
    )
    return f"{_lane_label(kind, phases, name)}: {spans}"


def _answer(offer: Offered) -> str:
    if offer.seconds_to_answer is None:
        return "is asked"
    words = {"accepted": "accepted", "declined": "declined", "expired": "did not answer", "withdrawn": "withdrawn"}
    return f"{words[offer.answer]}, {duration(offer.seconds_to_answer)}"


def _eta_label(eta: ToldEta, clock: Clock) -> str:
    arrival = clock.time(eta.eta_at)
    if eta.promise:
        return f"promised {arrival}"
    moved = late(eta.change_seconds).replace("late", "later").replace("early", "earlier")
    return f"{clock.time(eta.told_at)}: {arrival}" + (f", {moved}" if round(eta.change_seconds) else ", unchanged")


def _mark(offer: Offered, x: float, y: float) -> Markup:
    """A tick, a cross, a clock's hands, a bar: told apart without colour."""
    signs = {
        "accepted": "m-3 0l2 2.5 4-5",
        "declined": "m-2.5 -2.5l5 5m0 -5l-5 5",
        "expired": "m0 -3.5v3.5h2.5",
        "withdrawn": "m-3 0h6",
        "standing": "m0 -2v.1m0 2v.1m0 2v.1",
    }
    return joined(
        element("circle", cx=x, cy=y, r=6.0, class_="mark"),
        element("path", d=f"M{x:.1f} {y:.1f}{signs[offer.answer]}", class_="sign"),
    )


def _told(dispute: Dispute, clock: Clock) -> str:
    """The drawing in words, for who does not see it."""
    phases = "; ".join(
        _lane_label(kind, [phase], None) for kind in PhaseKind for phase in dispute.phases if phase.kind is kind
    )
    ending = dispute.ending
    ended = f"{ending.how} {clock.time(ending.at)}" if ending.at else "not over yet"
    return f"Placed {clock.time(dispute.placed_at)}, promised {clock.time(dispute.promised_at)}, {ended}. {phases}."
