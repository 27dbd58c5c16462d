"""What can be done with one open file or folder."""

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbquic.storage import Disposition, NameInvalid, OpenPolicy, PathNotFound, types
from smbquic.storage.local import LocalStorage
from smbquic.storage.local.file import LocalFile
from smbquic.storage.local.tree import FolderTree, OpenName
from tests.unit.privileges import as_nobody

Make = Callable[..., LocalFile]


@pytest.fixture
def opened(storage: LocalStorage) -> object:
    """Opens files that are closed at the end of the test."""
    files = []

    def open_one(name: str, *, write: bool = True, directory: bool | None = None) -> LocalFile:
        disposition = Disposition.OPEN_IF
        file, _ = storage.open(name, disposition, write=write, directory=directory)
        files.append(file)
        return file

    yield open_one
    for file in files:
        file.close()


# Content


def test_reading(opened: Make, root: Path) -> None:
    (root / "file").write_bytes(b"0123456789")
    file = opened("file")

    assert bytes(file.read(0, 4)) == b"0123"
    assert bytes(file.read(8, 100)) == b"89"
    assert bytes(file.read(10, 1)) == b""
    assert bytes(file.read(2**64 - 1, 1)) == b""
    assert bytes(file.read(0, 0)) == b""
    assert bytes(file.read(0, 2**32)) == b"0123456789"


def test_writing(opened: Make, root: Path) -> None:
    file = opened("file")

    assert file.write(0, [b"abc", bytearray(b"def"), memoryview(b"ghi")]) == 9
    assert file.write(1, [b"", b"X", b""]) == 1
    assert file.write(12, [b"end"]) == 3
    assert file.write(100, []) == 0
    assert file.write(100, [b""]) == 0

    assert (root / "file").read_bytes() == b"aXcdefghi\0\0\0end"


def test_more_buffers_than_one_call_takes(opened: Make, root: Path) -> None:
    buffers = [b"%d," % number for number in range(3000)]

    assert opened("file").write(5, buffers) == sum(map(len, buffers))
    assert (root / "file").read_bytes() == bytes(5) + b"".join(buffers)


