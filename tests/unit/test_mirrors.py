"""The tests of single modules mirror the modules, as CONTRIBUTING.md says."""

import ast
import tomllib
from pathlib import Path

import pytest

from tests.syntax import parse

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests" / "unit"
LISTED = tomllib.loads((UNIT / "mirrors.toml").read_text())
ELSEWHERE: dict[str, str] = LISTED["elsewhere"]
"""Modules without a test module of their own, with a path where they are tested."""
WITHOUT_MODULE: dict[str, str] = LISTED["without-module"]
"""Test modules that are not of one module, with what they are of."""


def modules() -> list[Path]:
    """Return every module of the package and of the benchmarks, from the project's folder on."""
    found = [*(ROOT / "smbquic").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    return [path.relative_to(ROOT) for path in found]


def mirror(module: Path) -> Path:
    """Return the test module of a module; that of a package stands beside the package's folder."""
    inside = module.relative_to("smbquic") if module.parts[0] == "smbquic" else module
    if module.name == "__init__.py":
        # What the whole package makes public has no name of its own.
        return inside.parent.parent / f"test_{inside.parent.name or 'public'}.py"
    return inside.parent / f"test_{module.stem.strip('_')}.py"


def does_something(module: Path) -> bool:
    """Return whether a module has a function with more in it than a docstring."""
    tree = parse(ROOT / module)
    return any(
        not isinstance(statement, ast.Expr | ast.Pass)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in function.body
    )


def test_every_module_has_its_tests_or_says_where_they_are() -> None:
    untested = {
        str(module)
        for module in modules()
        if module.name != "__init__.py"
        and does_something(module)
        and not (UNIT / mirror(module)).exists()
    }
    assert sorted(untested - ELSEWHERE.keys()) == [], "has neither tests nor a line in mirrors.toml"
    assert sorted(ELSEWHERE.keys() - untested) == [], "needs no line in mirrors.toml any more"


def test_every_test_module_has_its_module_or_says_what_it_is_of() -> None:
    mirrors = {mirror(module) for module in modules()}
    tests = {path.relative_to(UNIT) for path in UNIT.rglob("test_*.py")}
    alone = {str(path) for path in tests - mirrors}
    assert sorted(alone - WITHOUT_MODULE.keys()) == [], "is of no module: rename it, or list it"
    assert sorted(WITHOUT_MODULE.keys() - alone) == [], "needs no line in mirrors.toml any more"


@pytest.mark.parametrize("path", sorted(set(ELSEWHERE.values())))
def test_the_tests_elsewhere_are_there(path: str) -> None:
    assert (ROOT / "tests" / path).exists()
