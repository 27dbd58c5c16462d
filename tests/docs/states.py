"""Diagrams of the tables of states, for docs/explanation/states.md.

python -m tests.docs.states     renew the diagrams of the page
"""

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from smbquic.protocol import session_state
from smbquic.server import async_request
from smbquic.server.opens import grant_state, open_state
from smbquic.transport.quic import state as quic

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "states.md"
TABLES: dict[str, Mapping[Any, Mapping[Any, Enum]]] = {
    "A QUIC connection": quic.TRANSITIONS,
    "An SMB session": session_state.TRANSITIONS,
    "A request that is answered later": async_request.TRANSITIONS,
    "An open": open_state.TRANSITIONS,
    "An oplock or lease": grant_state.TRANSITIONS,
}
"""The table of each section of the page; the first state of a table is where life begins."""

_BLOCK = re.compile(r"^## (?P<title>.+?)$(?P<text>.*?)^```mermaid\n.*?^```$", re.M | re.S)


def diagram(transitions: Mapping[Any, Mapping[Any, Enum]]) -> str:
    """Return a table of states as a diagram in the language of Mermaid."""

    def lines() -> Iterator[str]:
        yield "stateDiagram-v2"
        yield f"    [*] --> {next(iter(transitions)).name}"
        for before, row in transitions.items():
            for event, after in row.items():
                words = event.value if isinstance(event.value, str) else event.name.lower()
                yield f"    {before.name} --> {after.name}: {words}"
            if not row:
                yield f"    {before.name} --> [*]"

    return "\n".join(lines()) + "\n"


def renewed(page: str) -> str:
    """Return the page with the diagrams that the tables have now."""

    def renew(found: re.Match[str]) -> str:
        made = diagram(TABLES[found["title"]])
        return f"## {found['title']}{found['text']}```mermaid\n{made}```"

    return _BLOCK.sub(renew, page)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
