"""Where results go: words for people, or JSON for programs, on standard output."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console

errors = Console(stderr=True, highlight=False, soft_wrap=True)
"""For progress, warnings and failures: standard error."""


def emit(document: Mapping[str, Any] | list[Any]) -> None:
    """One JSON document, or one event, on a line of its own."""
    click.echo(json.dumps(document, ensure_ascii=False, default=str))
    sys.stdout.flush()


def warn(text: str) -> None:
    """One line for people on standard error."""
    click.echo(f"smbquic: {text}", err=True)


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def printable(name: str) -> str:
    """A name from a server, with what would steer a terminal made visible."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name)
