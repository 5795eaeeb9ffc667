"""Percentiles by nearest rank: always a value that was measured."""

from collections.abc import Iterable
from math import ceil


def percentile(values: Iterable[float], share: float) -> float | None:
    """Return the smallest value with at least `share` (0..1] of all values at or below it; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(1, ceil(share * len(ordered))) - 1]
