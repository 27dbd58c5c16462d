"""Rules of every page: its links lead somewhere, and its code blocks are run."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePosixPath
from posixpath import normpath

import pytest

from tests.docs.pages import ROOT, anchors, blocks, pages, prose, read

REPLAYED = {
    "CONTRIBUTING.md": "test_contributing.py",
    "README.md": "test_newcomer.py",
    "certs/README.md": "test_howto.py",
    "docs/explanation/benchmark-method.md": "test_contributing.py",
    "docs/howto/acme.md": "test_howto.py",
    "docs/howto/certificates.md": "test_howto.py",
    "docs/howto/cluster.md": "test_howto.py",
    "docs/howto/containers.md": "test_howto.py",
    "docs/howto/gateway.md": "test_howto.py",
    "docs/howto/install.md": "../packages/test_deb.py",
    "docs/howto/mount.md": "test_howto.py",
    "docs/howto/serve.md": "test_howto.py",
    "docs/howto/storage.md": "test_howto.py",
    "docs/howto/systemd.md": "test_systemd.py",
    "docs/howto/sync.md": "test_howto.py",
    "docs/howto/python-ecosystem.md": "test_howto.py",
    "docs/howto/troubleshooting.md": "test_troubleshooting.py",
    "docs/howto/use-a-share.md": "test_howto.py",
    "docs/howto/monitoring.md": "test_howto.py",
    "docs/howto/status-page.md": "test_howto.py",
    "docs/howto/workers.md": "test_howto.py",
    "docs/reference/api.md": "test_api.py",
    "docs/reference/command-line.md": "test_command_line.py",
    "docs/tutorial/first-share.md": "test_newcomer.py",
    "docs/tutorial/five-minutes.md": "../packages/test_five_minutes.py",
}
"""The pages with code, and the tests that run each block of them or leave it out with a reason."""
CURRENT = [page for page in pages() if page != "CHANGELOG.md" and "/decisions/" not in page]
"""The pages about how things are now, and not how they were."""
_MODULE = re.compile(r"python -m ((?:smbquic|tests|benchmarks)[.\w]*)")
_PATH = re.compile(
    r"`((?![^`]*[A-Z]{4})(?:\.ci|benchmarks|certs|docs|packaging|smbquic|tests)/[\w./-]*[\w/])(?:::\w+)?`"
)
_NAME = re.compile(r"`(smbquic(?:\.(?!toml|service|socket)[A-Za-z_]\w*)+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z]+:")


def test_there_are_pages() -> None:
    assert "README.md" in pages()
    assert "docs/howto/certificates.md" in pages()


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    for link in _LINK.findall(prose(page)):
        if _ELSEWHERE.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = normpath(PurePosixPath(page).parent / path) if path else page
        assert (ROOT / target).exists(), f"{page} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(target), f"{page} links to {link}: no heading there is so"


@pytest.mark.parametrize("page", CURRENT)
def test_modules_that_are_run_are_there(page: str) -> None:
    for name in set(_MODULE.findall(read(page))):
        found = find_spec(name)
        assert found is not None, f"{page}: there is no module {name}"
        if found.submodule_search_locations is not None:
            assert find_spec(f"{name}.__main__"), f"{page}: {name} is nothing to run"


@pytest.mark.parametrize("page", CURRENT)
def test_paths_are_there(page: str) -> None:
    for path in set(_PATH.findall(read(page))):
        assert (ROOT / path).exists(), f"{page} speaks of {path}, which is not there"


def is_there(name: str) -> bool:
    """Whether a dotted name is a module's, or that of something in a module."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        try:
            for part in parts[count:]:
                found = getattr(found, part)
        except AttributeError:
            return False
        return True
    return False


@pytest.mark.parametrize("page", CURRENT)
def test_names_in_the_code_are_there(page: str) -> None:
    for name in sorted(set(_NAME.findall(read(page)))):
        assert is_there(name), f"{page} speaks of {name}, which is not in the code"


@pytest.mark.parametrize("page", pages())
def test_a_page_with_code_is_replayed(page: str) -> None:
    code = [block for block in blocks(page) if block.language not in ("text", "mermaid")]
    assert bool(code) == (page in REPLAYED), (
        f"{page}: a page with code needs a test in tests/docs that runs its blocks"
    )


@pytest.mark.parametrize(("page", "module"), REPLAYED.items())
def test_the_test_that_is_named_reads_the_page(page: str, module: str) -> None:
    assert f'"{page}"' in (ROOT / "tests" / "docs" / module).read_text()


@pytest.mark.parametrize("page", pages())
def test_code_is_in_fenced_blocks_with_a_language(page: str) -> None:
    for block in blocks(page):
        assert block.language, f"{block}: say what this is: sh, python, toml, text ..."
    # After a blank line, four spaces make a block of code, unless they go on with a list.
    for paragraph in re.split(r"\n\n+", prose(page)):
        assert not paragraph.startswith("    "), f"{page}: fence this:\n{paragraph}"


def test_the_index_names_every_page() -> None:
    index = read("docs/README.md")
    for page in pages():
        inside = page.removeprefix("docs/")
        if (
            page.startswith("docs/")
            and inside != "README.md"
            and not inside.startswith("decisions/")
        ):
            assert f"({inside})" in index, f"docs/README.md has no link to {inside}"
