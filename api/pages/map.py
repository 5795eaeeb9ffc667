"""The map's page: a log-in form, a canvas, and what stands around it. It holds no data; `map.js` fetches that."""

from collections.abc import Iterable

from api.pages.markup import Markup, document, element, joined
from api.pages.style import MAP_SCRIPT, MAP_STYLE
from domain.region import Region

DRIVERS = {"free": "Free", "busy": "Busy", "silent": "Silent", "suspended": "Suspended"}
ORDERS = {
    "placed": "Placed",
    "confirmed": "Confirmed",
    "preparing": "Preparing",
    "ready_for_pickup": "Ready",
    "picked_up": "On the way",
}


SPEEDS, USUAL = (1, 10, 30, 60, 120), 60
"""Of a replay: an hour in a minute."""
TICKS = ("1 h ago", "45 min", "30 min", "15 min", "now")


def page(regions: Iterable[Region]) -> str:
    """Make it; regions are what one may choose from."""
    choices = joined(*(element("option", region.name, value=region.id) for region in regions))
    return document(title="Tiffin map", style=MAP_STYLE, script=MAP_SCRIPT, body=joined(_log_in(), _map(choices)))


def _log_in() -> Markup:
    return element(
        "form",
        element("h1", "Tiffin map"),
        element("p", "For support and admins. The session stays in this tab and ends with it."),
        _field("E-mail", "email", "username"),
        _field("Password", "password", "current-password"),
        element("button", "Log in", type="submit"),
        element("p", id="refused", role="alert"),
        id="log-in",
    )


def _field(label: str, kind: str, autocomplete: str) -> Markup:
    field = element("input", id=kind, type=kind, autocomplete=autocomplete, required="required")
    return element("label", label, field, for_=kind)


def _map(choices: Markup) -> Markup:
    bar = element(
        "header",
        element("label", element("span", "Region", class_="unseen"), element("select", choices, id="region")),
        element("span", "", id="live", role="timer"),
        element("span", class_="gap"),
        element("button", "+", id="in", type="button", aria_label="Zoom in"),
        element("button", "−", id="out", type="button", aria_label="Zoom out"),
        element("button", "Fit", id="fit", type="button", aria_label="Show everything"),
        element("button", "Log out", id="log-out", type="button"),
    )
    legend = element(
        "div",
        _group("Drivers", "driver", DRIVERS),
        _group("Orders", "order", ORDERS | {"late": "Late"}),
        element(
            "p",
            "Square: restaurant. Ring: drop-off. Press an entry to hide it. "
            "Keys: Space plays, comma and full stop step 10 s, L goes live.",
            class_="quiet hint",
        ),
        element("p", id="how", class_="quiet hint"),
        id="legend",
    )
    moment = element(
        "input",
        id="moment",
        type="range",
        min="-3600",
        max="0",
        step="10",
        value="0",
        aria_label="Moment of the last hour",
        aria_valuetext="Live",
    )
    time = element(
        "div",
        element("button", "Play", id="play", type="button"),
        element(
            "div", moment, element("div", *(element("span", tick) for tick in TICKS), class_="ticks"), class_="line"
        ),
        element("label", element("span", "Speed", class_="unseen"), element("select", _speeds(), id="speed")),
        element("button", "Live", id="now", type="button", disabled="disabled", title="L"),
        id="time",
    )
    told = element("aside", id="told", hidden="hidden", aria_live="polite")
    canvas = element("canvas", id="map", tabindex="0", role="img", aria_label="Drivers and open orders on a map")
    note = element("p", id="note", role="status")
    foot = element("div", time, note, legend, id="foot")
    return element("main", canvas, bar, foot, told, id="watch", hidden="hidden")


def _speeds() -> Markup:
    return joined(
        *(
            element("option", f"{speed}×", value=str(speed), selected="selected" if speed == USUAL else None)
            for speed in SPEEDS
        )
    )


def _group(title: str, kind: str, entries: dict[str, str]) -> Markup:
    keys = (
        element(
            "button",
            element("i", class_=f"{kind} {name}"),
            element("span", label),
            element("b", "0", id=f"{kind}-{name}"),
            type="button",
            aria_pressed="true",
            data_key=f"{kind}-{name}",
        )
        for name, label in entries.items()
    )
    total = element("h2", title, " ", element("b", "0", id=f"{kind}s"))
    return element("div", total, *keys, class_="group")
