import errno

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smbquic.client.mount.names import link_target, mount_name, share_path, stays_inside


@pytest.mark.parametrize(
    ("root", "path", "expected"),
    [
        ("", "/", ""),
        ("", "/a/b", "a/b"),
        ("in", "/", "in"),
        ("in/side", "/a", "in/side/a"),
        ("", "/a:b/c\\d", "a\uf022b/c\uf026d"),
        ("", "/\udcff", "\uf0ff"),
        ("", "/dot.", "dot\uf029"),
    ],
)
def test_paths_on_the_share(root: str, path: str, expected: str) -> None:
    assert share_path(root, path) == expected


def test_names_that_are_too_long() -> None:
    share_path("", "/" + "x" * 255)
    with pytest.raises(OSError, match="too long") as caught:
        share_path("", "/a/" + "x" * 256)
    assert caught.value.errno == errno.ENAMETOOLONG


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b", "\ud800", "\uf02e."])
def test_names_that_no_file_can_have(name: str) -> None:
    found = mount_name(name)
    assert found is None or found not in (".", "..")
    if name != "\uf02e.":
        assert found is None


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=20))
@example("\uf080")
def test_a_name_comes_back_as_it_was(name: str) -> None:
    if name not in (".", "..") and len(name.encode("utf-8", "surrogatepass")) < 60:
        try:
            name.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return
        spelled = share_path("", f"/{name}")
        assert "/" not in spelled
        assert mount_name(spelled) == name


@pytest.mark.parametrize(
    ("target", "depth", "inside"),
    [
        ("file", 0, True),
        ("folder/file", 0, True),
        ("./file", 0, True),
        ("../file", 1, True),
        ("../file", 0, False),
        (".././../file", 2, True),
        ("../../../file", 2, False),
        # "folder" can be a link to the root itself.
        ("folder/../file", 3, False),
        ("folder/./..", 3, False),
        ("/etc/passwd", 3, False),
        ("", 3, False),
    ],
)
def test_links_stay_inside(target: str, depth: int, inside: bool) -> None:
    assert stays_inside(target, depth) is inside


def test_names_of_a_target_are_converted() -> None:
    assert link_target("../a/./b", str.upper) == "../A/./B"
