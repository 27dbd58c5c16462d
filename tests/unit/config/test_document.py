"""The common parts of the server's file and the client's; their own tests have the rest."""

from pathlib import Path

import pytest

from smbquic.config.document import Document, closest
from smbquic.errors import ConfigError


def test_a_place_without_a_line_of_its_own_is_that_of_its_table(tmp_path: Path) -> None:
    document = Document(tmp_path / "x.toml", "\n[a]\nb = {c = 1}\n")
    assert document.content == {"a": {"b": {"c": 1}}}
    assert [document.line(place) for place in (("a",), ("a", "b", "c"), ("z",))] == [2, 3, 1]
    assert str(document.error(("a", 0), "no")) == f"{tmp_path}/x.toml:2: a[1]: no"


def test_a_check_that_fails_is_an_error_with_the_place(tmp_path: Path) -> None:
    document = Document(tmp_path / "x.toml", "a = 1")
    document.check(("a",), ValueError, int, "3")
    with pytest.raises(ConfigError, match=r":1: a: invalid literal"):
        document.check(("a",), ValueError, int, "x")
    with pytest.raises(TypeError):
        document.check(("a",), ValueError, int, None)


def test_only_what_is_close_is_proposed() -> None:
    assert closest("timeot", ["timeout", "ca"]) == ["timeout"]
    assert closest("zzz", ["timeout", "ca"]) == []
