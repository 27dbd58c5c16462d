"""Leaves out the tests that need a QUIC engine whose library is not installed.

Any of the libraries may be missing, and CI runs the tests of the transport with each alone. What a
test needs is seen from its parameters (`qh3`, `aioquic-qh3`), by the marker `engine`, and by what
its module imports.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from smbquic.options.quic import EngineName
from smbquic.transport.quic import registry
from smbquic.transport.quic.engine import EngineChoice
from smbquic.transport.quic.options import QuicOptions
from smbquic.transport.quic.plugin import Requirements

MODULES = {plugin.name: plugin.module for plugin in registry.ENGINES}
"""The libraries of the engines, the fastest first."""
ENGINES = tuple(name for name in get_args(EngineName) if name != "auto")
MISSING = frozenset(plugin.name for plugin in registry.ENGINES if not plugin.installed)
USING = {"aioquic": r"tests\.(?:flood|attacks\.quic_packets)\b"}
"""Helpers of tests that use a library: they build packets with it."""
INSTALLED = [name for name in ENGINES if name not in MISSING]
CERTIFYING = {plugin.name for plugin in registry.ENGINES if plugin.capabilities.client_certificates}
"""Those that can ask for a client's certificate, as a server."""


def pairings(engines: Iterable[str] = ENGINES) -> list[str]:
    """Return all pairings of a client and a server: `CLIENT-SERVER`, or one name for both."""
    return [
        client if client == server else f"{client}-{server}"
        for client in engines
        for server in engines
    ]


def automatic(**options: Any) -> EngineChoice:
    """Return the engine that is taken where none is asked for, and why."""
    made = QuicOptions(**options)
    return registry.choose(made, Requirements(congestion=made.congestion))[0]


AUTO, AUTO_REASON = automatic().engine, automatic().reason


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Called by pytest, but not for a module that is named on its command line.

    True leaves a module out.
    """
    if not MISSING or collection_path.suffix != ".py":
        return None
    # The folder of an adapter's tests has the name of its engine.
    if collection_path.parent.parent.name == "quic" and collection_path.parent.name in MISSING:
        return True
    adapters = "|".join(sorted(MISSING))
    libraries = "|".join(MODULES[name] for name in sorted(MISSING))
    helpers = "".join(rf"|{USING[name]}" for name in sorted(MISSING & USING.keys()))
    imported = (
        rf"^(from|import) (smbquic\.transport\.quic\.({adapters})\b|({libraries})\b{helpers})"
    )
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
