from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from smbquic.storage import (
    Capability,
    Storage,
    StorageFile,
    open_storage,
    registry,
    resolve_location,
    schemes,
)
from smbquic.storage.local import LocalStorage
from smbquic.storage.memory import MemoryStorage


class Foreign(Storage):
    """A storage as another package might bring it; it remembers how it was opened."""

    def __init__(self, rest: str, *, read_only: bool, links: bool) -> None:
        self.opened = rest, read_only, links

    def lookup(self, name: str, *, write: bool = False) -> StorageFile:
        raise FileNotFoundError


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with the scheme ``foreign`` is installed."""
    found = EntryPoint("foreign", f"{__name__}:Foreign", registry.GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: Foreign)
    monkeypatch.setattr(registry, "_entry_points", lambda: EntryPoints([found]))


@pytest.mark.parametrize("prefix", ["", "local:"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder(tmp_path: Path, prefix: str, kind: type) -> None:
    location = f"{prefix}{tmp_path}" if kind is str else tmp_path

    storage = open_storage(location, read_only=True, links=True)

    assert isinstance(storage, LocalStorage)
    assert storage.read_only
    assert storage.volume().label == tmp_path.name
    storage.close()


@pytest.mark.parametrize("name", ["memory:", "a:b", "C:"])
def test_a_path_object_is_a_folder_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()

    storage = open_storage(tmp_path / name)

    assert storage.volume().label == name
    storage.close()


def test_a_folder_whose_name_looks_like_a_location(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nothing:here").mkdir()
    monkeypatch.chdir(tmp_path)

    storage = open_storage("nothing:here")

    assert storage.volume().label == "nothing:here"
    storage.close()


@pytest.mark.parametrize("location", ["/no/such/folder", "local:/no/such/folder", "C:\\folder"])
def test_no_folder(location: str) -> None:
    with pytest.raises(ValueError, match="is not a folder"):
        open_storage(location)


def test_an_unknown_scheme() -> None:
    with pytest.raises(ValueError, match="'nothing' is none of the schemes local, memory"):
        open_storage("nothing:here")


@pytest.mark.parametrize(
    ("bounds", "total", "files"),
    [
        ("", 256 << 20, 10_000),
        ("4096", 4096, 10_000),
        ("64K", 64 << 10, 10_000),
        ("64M,7", 64 << 20, 7),
        ("2G,0", 2 << 30, 0),
    ],
)
def test_bounds_of_memory(bounds: str, total: int, files: int) -> None:
    storage = open_storage(f"memory:{bounds}")

    assert isinstance(storage, MemoryStorage)
    assert storage.volume().total_bytes == total
    assert storage._tree.budget.max_files == files
    assert not storage.read_only
    assert open_storage(f"memory:{bounds}", read_only=True).read_only


@pytest.mark.parametrize("bounds", ["much", "64T", "-1", "64M,", ",7", "64M,7,8", "64m"])
def test_no_bounds_of_memory(bounds: str) -> None:
    with pytest.raises(ValueError, match="write memory:BYTES,FILES"):
        open_storage(f"memory:{bounds}")


def test_memory_has_no_links() -> None:
    with pytest.raises(ValueError, match="no symbolic links"):
        open_storage("memory:", links=True)


@pytest.mark.usefixtures("foreign")
def test_a_scheme_of_another_package() -> None:
    assert schemes() == ["foreign", "local", "memory"]

    storage = open_storage("foreign:a:b\nc", read_only=True, links=True)

    assert isinstance(storage, Foreign)
    assert storage.opened == ("a:b\nc", True, True)


def test_a_folder_is_opened_for_writing_without_links_unless_that_is_said(tmp_path: Path) -> None:
    plain, linked = open_storage(tmp_path), open_storage(tmp_path, links=True)
    assert not plain.read_only
    assert not plain.capabilities & Capability.SYMBOLIC_LINKS
    assert linked.capabilities & Capability.SYMBOLIC_LINKS
    for storage in (plain, linked):
        storage.close()
    made = open_storage("memory:")
    assert not made.read_only
    assert not made.capabilities & Capability.SYMBOLIC_LINKS


@pytest.mark.usefixtures("foreign")
def test_locations_that_a_file_names(tmp_path: Path) -> None:
    for name in ("folder", "other:folder", "C:"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    for location, found in (
        ("folder", tmp_path / "folder"),
        ("local:folder", tmp_path / "folder"),
        (str(tmp_path), tmp_path),
        (f"local:{tmp_path}", tmp_path),
        ("other:folder", tmp_path / "other:folder"),
        ("C:", tmp_path / "C:"),
        ("memory:1M", "memory:1M"),
        ("foreign:a:b", "foreign:a:b"),
    ):
        assert resolve_location(location, tmp_path) == found
    for location, why in (
        ("file", "file is not a folder; make it"),
        ("local:missing", "missing is not a folder; make it"),
        ("D:", "D: is not a folder; make it"),
        ("other:missing", "'other' is none of the schemes foreign, local, memory"),
    ):
        with pytest.raises(ValueError, match=why):
            resolve_location(location, tmp_path)


def test_schemes() -> None:
    assert schemes() == ["local", "memory"]
