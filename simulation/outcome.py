"""What came of a run: counted from the orders read back through the API and from the auditor's log."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import mean

from simulation.percentiles import percentile
from simulation.shapes import Logged

SAFE = frozenset({"delivered", "completed", "cancelled", "rejected"})
"""An order of ours that ends in none of these is lost."""


@dataclass(frozen=True)
class Times:
    """Durations in simulated seconds, one per order."""

    match: list[float]
    """From when a driver was needed, which is the confirmation or later by plan, to the acceptance."""
    first_offer: list[float]
    """From the restaurant's confirmation to the first offer."""
    click_to_door: list[float]
    ready_to_pickup: list[float]
    """How long ready food waited."""


@dataclass(kw_only=True)
class Outcome:
    """The run's figures."""

    placed: int
    statuses: Counter[str]
    """Of the orders in the client's own list, as read back; "missing" for those that cannot be read."""
    topics: Counter[str]
    """Of all events stored."""
    times: Times
    counts: Mapping[str, int]
    troubles: list[str]
    max_lag: int
    final_lag: int
    seconds: float
    bundled: int = 0
    """Orders that a driver had in hand together with another one."""
    lost_orders: list[str] = field(default_factory=list)

    @property
    def delivered(self) -> int:
        """Orders whose customer has the food."""
        return self.statuses["delivered"] + self.statuses["completed"]

    @property
    def lost(self) -> int:
        """Orders with a 201 that came to no end."""
        return self.placed - sum(self.statuses[status] for status in SAFE)

    def summary(self) -> dict[str, float | int | None]:
        """The machine-readable line."""
        match = percentile(self.times.match, 0.95)
        door = percentile(self.times.click_to_door, 0.5)
        doors, waits = self.times.click_to_door, self.times.ready_to_pickup
        return {
            "placed": self.placed,
            "delivered": self.delivered,
            "cancelled": self.statuses["cancelled"],
            "rejected": self.statuses["rejected"],
            "lost": self.lost,
            "offers": self.topics["order.driver_offered"],
            "declined_offers": self.topics["order.offer_declined"],
            "expired_offers": self.topics["order.offer_expired"],
            "silent_drivers": self.counts.get("drivers fallen silent", 0),
            "late_kitchens": self.counts.get("late kitchens", 0),
            "events": self.topics.total(),
            "max_lag": self.max_lag,
            "final_lag": self.final_lag,
            "match_p95_s": None if match is None else round(match, 1),
            "click_to_door_p50_min": None if door is None else round(door / 60, 1),
            "click_to_door_mean_min": round(mean(doors) / 60, 2) if doors else None,
            "click_to_door_p90_min": round((percentile(doors, 0.9) or 0) / 60, 2) if doors else None,
            "ready_to_pickup_mean_min": round(mean(waits) / 60, 2) if waits else None,
            "bundled": self.bundled,
            "troubles": self.counts.get("troubles", 0),
            "seconds": round(self.seconds, 1),
        }


def times(log: Iterable[Logged], order_ids: Iterable[str]) -> Times:
    """Measure the orders' durations by the log."""
    ours = set(order_ids)
    firsts: dict[str, dict[str, datetime]] = defaultdict(dict)
    for event in log:
        if event.stream_id in ours:
            first = firsts[event.stream_id]
            if event.topic == "order.driver_offered" and event.topic not in first and "order.confirmed" in first:
                plan = event.data.get("plan")
                needed_at = datetime.fromisoformat(plan["needed_at"]) if plan else first["order.confirmed"]
                first["needed"] = max(first["order.confirmed"], needed_at)
            first.setdefault(event.topic, event.occurred_at)

    def spans(start: str, end: str) -> list[float]:
        return [
            (first[end] - first[start]).total_seconds() for first in firsts.values() if start in first and end in first
        ]

    return Times(
        match=spans("needed", "order.driver_assigned"),
        first_offer=spans("order.confirmed", "order.driver_offered"),
        click_to_door=spans("order.placed", "order.delivered"),
        ready_to_pickup=spans("order.ready_for_pickup", "order.picked_up"),
    )


def bundled(log: Iterable[Logged], order_ids: Iterable[str]) -> int:
    """Count the orders that were in their driver's hands together with another one."""
    ours = set(order_ids)
    carried: dict[str, set[str]] = defaultdict(set)
    together: set[str] = set()
    for event in log:
        if event.stream_id not in ours:
            continue
        if event.topic == "order.picked_up":
            hands = carried[event.data["driver_id"]]
            hands.add(event.stream_id)
            if len(hands) > 1:
                together |= hands
        elif event.topic == "order.delivered":
            carried[event.data["driver_id"]].discard(event.stream_id)
    return len(together)


def most_eventful(log: Iterable[Logged], order_ids: Iterable[str]) -> str | None:
    """Pick the delivered order with the most kinds of events, the shortest of equals: the one worth telling."""
    ours = set(order_ids)
    topics: dict[str, Counter[str]] = defaultdict(Counter)
    for event in log:
        if event.stream_id in ours:
            topics[event.stream_id][event.topic] += 1
    delivered = [order_id for order_id, counts in topics.items() if counts["order.delivered"]]
    return max(delivered, key=lambda order_id: (len(topics[order_id]), -topics[order_id].total()), default=None)
