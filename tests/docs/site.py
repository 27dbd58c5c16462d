"""Hooks of MkDocs (`mkdocs.yml`): the navigation, and the pages outside of `docs`.

The navigation is the index in `docs/README.md`, where each page has to be anyway. What pages link
to outside of `docs` gets into the site below `project`.
"""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
OUTSIDE = "project/"
_FENCE = re.compile(r"^ *(`{3,}|~{3,})")
# Code comes second: the text of a link may be code.
_LINK = re.compile(r"(?P<text>\[[^\]]*\]\()(?P<target>[^)\s]+)(?=\))|`[^`]*`")
_SECTION = re.compile(r"^## ([^:]+)")
_ELSEWHERE = re.compile(r"[a-z]+:")


def on_config(config: "MkDocsConfig") -> "MkDocsConfig":
    """Make the navigation of the index."""
    config.nav = navigation((ROOT / "docs" / "README.md").read_text(encoding="utf-8"))
    return config


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add the pages and files outside of `docs` to which a page links."""
    from mkdocs.structure.files import File, InclusionLevel

    waiting = [origin(page.src_uri) for page in files.documentation_pages()]
    while waiting:
        path = waiting.pop()
        for target in targets(path, (ROOT / path).read_text(encoding="utf-8")):
            if target.startswith("docs/") or files.get_file_from_path(place(target)) is not None:
                continue
            file = File.generated(config, place(target), abs_src_path=str(ROOT / target))
            file.inclusion = InclusionLevel.NOT_IN_NAV
            files.append(file)
            if target.endswith(".md"):
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", files: "Files") -> str:
    """Have the links lead to where their targets are on the site."""
    return relinked(origin(page.file.src_uri), markdown)


def place(path: str) -> str:
    """Return where a file of the project is on the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return OUTSIDE + (path if PurePosixPath(path).suffix else f"{path}.txt")


def origin(place: str) -> str:
    """Return which page of the project is at a place of the site."""
    return place.removeprefix(OUTSIDE) if place.startswith(OUTSIDE) else f"docs/{place}"


def navigation(index: str) -> list[Any]:
    """Return the sections of an index, each with the pages to which it links."""
    pages: list[Any] = []
    sections: list[Any] = ["README.md", {"Start": pages}]
    for line in index.splitlines():
        if (found := _SECTION.match(line)) is not None:
            pages = []
            sections.append({found[1]: pages})
        pages += [_entry(each) for each in targets("docs/README.md", line) if each.endswith(".md")]
    return sections


def _entry(page: str) -> Any:
    """Return a page for the navigation, by its title; the decisions are below their index."""
    if PurePosixPath(page).parent.name != "decisions":
        # MkDocs finds no title below a comment, which is what pages that are made begin with.
        title = re.search(r"(?m)^# (.+)$", (ROOT / page).read_text(encoding="utf-8"))
        return {title[1]: place(page)} if title is not None else place(page)
    records = sorted((ROOT / page).parent.glob("[0-9]*.md"))
    return {"Decisions": [place(page), *(f"decisions/{each.name}" for each in records)]}


def targets(path: str, text: str) -> list[str]:
    """Return the files to which the page `path` links, as paths from the project's root."""
    found = list[str]()

    def note(target: str, anchor: str) -> None:
        found.append(target)

    _each_link(path, text, note)
    return found


def relinked(path: str, text: str) -> str:
    """Return the text of the page `path` with links as the site needs them."""
    here = str(PurePosixPath(place(path)).parent)
    return _each_link(path, text, lambda target, anchor: relpath(place(target), here) + anchor)


def _each_link(path: str, text: str, change: Callable[[str, str], str | None]) -> str:
    """Return a page after `change` of each link to a file of the project.

    It is given the path of that file from the project's root, and the anchor with its `#`.
    """

    def changed(found: re.Match[str]) -> str:
        link = found["target"]
        if link is None or _ELSEWHERE.match(link) or link.startswith("#"):
            return found[0]
        file, mark, anchor = link.partition("#")
        target = normpath(PurePosixPath(path).parent / file)
        return f"{found['text']}{change(target, mark + anchor)}"

    lines, fence = [], ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if fence:
            if line.strip() == fence:
                fence = ""
        elif found is not None:
            fence = found[1]
        else:
            line = _LINK.sub(changed, line)
        lines.append(line)
    return "\n".join(lines)
