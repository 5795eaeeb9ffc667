"""How events written under an older schema are read: pure functions from one schema's data to the next one's."""

from collections.abc import Callable, Mapping
from typing import Any

type Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes an event's `data` as JSON has it under schema n and gives it as schema n + 1 has it."""

UPCASTERS: Mapping[tuple[str, int], Upcaster] = {}
"""By topic and n. A golden file of every schema ever written stays in tests/domain/golden/."""
