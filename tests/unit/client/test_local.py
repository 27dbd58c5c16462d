import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from smbquic.client import local
from smbquic.client.local import (
    Disk,
    InplaceFile,
    PartialFile,
    Source,
    WriteBack,
    WrittenFiles,
    in_thread,
    sync_folder,
)
from smbquic.errors import NameCollisionError, SourceChangedError
from smbquic.storage.partial import temporary_name_for


def test_a_part_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    part = PartialFile(target)
    part.write_at(3, b"def")
    part.write_at(0, memoryview(b"abc"))
    assert target.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    part.commit(1_000_000_007_000_000_100)
    assert target.read_bytes() == b"abcdef"
    assert target.stat().st_mtime_ns == 1_000_000_007_000_000_100
    assert list(tmp_path.iterdir()) == [target]


def test_a_part_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "x"
    part = PartialFile(target)
    part.write_at(0, b"abc")
    part.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_part_heeds_the_umask(tmp_path: Path) -> None:
    PartialFile.store(tmp_path / "x", b"", 0)
    (tmp_path / "y").touch()
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode


def test_a_part_replaces_a_link_and_not_what_it_points_at(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "link").symlink_to("precious")
    PartialFile.store(tmp_path / "link", b"new", 0)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (tmp_path / "link").read_bytes() == b"new"
    assert not (tmp_path / "link").is_symlink()


def test_a_part_does_not_take_the_place_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        PartialFile(tmp_path)
    with pytest.raises(FileNotFoundError):
        PartialFile(tmp_path / "missing" / "x")


def test_storing_cleans_up_after_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        PartialFile.store(tmp_path / "x", b"abc", 0, fsync=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fsync", [True, False])
def test_the_disk_is_waited_for_only_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: bool
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    PartialFile.store(tmp_path / "x", b"abc", 0, fsync=fsync)
    assert len(synced) == fsync


async def test_a_long_file_is_written_back_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "WRITE_BACK", 10)
    begun, may_end = threading.Event(), threading.Event()
    synced: list[int] = []

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        begun.set()
        assert may_end.wait(10)

    monkeypatch.setattr(os, "fsync", fsync)
    part = PartialFile(tmp_path / "x", fsync=True)
    async with WriteBack(part) as write_back:
        write_back.add(9)
        assert not synced
        write_back.add(1)
        await asyncio.to_thread(begun.wait, 10)
        write_back.add(100)  # one at a time
        may_end.set()
    assert len(synced) == 1
    part.discard()


async def test_what_goes_wrong_while_it_is_written_back_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(local, "WRITE_BACK", 10)
    monkeypatch.setattr(os, "fsync", full)
    part = PartialFile(tmp_path / "x", fsync=True)
    with pytest.raises(OSError, match="No space left"):
        async with WriteBack(part) as write_back:
            write_back.add(10)

    async with WriteBack(part) as write_back:
        write_back.add(10)
        assert write_back._task is not None
        await asyncio.wait([write_back._task])
        with pytest.raises(OSError, match="No space left"):
            write_back.add(10)  # it is known before the end
        write_back._task = None

    async def fail() -> None:
        async with WriteBack(part) as write_back:
            write_back.add(10)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await fail()
    part.discard()


async def test_without_fsync_nothing_is_written_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "WRITE_BACK", 1)
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("fsync"))
    part = PartialFile(tmp_path / "x")
    async with WriteBack(part) as write_back:
        write_back.add(100)
    part.commit(0)


def test_short_writes_are_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:2], offset))
    PartialFile.store(tmp_path / "x", b"abcdefg", 0)
    assert (tmp_path / "x").read_bytes() == b"abcdefg"


def test_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abcdefg")
    os.utime(path, ns=(5, 7_000))
    source = Source(path)
    assert source.size == 7
    assert source.modified == 7_000
    assert source.read_at(2, 3) == b"cde"
    with pytest.raises(SourceChangedError, match="became shorter"):
        source.read_at(2, 6)
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, offset: pread(fd, min(size, 2), offset))
    assert source.read_at(0, 7) == b"abcdefg"
    source.close()


def test_loading_small_and_large(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    os.utime(path, ns=(5, 7_000))
    assert Source.load(path, 3) == (b"abc", 7_000)
    source = Source.load(path, 2)
    assert isinstance(source, Source)
    source.close()


def test_only_files_and_fifos_are_sources(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    source = Source.load(tmp_path / "pipe", 10)
    assert isinstance(source, Source)
    assert source.is_stream
    source.close()
    with pytest.raises(OSError, match="a character device, not a file: '/dev/null'"):
        Source(Path("/dev/null"))
    with pytest.raises(IsADirectoryError):
        Source(tmp_path)
    with pytest.raises(FileNotFoundError):
        Source(tmp_path / "missing")


def test_a_folder_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    sync_folder(tmp_path)
    assert len(synced) == 1


async def test_a_cancelled_call_is_waited_for() -> None:
    begun, may_end = threading.Event(), threading.Event()
    ended = []

    def work() -> None:
        begun.set()
        may_end.wait()
        ended.append(True)

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]


async def test_a_fast_disk_is_used_at_once_and_a_slow_one_from_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local, "STALL", 3600.0)
    disk, here = Disk(), threading.get_ident()
    assert await disk.call(threading.get_ident) == here
    assert await disk.call(threading.get_ident) == here
    monkeypatch.setattr(local, "STALL", 0.0)
    assert await disk.call(threading.get_ident) == here
    assert await disk.call(threading.get_ident) != here
    monkeypatch.setattr(local, "STALL", 3600.0)
    assert await disk.call(threading.get_ident) != here
    assert await disk.call(threading.get_ident) == here
    assert await disk.call(int, "7") == 7


