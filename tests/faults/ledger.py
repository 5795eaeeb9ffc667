"""What the log says in the end: nobody assigned twice, nobody overloaded, nothing left lying."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import psycopg


class Row(NamedTuple):
    """An event, as far as it is looked at here."""

    stream: str
    topic: str
    data: dict[str, Any]


def rows(url: str) -> list[Row]:
    """The whole log, as the database's own view shows it."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT originator_id, topic, state FROM events ORDER BY position").fetchall()
    return [Row(str(stream), topic, msgspec.json.decode(state)["data"]) for stream, topic, state in found]


def standing_assignments(log: Iterable[Row]) -> dict[str, str]:
    """Who has each order; fails where an order was given to somebody while somebody had it, or offered to two."""
    holder: dict[str, str] = {}
    offered: dict[str, str] = {}
    for row in log:
        match row.topic.removeprefix("order."):
            case "driver_offered":
                assert row.stream not in offered, f"{row.stream} stands offered twice"
                assert row.stream not in holder, f"{row.stream} is offered while somebody has it"
                offered[row.stream] = row.data["driver_id"]
            case "offer_declined" | "offer_expired" | "offer_withdrawn":
                offered.pop(row.stream)
            case "driver_assigned":
                assert row.stream not in holder, f"{row.stream} was assigned twice"
                assert offered.pop(row.stream) == row.data["driver_id"]
                holder[row.stream] = row.data["driver_id"]
            case "driver_unassigned":
                holder.pop(row.stream)
    return holder


def assert_nobody_overloaded(log: Iterable[Row], *, capacity: int = 2) -> None:
    """And every delivery that a driver holds is held by that driver alone."""
    load: Counter[str] = Counter()
    taken: dict[str, str] = {}
    for row in log:
        match row.topic.removeprefix("driver."):
            case "delivery_taken":
                assert row.data["order_id"] not in taken
                taken[row.data["order_id"]] = row.stream
                load[row.stream] += 1
                assert load[row.stream] <= capacity
            case "delivery_released" | "delivery_finished":
                assert taken.pop(row.data["order_id"]) == row.stream
                load[row.stream] -= 1


def stuck_reactions(url: str) -> list[tuple[str, str, str | None]]:
    """Reactions that were given up, or are due and done by nobody."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(
            "SELECT actor_name, state, last_error FROM reactions WHERE state = 'dead' OR (state = 'pending'"
            " AND actor_name <> 'orders.request_review' AND due_at <= now())"
        ).fetchall()


def count(log: Iterable[Row], topic: str) -> int:
    return sum(row.topic == topic for row in log)
