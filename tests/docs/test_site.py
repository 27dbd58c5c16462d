"""The documentation as a site: a strict build, which refers to nothing outside of it."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from posixpath import normpath
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs import site
from tests.docs.pages import ROOT, pages, read

# What a browser loads by itself. A link to elsewhere is for the reader to follow.
LOADED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
_IN_STYLE = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class References(HTMLParser):
    """What a page loads, what it links to, and its anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        text = page.read_text(encoding="utf-8")
        self.feed(text)
        self.loaded += styles(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        self.loaded += [values[name] for name in LOADED.get(tag, ()) if name in values]
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


def styles(text: str) -> list[str]:
    """Return what style sheets in a text load."""
    return ["".join(found) for found in _IN_STYLE.findall(text)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("mkdocs") is None or find_spec("material") is None:
        pytest.skip("needs mkdocs-material of the group docs")
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(
        [*command, "--site-dir", str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        # It warns of its own future.
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_the_navigation_has_every_page_and_record() -> None:
    index = read("docs/README.md")
    for page in pages():
        if page.startswith("docs/"):
            assert f"'{site.place(page)}'" in repr(site.navigation(index)), page


def test_the_sections_of_the_index_are_those_of_the_navigation() -> None:
    index = "# All\n\n## Guides: get it done\n\n- [Serve](howto/serve.md), [more](security.md#a)\n"
    pages = [{"Serve folders": "howto/serve.md"}, {"Security": "security.md"}]
    assert {"Guides": pages} in site.navigation(index)


def test_links_out_of_the_documentation_stay_on_the_site() -> None:
    text = "[a](../../README.md#use-it), [`b`](../../LICENSE), `[c](../../x.md)`, [d](serve.md)"
    assert site.relinked("docs/howto/new.md", text) == (
        "[a](../project/README.md#use-it), [`b`](../project/LICENSE.txt), `[c](../../x.md)`,"
        " [d](serve.md)"
    )


@pytest.mark.debian("dot")
def test_nothing_is_loaded_from_elsewhere(built: Path) -> None:
    for page in built.rglob("*.html"):
        for address in References(page).loaded:
            assert not elsewhere(address), f"{page} loads {address}"
    for sheet in built.rglob("*.css"):
        for address in styles(sheet.read_text(encoding="utf-8")):
            assert not elsewhere(address), f"{sheet} loads {address}"


@pytest.mark.debian("dot")
def test_every_link_leads_somewhere(built: Path) -> None:
    found = {str(page.relative_to(built)): References(page) for page in built.rglob("*.html")}
    for page, references in found.items():
        for link in (*references.links, *references.loaded):
            if page == "404.html" or elsewhere(link) or urlsplit(link).scheme:
                continue
            parts = urlsplit(link)
            target = normpath(Path(page).parent / unquote(parts.path)) if parts.path else page
            if (built / target).is_dir():
                target = normpath(f"{target}/index.html")
            assert (built / target).is_file(), f"{page}: {link}"
            if parts.fragment and target in found and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in found[target].anchors, f"{page}: {link}"


@pytest.mark.debian("dot")
def test_diagrams_are_drawn_without_a_script(built: Path) -> None:
    states = (built / "explanation" / "states.html").read_text(encoding="utf-8")
    assert states.count('<figure class="drawing"><svg') == 5
    assert "stateDiagram" not in states


def elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme in ("http", "https")
