"""Masks, and what they match."""

import pytest

from smbquic.cli.shell.masks import find, has_wildcard, matcher, on_server
from smbquic.client.share import Share
from smbquic.errors import NotFoundError
from tests.unit.client.conftest import server, share, transport
from tests.unit.client.fakes import FakeServer
from tests.unit.client.test_tree import FILE, FOLDER, Disk

__all__ = ["server", "share", "transport"]  # the fixtures


@pytest.mark.parametrize(
    ("mask", "name", "matches"),
    [
        ("*", "any", True),
        ("*.*", "any", True),
        ("*.TXT", "a.txt", True),
        ("*.txt", "a.txt.old", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("[a]*", "[a]b", True),
        ("[a]*", "ab", False),
        ("a:?", "a\uf022\uf01b", True),
    ],
)
def test_names(mask: str, name: str, matches: bool) -> None:
    assert matcher(mask)(name) is matches


@pytest.mark.parametrize(
    ("mask", "pattern"),
    [
        ("*", "*"),
        ("*.*", "*"),
        ("a.*", "a.*"),
        ("a??b*", "a*b*"),
        ('a"*', "a\uf020*"),
        ("*.", "*"),
        ("a *", "a *"),
    ],
)
def test_the_server_is_asked_for_at_least_as_much(mask: str, pattern: str) -> None:
    assert on_server(mask) == pattern


def test_wildcards() -> None:
    assert has_wildcard("a*")
    assert has_wildcard("?")
    assert not has_wildcard("[a]")


async def test_what_a_server_finds_is_checked(share: Share, server: FakeServer) -> None:
    Disk(server, {"": {"a.htm": (FILE, b""), "b.html": (FILE, b""), "C.HTM": (FILE, b"")}})
    assert [path for path, _ in await find(share, "", "*.htm")] == ["a.htm", "C.HTM"]
    with pytest.raises(NotFoundError):
        await find(share, "", "*.txt")


async def test_a_name_is_looked_up(share: Share, server: FakeServer) -> None:
    Disk(server, {"": {"f": (FOLDER, b"")}, "f": {}})
    [(path, entry)] = await find(share, "", "f")
    assert (path, entry.is_directory) == ("f", True)
    assert await find(share, "f", "*") == []
