"""Leaves out the tests that need a QUIC library which is not installed.

Either library may be missing, and CI runs the tests of the transport with each alone. What a test
needs is seen from its parameters (`qh3`, `aioquic-qh3`), by the marker `engine`, and by what its
module imports.
"""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest

from smbquic.options.quic import EngineName

ENGINES = tuple(name for name in get_args(EngineName) if name != "auto")
MISSING = frozenset(name for name in ENGINES if find_spec(name) is None)
USING = {"aioquic": r"tests\.flood\b"}
"""Helpers of tests that use a library: they build packets with it."""
INSTALLED = [name for name in ENGINES if name not in MISSING]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Called by pytest, but not for a module that is named on its command line.

    True leaves a module out.
    """
    if not MISSING or collection_path.suffix != ".py":
        return None
    # The folder of an adapter's tests has the name of its library.
    if not MISSING.isdisjoint(collection_path.parts):
        return True
    names = "|".join(sorted(MISSING))
    helpers = "".join(rf"|{USING[name]}" for name in sorted(MISSING & USING.keys()))
    imported = rf"^(from|import) ((smbquic\.transport\.quic\.)?({names})\b{helpers})"
    return bool(re.search(imported, collection_path.read_text(), re.M)) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Called by pytest."""
    left_out = [item for item in items if not MISSING.isdisjoint(_needed(item))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _needed(item: pytest.Item) -> Iterator[str]:
    for mark in item.iter_markers("engine"):
        yield from mark.args
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        for value in item.callspec.params.values():
            if isinstance(value, str):
                yield from value.split("-")
