"""Nearest rank."""

import pytest

from simulation.percentiles import percentile


@pytest.mark.parametrize(("share", "expected"), [(0.01, 15), (0.3, 20), (0.4, 20), (0.5, 35), (1, 50)])
def test_nearest_rank(share: float, expected: float) -> None:
    assert percentile([35, 20, 15, 50, 40], share) == expected


def test_of_nothing_there_is_none() -> None:
    assert percentile([], 0.5) is None
