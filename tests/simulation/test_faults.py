"""A rush in whose middle everything that can die dies: processes by SIGKILL, and all that Valkey knew."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import redis


def processes(data: Path, kind: str) -> Iterator[psutil.Process]:
    """The supervised processes of the world under a data folder that run this subcommand."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("TIFFIN_DATA", "").startswith(f"{data}/worlds/") and process.cmdline()[-1] == kind:
                yield process
        except (psutil.Error, IndexError):
            continue


def kill(data: Path, kind: str) -> None:
    victims = list(processes(data, kind))
    assert victims, f"no {kind} runs"
    for victim in victims:
        victim.kill()


def placed_by(progress: str) -> int:
    """How many orders a line of progress speaks of, `19:09 (minute 9): 1 confirmed, 9 preparing · 181 events`."""
    statuses = progress.partition("): ")[2].partition(" · ")[0]
    return sum(int(number) for number in re.findall(r"\d+", statuses))


def test_a_rush_survives_the_loss_of_every_process_and_of_valkeys_memory(tmp_path: Path) -> None:
    data = tmp_path / "tiffin"
    city = ("--seed", "12", "--orders", "40", "--restaurants", "5", "--drivers", "12", "--minutes", "40")
    with subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "application.cli", "demo", "--alone", "--speed", "60", *city, "--json"],
        env=os.environ | {"TIFFIN_DATA": str(data)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        output = line = ""
        # A line of progress comes every ten seconds: the second is in the middle of the rush.
        while output.count("(minute ") < 2:
            line = demo.stdout.readline()
            assert line, output
            output += line
        before = placed_by(line)
        valkey = next(processes(data, "follower")).environ()["VALKEY_URL"]
        with redis.Redis.from_url(valkey) as client:
            client.flushall()
        for kind in ("worker", "projector", "follower", "api"):
            kill(data, kind)
        output += demo.stdout.read()
        code = demo.wait(timeout=240)
    assert code == 0, output
    found = json.loads(output.splitlines()[-1])
    assert found["lost"] == 0, output
    assert found["placed"] > before > 0, output
    assert found["delivered"] + found["cancelled"] + found["rejected"] == found["placed"], output
    assert found["delivered"] >= 0.8 * found["placed"], output
    assert found["final_lag"] == 0, output
