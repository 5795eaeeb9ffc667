"""The locks are complete: every direct dependency pinned, every pin hashed, no address of any index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
LOCKS = ("requirements.txt", "requirements-dev.txt", "tools/requirements.txt")


def pins(lock: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / lock).read_text()))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_hashed_and_no_address_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=[a-z0-9])", text)
    assert all("--hash=sha256:" in block for block in blocks if PIN.match(block))


def test_both_environments_have_the_same_versions() -> None:
    runtime, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert runtime.items() <= dev.items()


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]
    names = {re.split(r"[\[<>=,]", requirement, maxsplit=1)[0] for requirement in runtime}
    assert names <= pins("requirements.txt").keys()
    dev = {re.split(r"[\[<>=,]", requirement, maxsplit=1)[0] for requirement in project["dependency-groups"]["dev"]}
    assert dev <= pins("requirements-dev.txt").keys()
