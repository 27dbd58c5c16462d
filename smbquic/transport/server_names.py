"""Tables by server name: what a client asks for in its ClientHello (SNI, [RFC6066] 3)."""

from collections.abc import Mapping
from typing import TypeVar

V = TypeVar("V")


def normal_name(name: str) -> str:
    """Return a server name as the keys of tables are written: in lower case, without a last dot."""
    return name.lower().removesuffix(".")


def find_by_name(table: Mapping[str, V], name: str) -> V | None:
    """Return what a table has for a server name; ``*.`` in a key stands for one label."""
    name = normal_name(name)
    _, dot, rest = name.partition(".")
    return table.get(name) or table.get(f"*{dot}{rest}")
