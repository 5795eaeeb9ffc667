"""`make help` lists every command, and the bootstrap finds an interpreter past shims that fail."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_help_lists_every_command() -> None:
    listed = _run(["make", "help"], os.environ["PATH"])
    for command in ("help", "demo", "up", "test", "check", "bench", "fmt", "lock"):
        assert f"make {command} " in listed


def test_the_bootstrap_skips_interpreters_that_fail_or_are_too_old(tmp_path: Path) -> None:
    shims, old, good = tmp_path / "shims", tmp_path / "old", tmp_path / "good"
    _script(shims / "python3", "echo 'version not installed' >&2; exit 127")
    _script(old / "python3", "exit 1")
    _script(good / "python3", f'exec "{sys.executable}" "$@"')
    found = _run(
        ["sh", "-c", '. tools/find-python; find_python "/nowhere"'], f"{shims}:{old}:{good}:/usr/bin:/bin", tmp_path
    )
    assert found.strip() == str(good / "python3")


def _script(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def _run(command: list[str], path: str, home: Path | None = None) -> str:
    environment = os.environ | {"PATH": path} | ({"HOME": str(home), "PYENV_ROOT": str(home)} if home else {})
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=60)  # noqa: S603
    return done.stdout
