"""How events written under an older schema are read: pure functions from one schema's data to the next one's."""

from collections.abc import Callable, Mapping
from typing import Any

type Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes an event's `data` as JSON has it under schema n and gives it as schema n + 1 has it."""


def offered_without_batch(data: dict[str, Any]) -> dict[str, Any]:
    """Until then nobody looked whether an order goes with one that the driver carries."""
    return {**data, "batch": None}


UPCASTERS: Mapping[tuple[str, int], Upcaster] = {("order.driver_offered", 1): offered_without_batch}
"""By topic and n. A golden file of every schema ever written stays in tests/domain/golden/."""
