"""The page about security says what bounds there are, and which tests prove them."""

import ast
import re
from dataclasses import fields
from functools import cache

from smbquic.options.limits import DEFAULT_LIMITS, Limits
from tests.docs.pages import ROOT, read
from tests.syntax import parse

PAGE = "docs/security.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
_KEY = re.compile(r"`(\w+) = ([\w.]+)`")


def section() -> str:
    """The part of the page that has the tables."""
    return read(PAGE).split("\n## Budgets\n")[1].split("\n## ")[0]


def rows() -> list[list[str]]:
    """The cells of all rows, without the heads of the tables."""
    lines = [line.strip("|").split("|") for line in section().splitlines() if line[:1] == "|"]
    cells = [[cell.strip() for cell in line] for line in lines]
    return [row for row in cells if row[0] != "what" and set(row[0]) != {"-"}]


@cache
def defined(path: str) -> frozenset[str]:
    """The functions of a module, those of classes behind the class's name."""
    names = set()
    for node in parse(ROOT / path).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for each in inner:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(prefix + each.name)
    return frozenset(names)


def test_every_row_names_a_test() -> None:
    assert len(rows()) > 40
    for row in rows():
        assert len(row) == 4, row
        assert _TEST.search(row[3]), row


def test_the_tests_exist() -> None:
    named = _TEST.findall(section())
    assert [f"{path}::{name}" for path, name in named if name not in defined(path)] == []


def test_every_limit_is_there_with_its_default() -> None:
    shown = dict(key for row in rows() for key in _KEY.findall(row[1]))
    limits = {each.name: str(getattr(DEFAULT_LIMITS, each.name)) for each in fields(Limits)}
    assert shown == limits
