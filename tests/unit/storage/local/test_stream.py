"""Named streams, on a file and on a folder."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from smbquic.storage import Action, Disposition, NameInvalid, StorageFile, Stream, types
from smbquic.storage.local import LocalStorage, streams, xattrs
from smbquic.storage.local.stream import LocalStream
from tests.unit.privileges import as_nobody
from tests.unit.storage.interfaces import differences
from tests.unit.storage.local.opening import NotAdmittedError

D = Disposition
Make = Callable[..., tuple[StorageFile, Action]]


def error_of(action: Callable[[], object]) -> int | None:
    """The `errno` that it fails with."""
    try:
        action()
    except OSError as error:
        return error.errno
    return None


@pytest.fixture
def opened(storage: LocalStorage) -> object:
    """Opens streams that are closed at the end of the test."""
    files: list[StorageFile] = []

    def open_one(
        name: str, stream: str, disposition: Disposition = D.OPEN_IF, **options: object
    ) -> tuple[StorageFile, Action]:
        file, _ = storage.open(name, D.OPEN_IF)
        files.append(file)
        found, action = file.open_stream(stream, disposition, **options)  # type: ignore[arg-type]
        files.append(found)
        return found, action

    yield open_one
    for file in reversed(files):
        file.close()


def stored(path: Path) -> dict[str, bytes]:
    return {
        name: os.getxattr(path, name)
        for name in os.listxattr(path)
        if name.startswith("user.DosStream")
    }


def test_streams_are_kept_as_samba_keeps_them(opened: Make, root: Path) -> None:
    opened("file", "strm")[0].write(0, [b"vm\n"])
    opened("file", "Über<x>")[0].write(0, [b"vm\n"])

    # As smbd 4.22 with streams_xattr wrote them.
    assert stored(root / "file") == {
        "user.DosStream.strm:$DATA": bytes.fromhex("766d0a00"),
        "user.DosStream.Über<x>:$DATA": bytes.fromhex("766d0a00"),
    }


@pytest.mark.parametrize(
    ("disposition", "fresh", "again", "left"),
    [
        (D.SUPERSEDE, Action.CREATED, Action.SUPERSEDED, b""),
        (D.OPEN, FileNotFoundError, Action.OPENED, b"content"),
        (D.CREATE, Action.CREATED, FileExistsError, b"content"),
        (D.OPEN_IF, Action.CREATED, Action.OPENED, b"content"),
        (D.OVERWRITE, FileNotFoundError, Action.OVERWRITTEN, b""),
        (D.OVERWRITE_IF, Action.CREATED, Action.OVERWRITTEN, b""),
    ],
)
def test_dispositions(
    disposition: Disposition, fresh: object, again: object, left: bytes, opened: Make
) -> None:
    for expected in (fresh, again):
        if isinstance(expected, Action):
            assert opened("file", "s", disposition)[1] is expected
        else:
            with pytest.raises(expected):  # type: ignore[call-overload]
                opened("file", "s", disposition)
        stream, _ = opened("file", "s")
        if expected is again:
            assert bytes(stream.read(0, 100)) == left
        else:
            stream.write(0, [b"content"])


def test_names_are_found_in_any_case(opened: Make, root: Path) -> None:
    opened("file", "Stream")
    found, action = opened("FILE", "sTREAM")

    assert action is Action.OPENED
    assert (found.name, found.stream) == ("file:Stream", "Stream")
    # On a disk that Samba or a program wrote to, both may be there.
    os.setxattr(root / "file", "user.DosStream.STREAM:$DATA", b"x\0")
    assert opened("file", "STREAM")[0].stream == "STREAM"
    # Neither is meant exactly: then it is the first.
    assert opened("file", "stream")[0].stream == "STREAM"


def test_of_several_streams_each_is_found(opened: Make, root: Path) -> None:
    for name in ("b", "A", "c"):
        opened("file", name, D.CREATE)[0].write(0, [name.encode()])
    for name in ("a", "B", "c"):
        stream, _ = opened("file", name, D.OPEN)
        assert bytes(stream.read(0, 10)) == stream.stream.encode()
        assert stream.stream.lower() == name.lower()
    with pytest.raises(FileNotFoundError):
        opened("file", "d", D.OPEN)
    assert stream.streams() == [Stream("A", 1), Stream("b", 1), Stream("c", 1)]


@pytest.mark.parametrize("name", ["", "a:b", "a/b", "a\\b", "a\0", "\ud800", "a" * 235, "ä" * 118])
def test_names_that_cannot_be(name: str, opened: Make) -> None:
    with pytest.raises(NameInvalid):
        opened("file", name)


@pytest.mark.parametrize(
    "name", ["\x05Stream\n One", "?Stream*", 'a"<>|', "a" * 234, "ä" * 117, "."]
)
def test_names_that_can_be(name: str, opened: Make) -> None:
    stream, action = opened("file", name, D.CREATE)

    assert action is Action.CREATED
    assert stream.streams() == [Stream(name, 0)]


def test_content(opened: Make) -> None:
    stream, _ = opened("file", "s")

    assert bytes(stream.read(0, 10)) == b""
    assert stream.write(2, [b"ab", memoryview(b"cd")]) == 4
    assert bytes(stream.read(0, 10)) == b"\0\0abcd"
    assert stream.write(3, [b"X"]) == 1
    assert bytes(stream.read(3, 2)) == b"Xc"
    assert stream.write(0, []) == 0
    stream.truncate(4)
    assert bytes(stream.read(0, 10)) == b"\0\0aX"
    stream.truncate(6)
    assert bytes(stream.read(0, 10)) == b"\0\0aX\0\0"
    stream.allocate(100)
    assert stream.stat().size == 6
    stream.allocate(1)
    assert bytes(stream.read(0, 10)) == b"\0"
    stream.flush()


@pytest.mark.parametrize(("size", "allocated"), [(0, 0), (1, 16), (16, 16), (17, 32)])
def test_a_stream_takes_whole_blocks(
    size: int,
    allocated: int,
    opened: Make,
    storage: LocalStorage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage._tree, "block_size", 16)
    stream, _ = opened("file", "s")
    stream.truncate(size)
    assert stream.stat().allocation_size == allocated


def test_several_opens_see_one_content(opened: Make) -> None:
    one, _ = opened("file", "s")
    other, _ = opened("file", "S")

    one.write(0, [b"one"])
    other.write(3, [b"two"])

    assert bytes(one.read(0, 10)) == b"onetwo"
    assert one.key == other.key
    assert one.whole.key == other.whole.key != one.key


def test_closing_one_open_twice_leaves_the_other_one(opened: Make) -> None:
    one, _ = opened("file", "s")
    other, _ = opened("file", "s")
    one.close()
    one.close()
    other.rename("t", replace=False)
    assert other.stream == "t"


def test_nothing_is_kept_of_streams_that_are_closed(storage: LocalStorage) -> None:
    for number in range(3):
        file, _ = storage.open("file", D.OPEN_IF)
        stream, _ = file.open_stream(f"s{number}", D.OPEN_IF)
        assert len(storage._tree._streams) == 1
        stream.close()
        stream.close()
        file.close()

        assert not storage._tree._streams


def test_what_is_too_large(opened: Make) -> None:
    stream, _ = opened("file", "s")
    stream.write(0, [b"kept"])

    for change in (
        lambda: stream.write(streams.MAX_SIZE, [b"x"]),
        lambda: stream.truncate(streams.MAX_SIZE + 1),
        lambda: stream.allocate(streams.MAX_SIZE + 1),
        lambda: stream.write(2**64 - 1, [b"x"]),
    ):
        assert error_of(change) == errno.EFBIG
    assert bytes(stream.read(0, 10)) == b"kept"


def test_a_stream_has_room_for_what_linux_takes_but_one_byte(opened: Make) -> None:
    """The disk may take less: then it is full, and the stream is not too large."""
    stream, _ = opened("file", "s")

    assert error_of(lambda: stream.write(65_534, [b"x"])) in (None, errno.ENOSPC)
    assert error_of(lambda: stream.write(65_535, [b"x"])) == errno.EFBIG


def test_a_full_disk_leaves_what_was_there(opened: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    stream, _ = opened("file", "s")
    stream.write(0, [b"kept"])

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "setxattr", fill)
        assert error_of(lambda: stream.write(0, [b"larger"])) == errno.ENOSPC
    assert bytes(stream.read(0, 10)) == b"kept"


def test_what_is_told_of_a_stream_is_the_file_s(opened: Make, storage: LocalStorage) -> None:
    stream, _ = opened("file", "s")
    stream.write(0, [bytes(100)])
    stream.set_attributes(types.HIDDEN)
    stream.set_times(creation_time=10**18, last_write_time=10**18)
    stream.set_extended_attributes([("a", b"1")])
    stream.set_security(b"sd")
    file = storage.stat("file")
    found = stream.stat()

    assert (found.name, found.size, found.is_directory) == ("file:s", 100, False)
    assert found.allocation_size >= 100
    assert found.allocation_size % storage.volume().block_size == 0
    assert (found.attributes, found.creation_time) == (file.attributes, file.creation_time)
    assert found.last_write_time == file.last_write_time == 10**18
    assert (found.file_id, found.ea_size) == (file.file_id, file.ea_size)
    assert file.size == 0
    assert stream.extended_attributes() == [("a", b"1")]
    assert stream.security() == b"sd"
    assert stream.parent_stat() == storage.stat("")


def test_writing_is_a_change_of_the_file(opened: Make, storage: LocalStorage) -> None:
    stream, _ = opened("file", "s")
    stream.set_times(last_access_time=5, last_write_time=5)
    before = time.time_ns()

    stream.write(0, [b"x"])

    assert storage.stat("file").last_write_time >= before
    assert storage.stat("file").last_access_time == 5


def test_a_folder_has_streams(storage: LocalStorage, root: Path) -> None:
    (root / "folder").mkdir()
    folder, _ = storage.open("folder", directory=True)
    stream, action = folder.open_stream("s", D.CREATE)
    stream.write(0, [b"x"])

    assert action is Action.CREATED
    assert not stream.is_directory
    assert stream.stat().attributes == types.NORMAL
    assert folder.streams() == [Stream("s", 1)]
    stream.close()
    stream.close()


def test_listing(opened: Make, root: Path) -> None:
    stream, _ = opened("file", "b")
    stream.write(0, [b"12345"])
    opened("file", "A")
    os.setxattr(root / "file", "user.DosStream.c", b"no stream\0")
    os.setxattr(os.fsencode(root / "file"), b"user.DosStream.\xff:$DATA", b"no name\0")

    assert stream.streams() == [Stream("A", 0), Stream("b", 5)]


def test_deleting(opened: Make, root: Path) -> None:
    stream, _ = opened("file", "s")
    stream.delete()

    assert stored(root / "file") == {}
    with pytest.raises(FileNotFoundError):
        stream.delete()
    with pytest.raises(FileNotFoundError):
        stream.read(0, 1)
    with pytest.raises(FileNotFoundError):
        stream.write(0, [b"x"])
    assert stream.stat().size == 0


def test_renaming(opened: Make, root: Path) -> None:
    one, _ = opened("file", "one")
    other, _ = opened("file", "one")
    one.write(0, [b"x"])
    key = one.key

    one.rename("two", replace=False)

    assert (one.name, other.name) == ("file:two", "file:two")
    assert one.key == other.key != key
    assert bytes(other.read(0, 1)) == b"x"
    assert opened("file", "two")[0].key == one.key
    one.rename("TWO", replace=False)
    assert one.streams() == [Stream("TWO", 1)]
    one.rename("TWO", replace=False)
    assert one.streams() == [Stream("TWO", 1)]


def test_renaming_onto_another(opened: Make) -> None:
    one, _ = opened("file", "one")
    one.write(0, [b"x"])
    opened("file", "Two")[0].close()

    with pytest.raises(FileExistsError):
        one.rename("two", replace=False)
    assert one.streams() == [Stream("Two", 0), Stream("one", 1)]
    one.rename("two", replace=True)
    assert one.streams() == [Stream("Two", 1)]
    with pytest.raises(NameInvalid):
        one.rename("a:b", replace=True)


def test_a_rename_that_fails_leaves_the_old_name(
    opened: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, _ = opened("file", "s")
    stream.write(0, [b"x"])
    real = os.setxattr

    def fill(path: int, name: str, value: bytes, *rest: int) -> None:
        if "longer" in name:
            raise OSError(errno.ENOSPC, "full")
        real(path, name, value, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, "setxattr", fill)
        assert error_of(lambda: stream.rename("longer", replace=False)) == errno.ENOSPC
    assert (stream.stream, stream.streams()) == ("s", [Stream("s", 1)])


def test_the_file_is_renamed_under_it(opened: Make, storage: LocalStorage) -> None:
    stream, _ = opened("file", "s")
    file, _ = storage.open("file")
    file.rename("new", replace=False)
    file.close()

    assert stream.name == "new:s"
    stream.write(0, [b"x"])
    assert bytes(stream.read(0, 1)) == b"x"


@pytest.mark.parametrize("disposition", [D.OVERWRITE, D.OVERWRITE_IF, D.SUPERSEDE])
def test_overwriting_the_file_takes_them_along(
    disposition: Disposition, opened: Make, storage: LocalStorage, root: Path
) -> None:
    opened("file", "s")[0].write(0, [b"x"])

    storage.open("file", disposition)[0].close()

    assert stored(root / "file") == {}


def test_what_is_not_to_be_done_with_a_stream(opened: Make) -> None:
    stream, _ = opened("file", "s")

    with pytest.raises(PermissionError):
        stream.link("x", replace=False)
    with pytest.raises(NotADirectoryError):
        stream.scan()
    with pytest.raises(NotADirectoryError):
        stream.is_empty()
    with pytest.raises(OSError, match="no streams"):
        stream.open_stream("t")


def test_nothing_is_changed_that_was_not_admitted(opened: Make) -> None:
    stream, _ = opened("file", "s")
    stream.write(0, [b"kept"])
    seen = []

    def refuse(file: StorageFile) -> None:
        seen.append(file.name)
        raise NotAdmittedError

    with pytest.raises(NotAdmittedError):
        opened("file", "S", D.OVERWRITE, admit=refuse)
    opened("file", "new", D.OVERWRITE_IF, admit=refuse)

    assert seen == ["file:s"]
    assert bytes(stream.read(0, 10)) == b"kept"


def test_a_read_only_storage(root: Path, read_only: LocalStorage) -> None:
    (root / "file").touch()
    os.setxattr(root / "file", "user.DosStream.s:$DATA", b"x\0")
    file, _ = read_only.open("file")
    stream, _ = file.open_stream("s", D.OPEN_IF)

    assert bytes(stream.read(0, 10)) == b"x"
    for change in (
        lambda: stream.write(0, [b"y"]),
        lambda: stream.truncate(0),
        lambda: stream.rename("t", replace=False),
        stream.delete,
        lambda: file.open_stream("new", D.CREATE),
        lambda: file.open_stream("s", D.OVERWRITE),
    ):
        assert error_of(change) == errno.EROFS
    stream.close()


def test_a_disk_without_room_for_streams(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xattrs, "SUPPORTED", False)
    storage = LocalStorage(root)
    file, _ = storage.open("file", D.CREATE)

    with pytest.raises(NameInvalid):
        file.open_stream("s", D.OPEN_IF)
    assert file.streams() == []
    file.close()
    storage.close()


def test_a_stream_is_deleted_by_whoever_may_change_the_file(opened: Make, root: Path) -> None:
    stream, of_root = opened("file", "strm")[0], opened("", "strm")[0]
    stream.check_deletion()
    of_root.check_deletion()

    (root / "file").chmod(0o444)
    root.chmod(0o555)
    with as_nobody():
        assert error_of(stream.check_deletion) == errno.EACCES
        assert error_of(of_root.check_deletion) == errno.EACCES
    root.chmod(0o755)


def test_a_stream_is_called_in_the_same_way_as_any_other() -> None:
    assert differences(StorageFile, LocalStream) == []
