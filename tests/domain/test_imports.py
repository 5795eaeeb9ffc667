"""The domain stands on the standard library, msgspec and eventsourcing alone."""

import ast
import sys
from pathlib import Path

import pytest

import domain

ROOM = Path(domain.__file__).parent
ALLOWED = {*sys.stdlib_module_names, "domain", "msgspec", "eventsourcing"}
IMPURE = {"asyncio", "io", "os", "pathlib", "random", "secrets", "socket", "subprocess", "threading", "time", "urllib"}
MODULES = sorted(ROOM.rglob("*.py"))


def imports(module: Path) -> set[str]:
    """Dotted names, as in "enum.StrEnum"."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "relative"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_domain_is_this_repositorys() -> None:
    assert Path(__file__).parents[2] / "domain" == ROOM


@pytest.mark.parametrize("module", MODULES, ids=[str(module.relative_to(ROOM)) for module in MODULES])
def test_imports_nothing_but_the_standard_library_msgspec_and_eventsourcing(module: Path) -> None:
    packages = {name.partition(".")[0] for name in imports(module)}
    assert packages <= ALLOWED
    assert not packages & IMPURE


@pytest.mark.parametrize("module", MODULES, ids=[str(module.relative_to(ROOM)) for module in MODULES])
def test_asks_neither_clock_nor_chance(module: Path) -> None:
    called = {node.attr for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Attribute)}
    assert not called & {"now", "utcnow", "today", "uuid1", "uuid4"}
