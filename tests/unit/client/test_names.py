import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client import names
from smbquic.errors import LocalProtocolError, SecurityError


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
    with pytest.raises(names.PathError):
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
