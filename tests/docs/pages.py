"""The pages of the documentation, and the code blocks in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)(`{3,}|~{3,}) *(\S*).*$")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page, word for word."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Every page of the project, as a path from its root."""
    found = list(ROOT.glob("*.md"))
    for folder in ("benchmarks", "certs", "docs", "tests"):
        found += (ROOT / folder).rglob("*.md")
    return sorted(str(path.relative_to(ROOT)) for path in found)


def read(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    return list(_blocks(page, read(page)))


def _blocks(page: str, text: str) -> Iterator[Block]:
    fence, start, language, inside = "", 0, "", list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        found = _FENCE.match(line)
        if not fence:
            if found is not None:
                fence, start, language, inside = found[2], number, found[3], []
        elif line.strip() == fence:
            yield Block(page, start, language, "".join(f"{each}\n" for each in inside))
            fence = ""
        else:
            inside.append(line)
    assert not fence, f"{page}:{start}: this block has no end"


def prose(page: str) -> str:
    """The text of a page without its fenced blocks and without code in its lines."""
    lines, fence = [], ""
    for line in read(page).splitlines():
        found = _FENCE.match(line)
        if fence:
            if line.strip() == fence:
                fence = ""
        elif found is not None:
            fence = found[2]
        else:
            lines.append(re.sub(r"`[^`]*`", "", line))
    return "\n".join(lines)


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = [found[1] for line in read(page).splitlines() if (found := _HEADING.match(line))]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
