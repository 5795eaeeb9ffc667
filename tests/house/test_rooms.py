"""The rooms are ours and keep to themselves: what import-linter cannot say."""

import ast
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("api", "application", "benchmarks", "domain", "migrations", "planning", "projections", "simulation")
DOMAIN_MAY_IMPORT = {"domain", "msgspec", "eventsourcing"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_the_one_in_this_repository(room: str) -> None:
    """The names are generic on purpose, so another package might come first on the path."""
    file = import_module(room).__file__
    assert file is not None
    assert Path(file) == ROOT / room / "__init__.py"


@pytest.mark.parametrize("file", sorted((ROOT / "domain").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_the_domain_imports_nothing_but_the_standard_library_msgspec_and_eventsourcing(file: Path) -> None:
    assert imported(file) - set(sys.stdlib_module_names) <= DOMAIN_MAY_IMPORT


@pytest.mark.parametrize("file", sorted((ROOT / "planning").glob("*.py")), ids=lambda file: file.name)
def test_planning_imports_nothing_but_the_standard_library(file: Path) -> None:
    assert imported(file) - set(sys.stdlib_module_names) <= {"planning"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_lives_in_it(room: str) -> None:
    tree = ast.parse((ROOT / room / "__init__.py").read_text())
    assert ast.get_docstring(tree)


def imported(file: Path) -> set[str]:
    """The top-level packages that a file imports, in functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".", 1)[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            names.add((node.module or "").split(".", 1)[0])
    return names
