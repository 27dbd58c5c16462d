"""Filters as rclone's page about them describes the order of rules."""

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client.filters import Filters, Rule
from smbquic.options.filter import FilterOptions
from tests.unit.client.test_filter_patterns import PATHS, PATTERNS


def filters(tmp_path: Path, text: str = "", **options: Sequence[str]) -> Filters:
    if text:
        (tmp_path / "rules").write_text(text)
        options["filter_from"] = [str(tmp_path / "rules")]
    return Filters.of(FilterOptions(**options))


def included(chosen: Filters, *paths: str) -> list[str]:
    """The files that a walk through the tree finds."""
    return [
        path
        for path in paths
        if chosen.includes_file(path)
        and all(
            chosen.includes_folder(path[:at]) for at, letter in enumerate(path) if letter == "/"
        )
    ]


def test_without_rules_everything_is_included() -> None:
    chosen = Filters()
    assert chosen.include_everything
    assert included(chosen, "a", "a/b") == ["a", "a/b"]


def test_include_excludes_the_rest(tmp_path: Path) -> None:
    chosen = filters(tmp_path, include=["*.jpg", "/doc/"])
    assert not chosen.include_everything
    assert included(chosen, "a.jpg", "b/c.jpg", "a.png", "doc/a") == ["a.jpg", "b/c.jpg"]
    rooted = filters(tmp_path, include=["/a/*.jpg"])
    assert rooted.includes_folder("a")
    assert not rooted.includes_folder("b")
    assert included(rooted, "a/x.jpg", "b/x.jpg", "x.jpg") == ["a/x.jpg"]


def test_exclude_includes_the_rest(tmp_path: Path) -> None:
    chosen = filters(tmp_path, exclude=["*.bak", "/dir/**", "cache/"])
    paths = ["a", "a.bak", "x/a.bak", "dir/a", "x/dir/a", "cache/a", "x/cache/a/b"]
    assert included(chosen, *paths) == ["a", "x/dir/a"]
    assert [name for name in ("dir", "x", "x/cache", "x/dir") if chosen.includes_folder(name)] == [
        "x",
        "x/dir",
    ]


def test_includes_come_before_excludes(tmp_path: Path) -> None:
    chosen = filters(tmp_path, exclude=["a*"], include=["ab*", "b*"])
    assert included(chosen, "ab", "ac", "b", "c") == ["ab", "b"]


# The examples of https://rclone.org/filtering/
FILES = ["file1.jpg", "file3.png", "file2.avi", "secret17.jpg", "x.txt", "dir/a", "dir/Trash/b"]
FROM = [
    (
        "# a sample filter rule file\n- secret*.jpg\n+ *.jpg\n+ *.png\n+ file2.avi\n"
        "- /dir/Trash/**\n+ /dir/**\n; exclude everything else\n- *\n",
        ["file1.jpg", "file3.png", "file2.avi", "dir/a"],
    ),
    (
        "- secret*.jpg\n+ *.jpg\n+ *.png\n+ file2.avi\n- *\n",
        ["file1.jpg", "file3.png", "file2.avi"],
    ),
    ("+ *.jpg\n+ *.gif\n!\n+ file2.avi\n- *\n", ["file2.avi"]),
    ("- /dir/\n\n  + *.jpg  \n- **\n", ["file1.jpg", "secret17.jpg"]),
    ("+ *.jpg\n", FILES),
]


@pytest.mark.parametrize(("text", "expected"), FROM)
def test_rules_from_a_file(text: str, expected: list[str], tmp_path: Path) -> None:
    assert included(filters(tmp_path, text), *FILES) == expected


def test_an_excluded_star_leaves_no_folder_to_look_into(tmp_path: Path) -> None:
    chosen = filters(tmp_path, "+ /a/b\n- *\n")
    assert chosen.includes_folder("a")
    assert not chosen.includes_folder("c")


@pytest.mark.parametrize("line", ["*.jpg", "+*.jpg", "+ ", "! x"])
def test_what_is_no_rule(line: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rules:2: .*is not a rule: write \+ PATTERN"):
        filters(tmp_path, f"# comment\n{line}\n")


def test_a_wrong_pattern_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rules:1: 'a\[' is not a pattern"):
        filters(tmp_path, "+ a[\n")
    with pytest.raises(ValueError, match="is not a pattern"):
        filters(tmp_path, include=["***"])


def test_a_list_of_files_overrides_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list").write_text("# comment\nfile1.jpg\n/subdir/deep/file2.jpg\n\n")
    chosen = Filters.of(FilterOptions(files_from=[str(tmp_path / "list")], exclude=["*"]))
    assert not chosen.include_everything
    assert included(chosen, "file1.jpg", "subdir/deep/file2.jpg", "a", "subdir/deep/b") == [
        "file1.jpg",
        "subdir/deep/file2.jpg",
    ]
    assert not chosen.includes_folder("other")
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\n"))
    assert included(Filters.of(FilterOptions(files_from=["-"])), "a", "b") == ["a"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Filters.of(FilterOptions(filter_from=[str(tmp_path / "missing")]))


@given(st.lists(st.tuples(st.booleans(), PATTERNS), max_size=4), PATHS)
def test_folders_that_are_not_entered_have_nothing_that_is_included(
    patterns: list[tuple[bool, str]], path: str
) -> None:
    """Not looking into folders saves time, and changes nothing."""
    chosen = Filters([Rule.make(pattern, include=include) for include, pattern in patterns])
    if chosen.includes_file(path):
        assert included(chosen, path) == [path]
