"""The positions of keys in a TOML text, which tomllib does not report."""

import re
from collections.abc import Iterator

Place = tuple[str | int, ...]
"""The way to a key: names, and numbers where tables are repeated."""

_HEADER = re.compile(r"\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_QUOTES = re.compile(r'"""|' + "'''")


def positions(text: str) -> Iterator[tuple[Place, int]]:
    """Yield where each key and table of a TOML text begins; of a repeated one, the last place.

    Texts over several lines are skipped; a key inside of an inline table is found by the key before
    it.
    """
    table: Place = ()
    counts: dict[Place, int] = {}
    quote = ""
    for number, line in enumerate(text.splitlines(), 1):
        inside = bool(quote)
        for mark in _QUOTES.findall(line):
            quote = "" if mark == quote else quote or mark
        if inside:
            continue
        if header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield table, number
        elif key := _KEY.match(line):
            parts = _parts(key[1])
            for length in range(1, len(parts) + 1):
                yield (*table, *parts[:length]), number


def _parts(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
