"""Whole runs, small ones: engines, API, projectors, followers and workers are real, and so are the clocks."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

INSTANCE = Path(__file__).parent / "instance"


def tiffin(data: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Run the command line with its own data folder; the last line is JSON."""
    run = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "application.cli", *arguments, "--json"],
        env=os.environ | {"TIFFIN_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.stdout, run.stderr
    return run.returncode, run.stdout + run.stderr, json.loads(run.stdout.splitlines()[-1])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "tiffin"


def test_a_small_evening_loses_nothing(data: Path) -> None:
    small = ("--seed", "11", "--orders", "30", "--restaurants", "5", "--drivers", "10", "--minutes", "12")
    code, output, found = tiffin(data, "demo", "--alone", "--speed", "75", *small)
    assert code == 0, output
    assert found["placed"] >= 25, output
    assert found["lost"] == 0, output
    assert found["delivered"] + found["cancelled"] + found["rejected"] == found["placed"]
    assert found["final_lag"] == 0
    assert found["troubles"] == 0, output
    assert "Seed 11" in output
    assert "as support reads it" in output


def test_a_part_of_a_day_is_replayed(data: Path) -> None:
    code, output, found = tiffin(data, "replay", "--mdrp", str(INSTANCE), "--window", "180-192", "--speed", "90")
    assert code == 0, output
    assert (found["placed"], found["delivered"], found["lost"]) == (24, 24, 0), output
    assert found["troubles"] == 0, output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--mdrp", "nowhere"), "nowhere is not a folder"),
        (("--mdrp", str(INSTANCE), "--window", "soon"), "is not a window; say busiest:MINUTES"),
        (("--mdrp", str(INSTANCE), "--window", "100-110"), "holds 3 orders"),
        (("--mdrp", str(INSTANCE), "--local-start", "noon"), "say HH:MM"),
        (("--mdrp", str(INSTANCE), "--anchor", "91,0"), "is no LAT,LON"),
    ],
)
def test_bad_input_is_explained(data: Path, arguments: tuple[str, ...], says: str) -> None:
    run = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "application.cli", "replay", *arguments],
        env=os.environ | {"TIFFIN_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    assert says in run.stderr
    assert "Traceback" not in run.stderr
