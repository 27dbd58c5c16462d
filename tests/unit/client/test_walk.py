import os
from pathlib import Path

import pytest

from smbquic.client import walk as module
from smbquic.client.share import Share
from smbquic.errors import DeniedError, StatusError
from tests.unit.client.fakes import FakeServer
from tests.unit.client.folders import LocalFolders


@pytest.fixture
def folders(server: FakeServer, tmp_path: Path) -> LocalFolders:
    """Folders in folders, some of them empty, and a link."""
    for path in ("a/b/c", "a/d", "e", "f/g/h/i", "f/j"):
        (tmp_path / path).mkdir(parents=True)
    for path in ("a/x", "a/b/c/y", "f/g/z", "top"):
        (tmp_path / path).touch()
    (tmp_path / "a" / "link").symlink_to("b")
    return LocalFolders(server, tmp_path)


async def walked(share: Share, path: str = "", *, topdown: bool = True) -> list[str]:
    found = []
    async for place, inner, files in share.walk(path, topdown=topdown):
        names = [entry.name for entry in inner], [entry.name for entry in files]
        found.append(f"{place}: {names}")
    return found


@pytest.mark.parametrize("ahead", [1, 2, 16])
@pytest.mark.parametrize("topdown", [True, False])
async def test_folders_come_in_the_order_of_the_standard_library(
    share: Share,
    folders: LocalFolders,
    monkeypatch: pytest.MonkeyPatch,
    ahead: int,
    topdown: bool,
) -> None:
    monkeypatch.setattr(module, "AHEAD", ahead)
    expected = []
    for place, inner, files in os.walk(folders.root, topdown=topdown):
        inner.sort()
        name = Path(place).relative_to(folders.root).as_posix().removeprefix(".")
        expected.append(f"{name}: {(sorted(inner), sorted(files))}")
    found = await walked(share, topdown=topdown)
    if topdown:
        assert found == expected
    assert sorted(found) == sorted(expected)
    places = [line.partition(":")[0] for line in found]
    for index, place in enumerate(places):
        for later in places[index:]:
            assert topdown or not later.startswith(f"{place}/"), "what is in a folder comes first"


async def test_a_part_of_the_tree(share: Share, folders: LocalFolders) -> None:
    assert [line.partition(":")[0] for line in await walked(share, "f/g")] == [
        "f/g",
        "f/g/h",
        "f/g/h/i",
    ]


async def test_folders_that_are_taken_out_are_not_entered(
    share: Share, folders: LocalFolders
) -> None:
    seen = []
    async for place, inner, _ in share.walk():
        seen.append(place)
        inner[:] = [entry for entry in inner if entry.name not in ("a", "g")]
    assert seen == ["", "e", "f", "f/j"]
    assert {place for place, _ in folders.listed} == {".", "e", "f", "f/j"}


async def test_folders_are_listed_ahead_up_to_a_number(
    share: Share, folders: LocalFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        (folders.root / "e" / f"{number}").mkdir()
    monkeypatch.setattr(module, "AHEAD", 4)
    walking = share.walk("e")
    await anext(walking)
    await anext(walking)
    await walking.aclose()
    assert len(folders.listed) == 1 + 4


@pytest.mark.parametrize("topdown", [True, False])
async def test_a_folder_that_cannot_be_listed(
    share: Share, folders: LocalFolders, topdown: bool
) -> None:
    folders.refused = {"a/b", "f/j"}
    with pytest.raises(DeniedError, match="a/b: "):
        await walked(share, topdown=topdown)
    errors: list[StatusError] = []
    found = [place async for place, _, _ in share.walk(topdown=topdown, onerror=errors.append)]
    assert sorted(found) == ["", "a", "a/d", "e", "f", "f/g", "f/g/h", "f/g/h/i"]
    assert found[-1 if not topdown else 0] == ""
    assert {error.path for error in errors} == {"a/b", "f/j"}
