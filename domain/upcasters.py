"""How events written under an older schema are read: pure functions from one schema's data to the next one's."""

from collections.abc import Callable, Mapping
from typing import Any

type Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes an event's `data` as JSON has it under schema n and gives it as schema n + 1 has it."""


def offered_without_batch(data: dict[str, Any]) -> dict[str, Any]:
    """Until then nobody looked whether an order goes with one that the driver carries."""
    return {**data, "batch": None}


def offered_alone(data: dict[str, Any]) -> dict[str, Any]:
    """Until then drivers were asked one after the other, and whose orders this one does not go with was not told."""
    return {**data, "broadcast": None, "unbatched": []}


def ended_alone(data: dict[str, Any]) -> dict[str, Any]:
    """Until then one offer stood at a time."""
    return {**data, "standing": 0}


def assigned_without_batch(data: dict[str, Any]) -> dict[str, Any]:
    """Until then nobody looked again, at acceptance, whether the order goes with one that the driver carries."""
    return {**data, "batch": None}


def offered_without_plan(data: dict[str, Any]) -> dict[str, Any]:
    """Until then each order was offered by itself."""
    return {**data, "plan": None}


def nobody_without_plan(data: dict[str, Any]) -> dict[str, Any]:
    """Until then only who had nobody to ask was told of."""
    return {**data, "plan": None}


UPCASTERS: Mapping[tuple[str, int], Upcaster] = {
    ("order.driver_offered", 1): offered_without_batch,
    ("order.driver_offered", 2): offered_alone,
    ("order.driver_offered", 3): offered_without_plan,
    ("order.driver_assigned", 1): assigned_without_batch,
    ("order.no_driver_found", 1): nobody_without_plan,
    ("order.offer_declined", 1): ended_alone,
    ("order.offer_expired", 1): ended_alone,
    ("order.offer_withdrawn", 1): ended_alone,
}
"""By topic and n. A golden file of every schema ever written stays in tests/domain/golden/."""
