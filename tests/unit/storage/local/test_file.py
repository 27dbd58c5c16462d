"""Listing, parents and closing of an open file or folder."""

import errno
import os
from pathlib import Path

import pytest

from smbquic.storage import Disposition, StorageFile, types
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.file import LocalFile
from smbquic.storage.local.tree import FolderTree, OpenName
from tests.unit.storage.interfaces import differences
from tests.unit.storage.local.opening import Make

# Listing


def test_listing(opened: Make, root: Path) -> None:
    for number in range(300):
        (root / f"file{number}").write_bytes(bytes(number))
    (root / "folder").mkdir()
    folder = opened("")

    one, two = folder.scan(), folder.scan()
    first = [next(one) for _ in range(10)]
    assert {entry.name for entry in two} == {path.name for path in root.iterdir()}
    rest = list(one)
    assert len({entry.name for entry in [*first, *rest]}) == 301
    assert all(
        entry.size == int(entry.name[4:]) for entry in [*first, *rest] if not entry.is_directory
    )
    assert [entry.name for entry in rest + first if entry.is_directory] == ["folder"]


def test_only_files_and_folders_are_listed(opened: Make, root: Path, outside: Path) -> None:
    (root / "file").touch()
    (root / "link").symlink_to("file")
    (root / "dangling").symlink_to("nowhere")
    (root / "out").symlink_to(outside)
    os.mkfifo(root / "fifo")

    assert [entry.name for entry in opened("").scan()] == ["file"]


def test_what_goes_while_it_is_listed(opened: Make, root: Path) -> None:
    for number in range(50):
        (root / f"file{number}").touch()
    entries = opened("").scan()
    first = next(entries)
    for path in root.iterdir():
        path.unlink()

    assert {first.name, *(entry.name for entry in entries)} == {first.name}


def test_what_stays_while_others_go_is_listed(opened: Make, root: Path) -> None:
    for number in range(50):
        (root / f"file{number}").touch()
    entries = opened("").scan()
    first = next(entries).name
    gone = {f"file{number}" for number in range(0, 50, 2)} - {first}
    for name in gone:
        (root / name).unlink()

    assert {first, *(entry.name for entry in entries)} == {path.name for path in root.iterdir()}


def test_whether_a_folder_is_empty(opened: Make, root: Path) -> None:
    folder = opened("folder", directory=True)
    assert folder.is_empty() is True
    os.mkfifo(root / "folder" / "fifo")
    assert list(folder.scan()) == []
    assert folder.is_empty() is False


def test_a_listing_may_be_given_up(storage: LocalStorage, root: Path) -> None:
    for number in range(10):
        (root / f"file{number}").touch()
    folder, _ = storage.open("")
    begun, unused = folder.scan(), folder.scan()
    next(begun)
    folder.close()

    assert len(list(begun)) == 9
    with pytest.raises(OSError, match="closed"):
        next(unused)
    folder, _ = storage.open("")
    begun = folder.scan()
    next(begun)
    folder.close()
    del begun


def test_files_are_not_listed(opened: Make) -> None:
    file = opened("file")

    with pytest.raises(NotADirectoryError):
        list(file.scan())
    with pytest.raises(NotADirectoryError):
        file.is_empty()


def test_the_folder_above(opened: Make, storage: LocalStorage, root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)

    assert opened("a\\b").parent_stat() == storage.stat("a")
    assert opened("a").parent_stat() == storage.stat("")
    top = opened("")
    assert top.parent_key == top.key == opened("a").parent_key
    assert opened("a\\b").parent_key == opened("a").key != top.key


# Closing, and shares that may only be read


def test_a_closed_file(storage: LocalStorage) -> None:
    file, _ = storage.open("file", Disposition.CREATE, write=True)
    file.close()
    file.close()

    for call in (
        lambda: file.read(0, 1),
        lambda: file.write(0, [b"x"]),
        lambda: file.truncate(0),
        lambda: file.allocate(0),
        file.flush,
        file.stat,
        file.set_times,
        lambda: file.set_attributes(0),
        file.parent_stat,
        file.is_empty,
        file.delete,
        lambda: file.rename("new", replace=True),
        lambda: file.link("new", replace=True),
    ):
        with pytest.raises(OSError, match="closed") as caught:
            call()
        assert caught.value.errno == errno.EBADF


def test_reading_only(read_only: LocalStorage, root: Path) -> None:
    (root / "file").write_bytes(b"content")
    file, _ = read_only.open("file")

    os.setxattr(root / "file", "user.DosStream.s:$DATA", b"stream\0")
    stream, _ = read_only.open("file")[0].open_stream("s", Disposition.OPEN)
    for call in (
        lambda: stream.write(0, [b"x"]),
        lambda: file.write(0, [b"x"]),
        lambda: file.truncate(0),
        lambda: file.allocate(0),
        lambda: file.set_times(last_write_time=0),
        lambda: file.set_attributes(0),
        file.mark_changed,
        lambda: file.rename("new", replace=True),
        lambda: file.link("new", replace=True),
        file.delete,
    ):
        with pytest.raises(OSError, match="Read-only") as caught:
            call()
        assert caught.value.errno == errno.EROFS
    assert bytes(stream.read(0, 10)) == b"stream"
    stream.close()
    file.flush()
    file.close()
    assert (root / "file").read_bytes() == b"content"


def test_closing_waits_for_a_renaming(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that a file is in stays open as long as somebody works in it."""
    file, _ = storage.open("file", Disposition.CREATE)
    real = FolderTree.verify

    def verify(tree: FolderTree, link: OpenName) -> int:
        folder = real(tree, link)
        file.close()
        return folder

    monkeypatch.setattr(FolderTree, "verify", verify)
    file.rename("new", replace=False)

    assert [path.name for path in root.iterdir()] == ["new"]


def test_a_closed_storage(root: Path) -> None:
    storage = LocalStorage(root)
    file, _ = storage.open("file", Disposition.CREATE, write=True)
    storage.close()
    storage.close()

    for call in (
        lambda: storage.open("file"),
        lambda: storage.open(""),
        lambda: storage.stat("file"),
        lambda: storage.stat(""),
        storage.volume,
    ):
        with pytest.raises(OSError, match="closed"):
            call()
    file.write(0, [b"content"])
    file.delete()
    file.close()


def test_a_local_file_is_called_in_the_same_way_as_any_other() -> None:
    assert differences(StorageFile, LocalFile) == []


def test_nothing_is_left_of_what_is_overwritten(opened: Make) -> None:
    file = opened("file")
    file.write(0, [b"content"])
    file.set_extended_attributes([("a", b"b")])
    file.set_attributes(types.HIDDEN)
    assert file.stat().ea_size > 0
    file.overwrite(types.ARCHIVE, supersede=False)
    found = file.stat()
    assert (found.size, found.ea_size, found.attributes) == (0, 0, types.ARCHIVE)
    assert (file.extended_attributes(), file.streams()) == ([], [])