def test_a_part_that_has_taken_its_place_stays(tmp_path: Path) -> None:
    part = PartialFile(tmp_path / "x")
    part.write_at(0, b"abc")
    part.commit(0)
    with (tmp_path / "y").open("w") as other:  # gets the number of the part's descriptor
        part.discard()
        other.write("z")
    assert (tmp_path / "x").read_bytes() == b"abc"


async def test_what_nobody_waits_for_any_more_is_undone() -> None:
    begun, go_on = threading.Event(), threading.Event()
    undone: list[str] = []

    def begin() -> str:
        begun.set()
        go_on.wait(60)
        return "a part"

    task = asyncio.create_task(in_thread(begin, undo=undone.append))
    await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert undone == ["a part"]


# --- sources that change ------------------------------------------------------------------------


def touch(path: Path) -> None:
    os.utime(path, ns=(0, 1))


def overwrite(path: Path) -> None:
    path.write_bytes(b"another content")


def replace(path: Path) -> None:
    beside = path.with_name("beside")
    beside.write_bytes(path.read_bytes())
    status = path.stat()
    os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
    beside.replace(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (touch, "was changed"),
        (overwrite, "was changed"),
        (replace, "was replaced"),
        (Path.unlink, "was removed"),
    ],
)
def test_a_source_that_changes(
    tmp_path: Path, change: Callable[[Path], object], words: str
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"content")
    source = Source(path)
    source.verify()
    change(path)
    with pytest.raises(SourceChangedError, match=f"x: the file {words}"):
        source.verify()
    source.close()


def test_a_small_source_that_changes_while_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"content")
    pread = os.pread

    def late(descriptor: int, size: int, offset: int) -> bytes:
        touch(path)
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", late)
    with pytest.raises(SourceChangedError):
        Source.load(path, 100)


# --- parts --------------------------------------------------------------------------------------


def test_the_part_of_a_target_that_a_killed_process_left_is_used_up(tmp_path: Path) -> None:
    left = tmp_path / temporary_name_for("x")
    left.write_bytes(b"half")
    part = PartialFile(tmp_path / "x")
    # It has the name by which the next process finds it, if this one is killed as well.
    assert [(path.name, path.stat().st_size) for path in tmp_path.iterdir()] == [(left.name, 0)]
    part.write_at(0, b"whole")
    part.commit(0)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_bytes() == b"whole"


def test_two_parts_of_one_target_do_not_meet(tmp_path: Path) -> None:
    first, second = PartialFile(tmp_path / "x"), PartialFile(tmp_path / "x")
    assert len(list(tmp_path.iterdir())) == 2
    first.write_at(0, b"first")
    second.write_at(0, b"second")
    second.commit(0)
    first.commit(0)
    assert (tmp_path / "x").read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1


def test_errors_name_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError) as failed:
        PartialFile(tmp_path / "missing" / "x")
    assert failed.value.filename == str(tmp_path / "missing" / "x")
    part = PartialFile(tmp_path / "x")

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(OSError, match="No space") as failed_write:
        part.write_at(0, b"x")
    assert failed_write.value.filename == str(tmp_path / "x")
    part.discard()


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EILSEQ])
def test_a_name_that_the_disk_cannot_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(path: Path, target: Path) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match=r"this disk cannot hold a file of that name: '.*/a:b'"):
        PartialFile.store(tmp_path / "a:b", b"", 0)
    assert list(tmp_path.iterdir()) == []


def test_files_of_one_transfer_do_not_replace_each_other(tmp_path: Path) -> None:
    written = WrittenFiles()
    (tmp_path / "x").write_bytes(b"before")
    PartialFile.store(tmp_path / "x", b"first", 0, written)
    with pytest.raises(NameCollisionError, match="its name is the same as 'x'"):
        PartialFile.store(tmp_path / "x", b"second", 0, written)
    assert (tmp_path / "x").read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1
    PartialFile.store(tmp_path / "x", b"another transfer", 0, WrittenFiles())
    assert (tmp_path / "x").read_bytes() == b"another transfer"


def test_folders_of_one_transfer_are_not_mixed(tmp_path: Path) -> None:
    written = WrittenFiles()
    (tmp_path / "there").mkdir()
    written.make_folder(tmp_path / "there")
    written.make_folder(tmp_path / "new")
    for name in ("there", "new"):
        with pytest.raises(NameCollisionError):
            written.make_folder(tmp_path / name)
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        written.make_folder(tmp_path / "file")


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"something longer")
    InplaceFile.store(tmp_path / "x", b"new", 7_000)
    assert (tmp_path / "x").read_bytes() == b"new"
    assert (tmp_path / "x").stat().st_mtime_ns == 7_000
    part = InplaceFile(tmp_path / "x")
    part.write_at(0, b"half")
    part.abandon(ValueError())
    part.discard()
    assert (tmp_path / "x").read_bytes() == b"half"
    (tmp_path / "link").symlink_to("x")
    with pytest.raises(OSError, match="symbolic links"):
        InplaceFile(tmp_path / "link")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("size", "expected"), [(3, b"abc"), (6, b"abcdef"), (8, b"abcdef\0\0")])
def test_a_part_is_cut_or_grows_to_a_size(size: int, expected: bytes, tmp_path: Path) -> None:
    part = PartialFile(tmp_path / "x")
    part.write_at(0, b"abcdef")
    part.truncate(size)
    part.commit(0)
    assert (tmp_path / "x").read_bytes() == expected
