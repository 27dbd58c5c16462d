import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client import names
from smbquic.errors import LocalProtocolError, NameCollisionError, PathError, SecurityError


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("", []),
        ("/", []),
        (".", []),
        ("a/b", ["a", "b"]),
        ("/a//b/", ["a", "b"]),
        (r"a\b", ["a", "b"]),
        ("a/../b/./c", ["b", "c"]),
    ],
)
def test_split_path(path: str, parts: list[str]) -> None:
    assert names.split_path(path) == parts


@pytest.mark.parametrize("path", ["..", "a/../..", r"..\x", "a\0b"])
def test_paths_that_name_nothing(path: str) -> None:
    with pytest.raises(PathError):
        names.split_path(path)
    with pytest.raises(ValueError, match=r"leads out|NUL"):
        names.to_wire(path)
    with pytest.raises(LocalProtocolError):
        names.to_wire(path)


def test_helpers() -> None:
    assert names.to_wire("/a/b c/") == r"a\b c"
    assert names.join("", "x") == "x"
    assert names.join("a/b", "x") == "a/b/x"
    assert names.parent("a/b/c") == "a/b"
    assert names.parent("a") == ""


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc/passwd", r"a\b", r"..\x", "a\0"]
)
def test_names_that_no_server_may_list(name: str) -> None:
    with pytest.raises(SecurityError, match="lists the name"):
        names.check_listed(name)


def test_a_colon_is_a_stream_or_a_drive_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert names.check_listed("a:b") == "a:b"
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(SecurityError):
        names.check_listed("c:b")


@given(st.text())
def test_a_checked_name_stays_in_its_folder(name: str) -> None:
    try:
        checked = names.check_listed(name)
    except SecurityError:
        return
    joined = os.path.normpath(f"/base/folder/{checked}")
    assert joined == f"/base/folder/{checked}"


LOCAL_NAMES = (
    st.binary(min_size=1, max_size=40)
    .map(os.fsdecode)
    .filter(lambda name: "/" not in name and "\0" not in name and name not in (".", ".."))
)


@given(LOCAL_NAMES)
def test_local_names_come_back(name: str) -> None:
    wire = names.from_local(name)
    assert not set(wire) & set('"*/:<>?\\|')
    assert os.fsencode(names.to_local(wire)) == os.fsencode(name)


@given(st.text())
def test_a_listed_name_stays_in_its_folder_here_too(name: str) -> None:
    try:
        local = names.to_local(name)
    except SecurityError:
        return
    assert os.path.normpath(f"/base/folder/{local}") == f"/base/folder/{local}"


@pytest.mark.parametrize("name", ["\uf029", "\uf029\uf029", ".\uf029", "\uf029."])
def test_names_that_stand_for_no_file(name: str) -> None:
    with pytest.raises(SecurityError, match="stands for"):
        names.to_local(name)


def test_the_page_has_the_table_of_the_code() -> None:
    """Each row whose left side is a single character, or a range of control characters."""
    page = Path(__file__).parents[3] / "docs" / "reference" / "names.md"
    rows = re.findall(r"^\| `(\\?.)` \| U\+([0-9A-F]{4}) \|$", page.read_text(), re.MULTILINE)
    table = {plain[-1]: chr(int(code, 16)) for plain, code in rows}
    assert set(table) == set('"*:<>?\\|')
    assert all(names.from_local(plain) == wire for plain, wire in table.items())
    assert names.from_local("a ") == "a\uf028"
    assert names.from_local("a.") == "a\uf029"
    assert names.from_local("\x01\x1f") == "\uf001\uf01f"
    assert names.from_local(os.fsdecode(b"\x80\xff")) == "\uf080\uf0ff"
    assert names.from_local("\uf022") == "\uf0ef\uf080\uf0a2"
    assert "U+F028" in page.read_text()
    assert "U+F029" in page.read_text()


def test_names_in_a_folder_of_a_share_are_taken_once() -> None:
    taken = names.TargetNames()
    taken.claim("Report.txt", "one")
    taken.claim("other.txt", "two")
    with pytest.raises(NameCollisionError, match=r"'REPORT.TXT' is taken by one"):
        taken.claim("REPORT.TXT", "three")