@given(buffers=st.lists(st.binary(max_size=9), max_size=9), step=st.integers(1, 7))
def test_a_disk_that_takes_little_at_a_time(
    tmp_path_factory: pytest.TempPathFactory, buffers: list[bytes], step: int
) -> None:
    real = os.pwritev
    root = tmp_path_factory.mktemp("share")
    storage = LocalStorage(root)
    file, _ = storage.open("file", Disposition.CREATE, write=True)

    def little(fd: int, pieces: list[bytes], offset: int) -> int:
        return real(fd, [b"".join(pieces)[:step]], offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", little)
        assert file.write(3, buffers) == sum(map(len, buffers))
    file.close()
    storage.close()

    content = b"".join(buffers)
    assert (root / "file").read_bytes() == (bytes(3) + content if content else b"")


def test_a_full_disk_is_told(opened: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened("file")
    calls = []

    def fill(fd: int, pieces: list[bytes], offset: int) -> int:
        calls.append(offset)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        return 1

    monkeypatch.setattr(os, "pwritev", fill)
    with pytest.raises(OSError, match="full"):
        file.write(7, [b"abc"])
    assert calls == [7, 8]


def test_offsets_that_no_disk_has(opened: Make) -> None:
    file = opened("file")

    for call in (
        lambda: file.write(2**63 - 1, [b"a"]),
        lambda: file.write(2**64 - 1, [b"a"]),
        lambda: file.truncate(2**63),
    ):
        with pytest.raises(OSError, match="too large") as caught:
            call()
        assert caught.value.errno == errno.EFBIG


def test_a_file_that_was_not_opened_for_writing(opened: Make, root: Path) -> None:
    (root / "file").write_bytes(b"content")
    file = opened("file", write=False)

    with pytest.raises(OSError, match="Bad file descriptor"):
        file.write(0, [b"x"])
    with pytest.raises(OSError, match="Invalid argument"):
        file.truncate(0)
    assert (root / "file").read_bytes() == b"content"


def test_sizes(opened: Make) -> None:
    file = opened("file")
    file.truncate(10)
    assert (file.stat().size, bytes(file.read(0, 100))) == (10, bytes(10))
    file.allocate(1 << 20)
    assert file.stat().size == 10
    file.allocate(10)
    assert file.stat().size == 10
    file.allocate(4)
    assert file.stat().size == 4

    with pytest.raises(OSError, match="No space") as caught:
        file.allocate(2**62)
    assert caught.value.errno == errno.ENOSPC


def test_folders_have_no_content(opened: Make) -> None:
    folder = opened("folder", directory=True)

    with pytest.raises(IsADirectoryError):
        folder.read(0, 10)
    with pytest.raises(OSError, match="Bad file descriptor"):
        folder.write(0, [b"x"])


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of what was written through to the disk."""
    inodes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: inodes.append(os.fstat(fd).st_ino))
    return inodes


def test_flushing_what_was_made(
    storage: LocalStorage, opened: Make, root: Path, synced: list[int]
) -> None:
    folder = opened("sub", directory=True)
    file = opened("sub\\file")
    sub, inner = (root / "sub").stat().st_ino, (root / "sub" / "file").stat().st_ino

    file.flush()
    assert synced == [inner, sub]
    file.flush()
    assert synced == [inner, sub, inner]
    folder.flush()
    assert synced == [inner, sub, inner, sub, root.stat().st_ino]
    synced.clear()
    file.rename("moved", replace=False)
    file.flush()
    assert synced == [inner, root.stat().st_ino]
    synced.clear()
    again, _ = storage.open("moved")
    again.flush()
    again.close()
    again, _ = storage.open("")
    again.flush()
    again.close()
    assert synced == [inner, root.stat().st_ino]


# Times and attributes


def test_times(opened: Make, root: Path) -> None:
    file = opened("file")
    file.set_times(
        creation_time=1_111_111_111_111_111_100,
        last_access_time=1_222_222_222_222_222_200,
        last_write_time=1_333_333_333_333_333_300,
        change_time=1_444_444_444_444_444_400,
    )
    found = file.stat()
    assert found.creation_time == 1_111_111_111_111_111_100
    assert found.last_access_time == 1_222_222_222_222_222_200
    assert found.last_write_time == 1_333_333_333_333_333_300
    assert found.change_time == 1_444_444_444_444_444_400
    assert (root / "file").stat().st_ctime_ns > found.change_time

    file.set_times(last_write_time=5_000_000_000)
    assert file.stat().last_access_time == 1_222_222_222_222_222_200
    assert file.stat().last_write_time == 5_000_000_000
    file.set_times(last_access_time=6_000_000_000)
    assert file.stat().last_access_time == 6_000_000_000
    assert file.stat().last_write_time == 5_000_000_000
    assert file.stat().creation_time == 1_111_111_111_111_111_100
    before = file.stat()
    file.set_times()
    assert file.stat() == before


def test_a_change_time_that_was_set_is_kept_until_the_next_change(
    opened: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened("file")
    now, hour = time.time_ns(), 3600 * 10**9
    # As if it had been set some time ago.
    monkeypatch.setattr(time, "time_ns", lambda: now - hour)
    file.set_times(change_time=10**18)
    disk = (root / "file").stat().st_ctime_ns
    assert file.stat().change_time == disk

    monkeypatch.setattr(time, "time_ns", lambda: now + hour)
    file.set_times(change_time=10**18)
    assert file.stat().change_time == 10**18
    file.set_attributes(types.HIDDEN)
    assert file.stat().change_time == (root / "file").stat().st_ctime_ns


def test_what_made_a_file_is_kept(storage: LocalStorage) -> None:
    file, _ = storage.open("file", Disposition.CREATE, policy=OpenPolicy(77), write=True)
    file.set_attributes(types.HIDDEN)
    file.set_times(creation_time=10**18, change_time=10**18)
    file.set_extended_attributes([("a", b"b")])
    file.overwrite(types.ARCHIVE, supersede=True)

    assert file.stat().account == 77
    file.close()


def test_times_before_1970(opened: Make) -> None:
    file = opened("file")
    file.set_times(creation_time=-1_000_000_000_000_000_000, last_write_time=-5_000_000_000)

    assert file.stat().creation_time == -1_000_000_000_000_000_000
    assert file.stat().last_write_time == -5_000_000_000


def test_attributes(opened: Make) -> None:
    file = opened("file")
    created = file.stat().creation_time
    file.set_attributes(types.READONLY | types.HIDDEN | types.DIRECTORY | 0x400)
    assert file.stat().attributes == types.READONLY | types.HIDDEN
    file.set_times(creation_time=created - 100)
    assert file.stat().attributes == types.READONLY | types.HIDDEN
    file.set_attributes(types.NORMAL)
    assert file.stat().attributes == types.NORMAL
    assert file.stat().creation_time == created - 100


def test_attributes_of_what_came_from_elsewhere(opened: Make, root: Path) -> None:
    (root / "file").touch()
    os.utime(root / "file", ns=(10**18, 10**18))
    (root / "folder").mkdir()
    file, folder = opened("file"), opened("folder")

    assert file.stat().attributes == types.NORMAL
    created = file.stat().creation_time
    file.set_attributes(types.ARCHIVE)
    folder.set_attributes(types.HIDDEN)
    assert file.stat().attributes == types.ARCHIVE
    assert file.stat().creation_time == created // 100 * 100
    assert folder.stat().attributes == types.DIRECTORY | types.HIDDEN


def test_what_was_changed_is_marked(opened: Make, root: Path) -> None:
    (root / ".file").touch()
    os.utime(root / ".file", ns=(10**18, 10**18))
    file = opened(".file")
    created = file.stat().creation_time

    file.mark_changed()
    file.mark_changed()

    assert file.stat().attributes == types.ARCHIVE | types.HIDDEN
    assert file.stat().creation_time == created // 100 * 100
    assert file.stat().last_write_time == 10**18
    file.rename("file", replace=False)
    assert file.stat().attributes == types.ARCHIVE


def test_a_mark_that_cannot_be_stored(opened: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened("file")
    file.set_attributes(types.NORMAL)

    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "setxattr", refuse, raising=False)
    file.mark_changed()

    assert file.stat().attributes == types.NORMAL


# Renaming


def test_renaming_a_file(opened: Make, root: Path) -> None:
    (root / "Sub").mkdir()
    file = opened("file")
    file.write(0, [b"content"])
    file.rename("sUB\\New", replace=False)

    assert file.name == "Sub\\New"
    assert file.stat().name == "New"
    assert (root / "Sub" / "New").read_bytes() == b"content"
    assert not (root / "file").exists()
    assert file.parent_stat().name == "Sub"
    file.rename("sub\\again", replace=False)
    assert file.name == "Sub\\again"
    file.write(0, [b"C"])
    assert (root / "Sub" / "again").read_bytes() == b"Content"


@pytest.mark.parametrize("name", ["target", "TARGET"])
def test_renaming_onto_a_file(name: str, opened: Make, root: Path) -> None:
    (root / "target").write_bytes(b"target")
    file = opened("file")
    file.write(0, [b"file"])

    with pytest.raises(FileExistsError):
        file.rename(name, replace=False)
    assert (root / "target").read_bytes() == b"target"
    assert file.name == "file"
    file.rename(name, replace=True)
    assert (root / "target").read_bytes() == b"file"
    assert file.name == "target"
    assert [path.name for path in root.iterdir()] == ["target"]


@pytest.mark.parametrize("source", ["file", "folder"])
@pytest.mark.parametrize("target", ["empty", "full", "FULL"])
def test_nothing_goes_onto_a_folder(source: str, target: str, opened: Make, root: Path) -> None:
    (root / "empty").mkdir()
    (root / "full").mkdir()
    (root / "full" / "x").touch()
    file = opened(source, directory=source == "folder")

    with pytest.raises(FileExistsError):
        file.rename(target, replace=False)
    with pytest.raises(PermissionError):
        file.rename(target, replace=True)
    assert sorted(path.name for path in root.iterdir()) == sorted(["empty", "full", source])


def test_a_folder_goes_onto_nothing(opened: Make, root: Path) -> None:
    (root / "file").write_bytes(b"content")
    folder = opened("folder", directory=True)

    with pytest.raises(FileExistsError):
        folder.rename("file", replace=False)
    with pytest.raises(PermissionError):
        folder.rename("FILE", replace=True)
    assert (root / "file").read_bytes() == b"content"


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("directory", [False, True])
def test_renaming_changes_nothing_but_case(
    directory: bool, replace: bool, opened: Make, root: Path
) -> None:
    file = opened("name", directory=directory)
    file.rename("NaMe", replace=replace)
    assert file.name == "NaMe"
    assert [path.name for path in root.iterdir()] == ["NaMe"]
    file.rename("NaMe", replace=replace)
    assert [path.name for path in root.iterdir()] == ["NaMe"]


def test_two_cases_of_a_name_are_two_files(opened: Make, root: Path) -> None:
    (root / "name").write_bytes(b"lower")
    (root / "NAME").write_bytes(b"upper")
    file = opened("name")

    with pytest.raises(FileExistsError):
        file.rename("NAME", replace=False)
    file.rename("NAME", replace=True)
    assert (root / "NAME").read_bytes() == b"lower"
    assert [path.name for path in root.iterdir()] == ["NAME"]


def test_two_names_of_one_file(opened: Make, root: Path) -> None:
    file = opened("a")
    file.link("b", replace=False)
    assert file.stat().links == 2

    with pytest.raises(FileExistsError):
        file.rename("b", replace=False)
    assert file.stat().links == 2
    file.rename("b", replace=True)
    assert [path.name for path in root.iterdir()] == ["b"]
    assert file.name == "b"
    file.delete()
    assert list(root.iterdir()) == []


def test_renaming_to_what_cannot_be(opened: Make, root: Path) -> None:
    folder = opened("folder", directory=True)
    file = opened("file")

    for replace in (True, False):
        with pytest.raises(PathNotFound):
            file.rename("no\\file", replace=replace)
        with pytest.raises(NameInvalid):
            file.rename("..\\file", replace=replace)
        with pytest.raises(FileExistsError):
            file.rename("", replace=replace)
        with pytest.raises(OSError, match="Invalid argument"):
            folder.rename("folder\\sub", replace=replace)
    assert sorted(path.name for path in root.iterdir()) == ["file", "folder"]


def test_the_root_keeps_its_name(storage: LocalStorage, root: Path) -> None:
    folder, _ = storage.open("")

    with pytest.raises(PermissionError):
        folder.rename("new", replace=False)
    with pytest.raises(PermissionError):
        folder.delete()
    with pytest.raises(PermissionError):
        folder.link("new", replace=False)
    folder.close()
    assert root.is_dir()


def test_a_renamed_file_is_known_to_all_its_opens(
    storage: LocalStorage, opened: Make, root: Path
) -> None:
    (root / "sub").mkdir()
    one, two = opened("file"), opened("FILE")
    one.rename("sub\\new", replace=False)
    assert two.name == "sub\\new"
    one.close()
    two.rename("sub\\newer", replace=False)
    three, _ = storage.open("sub\\newer")
    three.rename("newest", replace=False)
    three.close()

    assert two.name == "newest"
    two.delete()
    assert [path.name for path in root.iterdir()] == ["sub"]


def test_opens_by_different_names_stay_apart(opened: Make, root: Path) -> None:
    (root / "sub").mkdir()
    one = opened("file")
    one.link("other", replace=False)
    one.link("sub\\file", replace=False)
    two, three = opened("other"), opened("sub\\file")
    assert one.key == two.key == three.key
    one.rename("renamed", replace=False)
    assert (two.name, three.name) == ("other", "sub\\file")
    two.delete()
    three.delete()

    assert sorted(path.name for path in root.iterdir()) == ["renamed", "sub"]
    assert list((root / "sub").iterdir()) == []


def test_what_is_open_below_a_renamed_folder(opened: Make, root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "ab").mkdir()
    folder, file, other = opened("a"), opened("a\\b\\file"), opened("ab\\file")
    folder.rename("c", replace=False)

    assert file.name == "c\\b\\file"
    assert other.name == "ab\\file"
    file.rename("c\\file", replace=False)
    assert (root / "c" / "file").exists()
    file.delete()
    assert not (root / "c" / "file").exists()


def test_two_at_once(storage: LocalStorage, root: Path) -> None:
    """Of many that rename to one name without replacing, one gets it."""
    files = [storage.open(f"file{number}", Disposition.CREATE)[0] for number in range(8)]
    barrier = threading.Barrier(len(files))
    won = []

    def race(file: LocalFile) -> None:
        barrier.wait()
        try:
            file.rename("target", replace=False)
        except FileExistsError:
            return
        won.append(file)

    threads = [threading.Thread(target=race, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for file in files:
        file.close()

    assert len(won) == 1
    assert len(list(root.iterdir())) == 8


# Links


def test_linking(opened: Make, root: Path) -> None:
    (root / "sub").mkdir()
    (root / "taken").write_bytes(b"taken")
    file = opened("file")
    file.write(0, [b"content"])
    file.link("SUB\\second", replace=False)
    assert (root / "sub" / "second").samefile(root / "file")
    assert file.name == "file"

    with pytest.raises(FileExistsError):
        file.link("TAKEN", replace=False)
    assert (root / "taken").read_bytes() == b"taken"
    file.link("TAKEN", replace=True)
    assert (root / "taken").samefile(root / "file")
    file.link("taken", replace=True)
    assert file.stat().links == 3

    with pytest.raises(PermissionError):
        file.link("sub", replace=True)
    with pytest.raises(PermissionError):
        opened("sub").link("new", replace=False)


# Deleting


def test_deleting(opened: Make, root: Path) -> None:
    file = opened("file")
    file.write(0, [b"content"])
    file.delete()
    assert list(root.iterdir()) == []
    assert bytes(file.read(0, 100)) == b"content"
    assert file.write(0, [b"C"]) == 1
    assert file.stat().links == 0
    assert file.stat().name == "file"
    file.set_attributes(types.HIDDEN)
    assert file.stat().attributes == types.HIDDEN
    file.flush()
    for again in (file.delete, lambda: file.rename("x", replace=True)):
        with pytest.raises(FileNotFoundError):
            again()


def test_only_empty_folders_are_deleted(opened: Make, root: Path) -> None:
    folder = opened("folder", directory=True)
    assert folder.is_empty()
    (root / "folder" / "link").symlink_to("nowhere")
    assert list(folder.scan()) == []
    assert not folder.is_empty()
    with pytest.raises(OSError, match="not empty") as caught:
        folder.delete()
    assert caught.value.errno == errno.ENOTEMPTY
    (root / "folder" / "link").unlink()
    assert folder.is_empty()
    folder.delete()

    assert list(root.iterdir()) == []
    assert list(folder.scan()) == []
    assert folder.stat().is_directory


def test_a_file_that_others_moved_goes_on_but_has_no_name(opened: Make, root: Path) -> None:
    file = opened("file")
    (root / "file").rename(root / "moved")
    (root / "file").write_bytes(b"another")
    file.write(0, [b"content"])

    assert (root / "moved").read_bytes() == b"content"
    for attempt in (
        file.delete,
        lambda: file.rename("new", replace=True),
        lambda: file.link("new", replace=True),
    ):
        with pytest.raises(FileNotFoundError):
            attempt()
    (root / "file").unlink()
    with pytest.raises(FileNotFoundError):
        file.delete()
    assert [path.name for path in root.iterdir()] == ["moved"]


def test_a_folder_that_others_moved_still_holds_its_files(opened: Make, root: Path) -> None:
    (root / "a").mkdir()
    file = opened("a\\file")
    (root / "a").rename(root / "b")
    (root / "a").mkdir()
    (root / "a" / "file").write_bytes(b"another")
    file.delete()

    assert (root / "a" / "file").read_bytes() == b"another"
    assert list((root / "b").iterdir()) == []


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

    for call in (
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


# What stands against a deletion


def refusal(file: LocalFile) -> int | None:
    """The `errno` with which a deletion is refused before it is tried."""
    try:
        file.check_deletion()
    except OSError as error:
        return error.errno
    return None


def test_a_deletion_needs_the_right_to_change_the_folder(opened: Make, root: Path) -> None:
    (root / "folder").mkdir()
    file, folder = opened("folder\\file"), opened("folder\\inner", directory=True)
    assert refusal(file) is None
    assert refusal(folder) is None

    (root / "folder").chmod(0o555)
    with as_nobody():
        assert refusal(file) == errno.EACCES
        assert refusal(folder) == errno.EACCES
        assert refusal(opened("", write=False)) == errno.EACCES
    (root / "folder").chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make another user's files")
def test_where_everybody_removes_his_own_only(opened: Make, root: Path) -> None:
    (root / "folder").mkdir()
    (root / "folder").chmod(0o1777)
    file, own = opened("folder\\file"), opened("folder\\own")
    os.chown(root / "folder" / "own", 65534, -1)

    assert refusal(file) is None
    with as_nobody():
        assert refusal(file) == errno.EPERM
        assert refusal(own) is None


def test_nothing_is_deleted_on_a_read_only_disk(
    opened: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened("file")

    class Volume:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    monkeypatch.setattr(os, "supports_effective_ids", ())
    monkeypatch.setattr(os, "fstatvfs", lambda _: Volume)

    assert refusal(file) == errno.EROFS


def test_nothing_is_deleted_from_a_read_only_share(read_only: LocalStorage, root: Path) -> None:
    (root / "file").touch()
    file, _ = read_only.open("file")

    assert refusal(file) == errno.EROFS
    file.close()
