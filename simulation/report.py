"""The run told at the end: figures, what people did, and one order's story as support would read it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from simulation.outcome import Outcome
from simulation.percentiles import percentile

PAGE_WIDTH = 130

BEHAVIOURS = (
    "late kitchens",
    "cancelling customers",
    "cancellations too late",
    "drivers fallen silent",
    "nothing near by",
    "answers too late",
    "refusals to drivers",
    "gaps in live streams",
    "shifts ended",
    "positions accepted",
    "positions dropped",
    "orders of strangers",
    "server away",
    "troubles",
)


TOO_SLOW = 0.05
"""A share of the offers, answered when their time was over: people of this city do not dawdle, so the machine did."""


def console() -> Console:
    """Standard output, wide enough for the tables where it is no terminal."""
    output = Console(highlight=False)
    return output if output.is_terminal else Console(highlight=False, width=PAGE_WIDTH)


def print_report(console: Console, outcome: Outcome) -> None:
    """Print the figures."""
    orders = Table("orders", "", title="What came of it", title_justify="left")
    for name, count in (
        ("placed", outcome.placed),
        ("delivered", outcome.delivered),
        ("cancelled", outcome.statuses["cancelled"]),
        ("rejected", outcome.statuses["rejected"]),
        ("lost", outcome.lost),
    ):
        orders.add_row(name, str(count))
    orders.add_section()
    for name in ("driver_offered", "offer_declined", "offer_expired", "offer_withdrawn", "no_driver_found"):
        orders.add_row(name.replace("_", " "), str(outcome.topics[f"order.{name}"]))
    orders.add_row("drivers noticed silent", str(outcome.topics["driver.went_silent"]))
    orders.add_row("orders bundled with another", str(outcome.bundled))
    orders.add_section()
    for name in BEHAVIOURS:
        if name in outcome.counts:
            orders.add_row(name, str(outcome.counts[name]))
    orders.add_section()
    orders.add_row("events stored", str(outcome.topics.total()))
    orders.add_row("projection lag, most / at the end", f"{outcome.max_lag} / {outcome.final_lag}")
    console.print(orders)
    durations = Table("simulated time", "p50", "p90", "p95", "p99", title="How long it took", title_justify="left")
    _row(durations, "confirmed → first offer (s)", outcome.times.first_offer, 1)
    _row(durations, "driver needed → assigned (s)", outcome.times.match, 1)
    _row(durations, "food ready → picked up (min)", outcome.times.ready_to_pickup, 60)
    _row(durations, "click to door (min)", outcome.times.click_to_door, 60)
    console.print(durations)
    if (late := outcome.counts.get("answers too late", 0)) > TOO_SLOW * outcome.topics["order.driver_offered"]:
        console.print(
            f"This machine could not keep up: {late} answers to offers came when their time was over, and everything "
            "took longer for it. Simulate more slowly: a lower --speed, as in `make demo DEMO='--speed 20'`.",
            style="yellow",
        )
    for trouble in outcome.troubles:
        console.print(f"unexpected: {trouble}", style="yellow", soft_wrap=True, markup=False)


def print_comparison(console: Console, rows: Sequence[tuple[str, str, str]], sentence: str) -> None:
    """Print the evening's figures beside those of the same evening without plans."""
    table = Table("", "planned", "one by one", title="What plans were worth", title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    console.print(sentence)


def print_timeline(console: Console, order_id: str, steps: Sequence[dict[str, Any]], timezone: str) -> None:
    """Print an order's timeline: when, how long after the step before, who, what, and what it changed."""
    table = Table("at", "after", "who", "what", "becomes", "details", box=SIMPLE, padding=(0, 1, 0, 0))
    table.title, table.title_justify = f"Order {order_id}, as support reads it", "left"
    zone = ZoneInfo(timezone)
    for step in steps:
        at = datetime.fromisoformat(step["occurred_at"]).astimezone(zone)
        since = step["seconds_since_previous"]
        table.add_row(
            f"{at:%H:%M:%S}",
            "" if since is None else f"+{since:.0f} s",
            step["actor_type"],
            step["topic"].removeprefix("order.").replace("_", " "),
            _becomes(step),
            _details(step["topic"], step["data"]),
        )
    console.print(table)


def _row(table: Table, name: str, seconds: Sequence[float], unit_seconds: float) -> None:
    shares = (percentile(seconds, share) for share in (0.5, 0.9, 0.95, 0.99))
    table.add_row(name, *("–" if value is None else f"{value / unit_seconds:.1f}" for value in shares))


def _becomes(step: dict[str, Any]) -> str:
    """What the step changed in the order's two states."""
    kinds = ("status", "dispatch")
    changed = (step[f"{kind}_after"] for kind in kinds if step[f"{kind}_before"] != step[f"{kind}_after"])
    return ", ".join(str(state).replace("_", " ") for state in changed)


def _details(topic: str, data: dict[str, Any]) -> str:
    match topic:
        case "order.placed":
            price = data["price"]
            return f"{data['restaurant_name']}, {price['total_minor'] / 100:.2f} {price['currency']}"
        case "order.confirmed":
            return f"ready in {data['prep_seconds'] / 60:.0f} min, says the kitchen"
        case "order.driver_offered":
            score = data["score"]
            factors = ", ".join(
                f"{name.replace('_', ' ')} {points:+.1f}" for name, points in score["factors"].items() if points
            )
            return (
                f"{data['distance_m']:.0f} m away, best of {data['candidates']}; score {score['total']:.1f}: {factors}"
            )
        case "order.driver_assigned":
            return str(data["driver_name"])
        case "order.eta_revised":
            return f"confidence {data['confidence']:.0%}"
        case _:
            return str(data.get("reason", ""))
