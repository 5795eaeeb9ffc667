"""The README tells the truth: its commands run, its files are there, its variables are read."""

import os
import re
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from application.cli.__main__ import SUBCOMMANDS
from application.settings import Settings
from application.supervise import answers
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [shlex.split(line, comments=True) for block in BLOCKS for line in block.splitlines()]
REDUCED = "DEMO=--orders 15 --restaurants 4 --drivers 8 --minutes 10"
RUN_HERE = {
    "make demo": ["make", "demo", REDUCED],
    ".venv/bin/tiffin doctor": [".venv/bin/tiffin", "doctor"],
    ".venv/bin/tiffin --help": [".venv/bin/tiffin", "--help"],
}
MAKE_UP = ["make", "up"]
RUN_ELSEWHERE = {"make test", "make up"}
"""The one is what runs this; the other has a test of its own below."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return os.environ | {"TIFFIN_DATA": str(tmp_path / "data"), "TIFFIN_PORT": str(port)}


def test_every_command_of_the_readme_is_run() -> None:
    assert {" ".join(command) for command in COMMANDS} == RUN_HERE.keys() | RUN_ELSEWHERE


@pytest.mark.parametrize("command", RUN_HERE.values(), ids=RUN_HERE.keys())
def test_a_command_of_the_readme_works(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - the README's own words
        command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_up_answers_where_the_readme_says_and_ends_with_ctrl_c(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert f"http://{Settings().api.host}:{Settings().api.port}, documentation under /docs" in README
    with (tmp_path / "output").open("wb") as output:
        up = subprocess.Popen(  # noqa: S603 - the README's own words
            MAKE_UP, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        port = environment["TIFFIN_PORT"]
        eventually(lambda: "Ctrl-C" in (tmp_path / "output").read_text(), seconds=90, what="up tells that it is ready")
        assert answers(f"http://127.0.0.1:{port}/docs")
    finally:
        os.killpg(up.pid, signal.SIGINT)
        up.wait(timeout=60)


def test_every_file_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"`([a-z]+/[\w/]+\.(?:py|sql))`", README))
    assert len(named) > 8
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_subcommand_and_variable_that_the_readme_names_is_known() -> None:
    assert set(re.findall(r"`tiffin ([a-z]+)", README)) <= SUBCOMMANDS.keys()
    read = (ROOT / "application" / "settings.py").read_text()
    named = set(re.findall(r"`((?:TIFFIN|DATABASE|VALKEY|LOG)_[A-Z_]+)`", README))
    assert {name for name in named if f'"{name}"' not in read} == set()
