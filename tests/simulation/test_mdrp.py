"""Reading instances; the one beside this file is invented."""

import shutil
from pathlib import Path

import pytest

from simulation.mdrp import BadInstance, read

INSTANCE = Path(__file__).parent / "instance"


def test_reads_a_whole_instance() -> None:
    instance = read(INSTANCE)
    assert (instance.metres_per_minute, instance.pickup_minutes, instance.dropoff_minutes) == (320, 4, 4)
    assert (len(instance.orders), len(instance.couriers), len(instance.restaurants)) == (44, 14, 3)
    first = instance.orders[0]
    assert (first.name, first.point, first.placement_min, first.restaurant, first.ready_min) == (
        "o1",
        (5000, 4000),
        100,
        "r1",
        105,
    )
    placements = [order.placement_min for order in instance.orders]
    assert placements == sorted(placements)


def test_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInstance, match="not a folder"):
        read(tmp_path / "nowhere")


def test_names_the_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadInstance, match=r"restaurants\.txt is missing"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("file", "before", "after", "says"),
    [
        ("orders.txt", "placement_time", "placed", r"orders\.txt, line 1: the header lacks placement_time"),
        ("orders.txt", "o1\t5000\t", "o1\tfive\t", r"orders\.txt, line 2: x must be a number, not 'five'"),
        ("orders.txt", "o1\t5000\t", "o1\tnan\t", r"line 2: x must be a finite number"),
        ("orders.txt", "\t100\tr1\t", "\t100\tr9\t", r"line 2: restaurant 'r9' is not in restaurants\.txt"),
        ("orders.txt", "\t105\n", "\t99\n", "line 2: ready_time is before placement_time"),
        ("orders.txt", "o2\t", "o2\to2\t", "line 3: 7 fields where the header has 6"),
        ("couriers.txt", "\t60\t150", "\t60\t50", r"couriers\.txt, line 3: off_time is before on_time"),
        ("instance_parameters.txt", "\n320\t", "\n0\t", "meters_per_minute must be above 0"),
    ],
)
def test_says_where_and_what_is_wrong(tmp_path: Path, file: str, before: str, after: str, says: str) -> None:
    folder = shutil.copytree(INSTANCE, tmp_path / "instance")
    text = (folder / file).read_text()
    assert before in text
    (folder / file).write_text(text.replace(before, after, 1))
    with pytest.raises(BadInstance, match=says):
        read(folder)


def test_refuses_an_instance_without_couriers(tmp_path: Path) -> None:
    folder = shutil.copytree(INSTANCE, tmp_path / "instance")
    header = (folder / "couriers.txt").read_text().splitlines()[0]
    (folder / "couriers.txt").write_text(header + "\n")
    with pytest.raises(BadInstance, match="empty file"):
        read(folder)
