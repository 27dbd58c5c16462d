"""Patterns as rclone's page about filters describes them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.client.filter_patterns import FilterPattern

# The examples of https://rclone.org/filtering/, and what its text says of each form.
MATCHES = [
    ("*.jpg", ["file.jpg", "dir/file.jpg"], ["file.png", "dir/file.png"]),
    ("/*.jpg", ["file.jpg", "file2.jpg"], ["file.png", "dir/file.jpg"]),
    ("*.{jpg,png}", ["file.jpg", "dir/file.png"], ["file.gif", "dir/file.gif"]),
    ("dir/**", ["dir/anyfile", "subdir/dir/subsubdir/anyfile"], ["file.png", "subdir/file.png"]),
    ("*.t?t", ["file.txt", "dir/file.tzt"], ["file.qxt", "dir/file.png"]),
    ("*.[a-z]", ["file.a", "dir/file.b"], ["file.0", "dir/file.1"]),
    (r"*.\?\?\?", ["file.???", "dir/file.???"], ["file.abc", "dir/file.def"]),
    (r"*.\d\d\d", ["file.012", "dir/file.345"], ["file.abc", "dir/file.def"]),
    ("*.{{jpe?g}}", ["file.jpeg", "dir/file.jpg"], ["file.png", "dir/file.jpeeg"]),
    (r"/{{.*\.jpe?g}}", ["file.jpeg", "dir/file.jpg"], ["file.png"]),
    ("file.jpg", ["file.jpg", "directory/file.jpg"], ["afile.jpg", "directory/afile.jpg"]),
    ("/file.jpg", ["file.jpg"], ["afile.jpg", "directory/file.jpg"]),
    ("potato", ["potato"], ["POTATO"]),
    ("/excl/**", ["excl/123.jpg", "excl/a/b"], ["incl/document.pdf", "a/excl/b"]),
    ("*.{{(?i)jpg}}", ["file.jpg", "file.JPG"], ["file.png"]),
    (r"{{start[^/]*end\.jpg}}", ["start-end.jpg", "a/startend.jpg"], ["start/end.jpg"]),
    ("??[^[:punct:]]*", ["abc", "wheat/abcd"], ["ab-", "ab"]),
    (r"*\[{JP,KR,HK}\]*", ["a[JP]b", "[HK]"], ["a[US]b", "JP"]),
    ("{A,B}/**", ["A/x", "B/y/z"], ["C/x", "A"]),
    ("{dir1/**,dir2/**}", ["dir1/a", "dir2/b/c"], ["dir3/a"]),
    ("a{b,{c,d}}e", ["abe", "ace", "ade"], ["ae", "abce"]),
    ("[!a-c]", ["d"], ["a", "b"]),
    (r"[\[\]]", ["[", "]"], ["a"]),
    ("a,b", ["a,b"], ["a", "b"]),
    ("a.b+(c)|^$", ["a.b+(c)|^$"], ["aXb+(c)|^$"]),
    (r"/{{\d{8}}}", ["20261129"], ["2026", "20261129}"]),
    (r"/{{\}}}", ["}"], ["{"]),
    (r"\{{{x+}}", ["{xx"], ["xx"]),
    ("potato**sausage", ["potato/a/sausage", "potatosausage"], ["potato"]),
    ("*", ["a", "a/b", ".hidden"], []),
    ("**", ["a", "a/b"], []),
    ("a\n*", ["a\nb"], ["a"]),
    ("[a-]", ["a", "-"], ["b"]),
    ("[a-c-]", ["b", "-"], ["d"]),
    (r"[\d-]x", ["5x", "-x"], ["ax"]),
    (r"[+\--/]", ["+", "-", ".", "/"], ["a"]),
    ("a{b}", ["ab"], ["a", "a{b}"]),
]


@pytest.mark.parametrize(("pattern", "yes", "no"), MATCHES)
def test_matches(pattern: str, yes: list[str], no: list[str]) -> None:
    compiled = FilterPattern(pattern)
    assert [path for path in [*yes, *no] if compiled.matches(path)] == yes


@pytest.mark.parametrize(
    "pattern",
    [
        *("***", "ab]c", "ab[c", "ab{x{cd", "ab{}}cd", "ab}c", "ab{c", "a{{.*}", "{{(}}"),
        *(
            "[a--b]",
            "[b-a]",
            "a\\",
            "\\q",
            "[]",
            "[!]",
            "[[:nothing:]]",
            "[[:alpha",
            "[[:^alpha:]]",
        ),
    ],
)
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match="is not a pattern"):
        FilterPattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("/*.jpg", [""], ["a", "a/b"]),
        ("/a/*.jpg", ["", "a"], ["b", "a/b"]),
        ("/a/*/c.jpg", ["", "a", "a/b"], ["b", "b/b", "a/b/c"]),
        ("*.jpg", ["", "a", "a/b"], []),
        ("a/b.jpg", ["", "x", "a"], []),
        ("/a/**", ["", "a", "a/b", "b"], []),  # too hard to say
        ("/{a,b}/c", ["", "a", "c"], []),
    ],
)
def test_what_can_be_below_a_folder(pattern: str, yes: list[str], no: list[str]) -> None:
    compiled = FilterPattern(pattern)
    assert [folder for folder in [*yes, *no] if compiled.may_match_below(folder)] == yes


COMPONENTS = st.text("ab", min_size=1, max_size=2)
PATHS = st.lists(COMPONENTS, min_size=1, max_size=4).map("/".join)
PATTERNS = st.tuples(
    st.sampled_from(["", "/"]),
    st.lists(st.sampled_from(["a", "b", "*", "?", "**", "a*", "[ab]", "{a,b}"]), min_size=1),
).map(lambda parts: parts[0] + "/".join(parts[1]))


@given(PATTERNS, PATHS)
def test_no_match_is_below_a_folder_that_is_not_entered(pattern: str, path: str) -> None:
    compiled = FilterPattern(pattern)
    folders = [path[: slash.start()] for slash in re.finditer("/", path)]
    if compiled.matches(path):
        assert all(map(compiled.may_match_below, ["", *folders]))


@given(st.text("ab/*?[]{},\\!^-.:d", max_size=12))
def test_any_text_is_a_pattern_or_a_value_error(text: str) -> None:
    try:
        compiled = FilterPattern(text)
    except ValueError:
        return
    compiled.matches("a/b")
    compiled.may_match_below("a")
