"""What is there when a process begins is not looked at again."""

import gc
from collections.abc import Iterator

import pytest

from application import collector


@pytest.fixture(autouse=True)
def _collector_as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_what_is_imported_is_left_alone_and_later_garbage_is_not() -> None:
    before = [[] for _ in range(1_000)]  # type: list[list[object]]
    collector.settle()
    assert gc.get_freeze_count() >= len(before)
    assert not any(one is each for one in gc.get_objects() for each in before[:1])
    knot: list[object] = []
    knot.append(knot)
    del knot
    assert gc.collect() >= 1
