from pathlib import Path

import pytest

from smbquic.client.share import Share
from smbquic.errors import DeniedError, PathError
from tests.unit.client.fakes import FakeServer
from tests.unit.client.folders import LocalFolders


@pytest.fixture
def folders(server: FakeServer, tmp_path: Path) -> LocalFolders:
    for path in ("a/b/c", "a/b1", "b/a", "x.d/y.d", "empty"):
        (tmp_path / path).mkdir(parents=True)
    names = ("a/f.txt", "a/b/f.txt", "a/b/c/g.txt", "a/b1/f1.txt", "b/f2.TXT", "x.d/[z].txt")
    for path in (*names, "top.txt", "x.d/y.d/deep.md", ".hidden"):
        (tmp_path / path).touch()
    return LocalFolders(server, tmp_path)


async def globbed(share: Share, pattern: str) -> list[str]:
    return sorted([path async for path, _ in share.glob(pattern)])


@pytest.mark.parametrize(
    "pattern",
    [
        *("*", "*.txt", "a/*", "a/*.txt", "*/f.txt", "*/*", "?", "x*/*.d", "*/b/*", "a/b/f.txt"),
        *("**/*", "**/*.txt", "a/**/*.txt", "**/b/*", "**/b*/**/*", "*/**/f.txt", "**/a/**/c"),
        *("a/b[0-9]/*", "a/b[!0-9]*", "*.[tm]*", "x.d/[[]z].txt", "missing/*", "top.txt/*"),
        *("nothing", "a", "a/b/../b", "**/**/f.txt", "a/*/", "./a/./f.txt", "e*/*", "[ab]/*"),
    ],
)
async def test_paths_are_those_of_pathlib(
    share: Share, folders: LocalFolders, pattern: str
) -> None:
    if ".." in pattern:
        with pytest.raises(PathError):
            await globbed(share, pattern)
        return
    expected = [
        path.relative_to(folders.root).as_posix()
        for path in folders.root.glob(pattern)
        if path.is_dir() or not pattern.endswith("/")
    ]
    found = await globbed(share, pattern)
    if "*.txt" in pattern:  # the case of letters is ignored here, and not by this machine
        found = [path for path in found if not path.endswith(".TXT")]
    assert found == sorted(expected)


async def test_the_case_of_letters_is_ignored(share: Share, folders: LocalFolders) -> None:
    assert (
        await globbed(share, "B/F?.txt") == []
    )  # as the folder of this test is asked for as it is
    assert await globbed(share, "?/F2.txt") == ["b/f2.TXT"]
    assert await globbed(share, "b/F2.TXT") == ["b/f2.TXT"]


async def test_all_that_is_below_a_folder(share: Share, folders: LocalFolders) -> None:
    below = sorted(
        path.relative_to(folders.root).as_posix() for path in (folders.root / "a").rglob("*")
    )
    assert await globbed(share, "a/**") == ["a", *below]
    assert await globbed(share, "a/**/") == ["a", "a/b", "a/b/c", "a/b1"]
    assert await globbed(share, "missing/**") == []


@pytest.mark.parametrize(
    ("pattern", "listed"),
    [
        ("a/b/f.txt", [("a/b", "f.txt")]),
        ("a/b/*.txt", [("a/b", "*.txt")]),
        ("a/b?/f[0-9].txt", [("a", "b*"), ("a/b1", "f*.txt")]),
        ("x*/y.d/*.md", [(".", "x*"), ("x.d/y.d", "*.md")]),
        ("b/<*", [("b", "*")]),
        ("x.d/**/*.md", [("x.d", "*"), ("x.d/y.d", "*")]),
    ],
)
async def test_only_folders_that_may_have_a_match_are_listed(
    share: Share, folders: LocalFolders, pattern: str, listed: list[tuple[str, str]]
) -> None:
    await globbed(share, pattern)
    assert sorted(folders.listed) == listed


async def test_links_are_not_followed(share: Share, folders: LocalFolders) -> None:
    (folders.root / "empty" / "link").symlink_to("../a")
    assert await globbed(share, "empty/**/*") == ["empty/link"]
    assert await globbed(share, "empty/*/*") == []


async def test_a_folder_that_cannot_be_listed(share: Share, folders: LocalFolders) -> None:
    folders.refused = {"a/b"}
    with pytest.raises(DeniedError):
        await globbed(share, "**/*.txt")


@pytest.mark.parametrize("pattern", ["", "/", "."])
async def test_what_is_no_pattern(share: Share, pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        await globbed(share, pattern)
