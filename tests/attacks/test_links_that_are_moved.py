"""A link that stays within the share is moved to where it does not."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smbquic.storage import Disposition
from smbquic.storage.local import LocalStorage, symlinks

pytestmark = pytest.mark.skipif(not hasattr(os, "O_PATH"), reason="takes Linux")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "share"
    (root / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"secret")
    return root


@pytest.fixture
def storage(root: Path) -> Iterator[LocalStorage]:
    storage = LocalStorage(root, links=True)
    yield storage
    storage.close()


def make(storage: LocalStorage, name: str, target: str) -> None:
    file, _ = storage.open(name, Disposition.CREATE, write=True)
    with closing(file):
        file.become_link(target)


def escaping(root: Path) -> list[Path]:
    """The links on the disk that lead out of the share."""
    found = [path for path in root.rglob("*") if path.is_symlink()]
    return [path for path in found if not path.resolve().is_relative_to(root.resolve())]


@pytest.mark.parametrize("how", ["rename", "link"])
@pytest.mark.parametrize("name", ["link", "a\\link"])
def test_upwards(storage: LocalStorage, root: Path, how: str, name: str) -> None:
    make(storage, "a\\b\\link", "..\\..\\secret")
    file, _ = storage.open("a\\b\\link", link=True)
    with pytest.raises(PermissionError, match="out of the share"):
        getattr(file, how)(name, replace=False)
    getattr(file, how)("a\\b\\c\\link", replace=False)
    file.close()
    assert escaping(root) == []


def test_with_the_folder_that_it_is_in(storage: LocalStorage, root: Path) -> None:
    make(storage, "a\\b\\c\\link", "..\\..\\..\\secret")
    for folder, new_name in (("a\\b\\c", "c"), ("a\\b", "b")):
        file, _ = storage.open(folder, directory=True)
        with pytest.raises(PermissionError, match="out of the share"):
            file.rename(new_name, replace=False)
        file.close()
    assert escaping(root) == []


def test_a_folder_whose_links_stay_may_go_upwards(storage: LocalStorage, root: Path) -> None:
    make(storage, "a\\b\\c\\link", "..\\file")
    file, _ = storage.open("a\\b\\c", directory=True)
    file.rename("c", replace=False)
    file.close()
    assert (root / "c" / "link").is_symlink()
    assert escaping(root) == []


def test_a_folder_with_too_much_in_it_stays(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symlinks, "_MOST_ENTRIES", 2)
    for number in range(3):
        (root / "a" / "b" / str(number)).touch()
    file, _ = storage.open("a\\b", directory=True)
    with pytest.raises(PermissionError, match="too many entries"):
        file.rename("b", replace=False)
    file.rename("a\\d", replace=False)
    file.close()


def test_by_way_of_another_link(storage: LocalStorage, root: Path) -> None:
    make(storage, "a\\b\\up", "..\\..\\a")
    with pytest.raises(PermissionError, match="out of the share"):
        make(storage, "a\\b\\c\\link", "..\\up\\..\\..\\secret")
    assert escaping(root) == []
