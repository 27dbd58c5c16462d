"""Copying within the disk, holes, and where there is data: the disk's way, and by hand."""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smbquic.storage import SPARSE, Disposition
from smbquic.storage.local import LocalStorage, extents
from smbquic.storage.local.file import LocalFile

Open = Callable[..., LocalFile]
MIB = 1 << 20


@pytest.fixture
def opened(storage: LocalStorage) -> Iterator[Callable[[str], LocalFile]]:
    files = []

    def open_it(name: str, content: bytes = b"") -> LocalFile:
        file, _ = storage.open(name, Disposition.OPEN_IF, write=True)
        files.append(file)
        if content:
            file.write(0, [content])
        return file

    yield open_it
    for file in files:
        file.close()


@pytest.fixture(params=["the disk's way", "by hand"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by hand":
        monkeypatch.delattr(os, "copy_file_range", raising=False)
        monkeypatch.setattr(extents, "_FALLOCATE", None)


@pytest.mark.usefixtures("way")
def test_copy(opened: Open) -> None:
    source, target = opened("a", b"0123456789"), opened("b", b"abc")
    assert target.copy_from(source, 2, 5, 4) == 4
    assert target.read(0, 100) == b"abc\0\0" + b"2345"
    assert target.copy_from(source, 8, 0, 4) == 2
    assert target.read(0, 100) == b"89c\0\0" + b"2345"
    assert target.copy_from(source, 100, 0, 4) == 0
    assert target.copy_from(source, 0, 0, 0) == 0


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("start", "target"), [(0, 3), (3, 0), (0, 0)])
def test_copy_within_a_file(opened: Open, start: int, target: int) -> None:
    file = opened("a", b"0123456789")
    assert file.copy_from(file, start, target, 6) == 6
    expected = bytearray(b"0123456789")
    expected[target : target + 6] = b"0123456789"[start : start + 6]
    assert file.read(0, 100) == expected


def test_copy_of_a_stream_and_into_one(opened: Open) -> None:
    file, other = opened("a", b"0123456789"), opened("b")
    stream, _ = file.open_stream("s", Disposition.CREATE)
    assert stream.copy_from(file, 2, 1, 3) == 3
    assert stream.read(0, 100) == b"\x00234"
    assert other.copy_from(stream, 1, 0, 100) == 3
    assert other.read(0, 100) == b"234"
    assert list(stream.allocated_ranges(1, 100)) == [(1, 3)]
    assert list(stream.allocated_ranges(4, 100)) == []
    stream.zero(2, 100)
    stream.zero(50, 100)
    assert stream.read(0, 100) == b"\x002\0\0"
    stream.set_sparse(sparse=True)
    assert stream.stat().attributes & SPARSE
    stream.close()


def test_errors_that_are_no_inability_are_told(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    source, target = opened("a", b"0123456789"), opened("b")
    monkeypatch.setattr(os, "copy_file_range", full, raising=False)
    with pytest.raises(OSError, match="full"):
        target.copy_from(source, 0, 0, 10)
    monkeypatch.setattr("fcntl.ioctl", full)
    with pytest.raises(OSError, match="full"):
        target.copy_from(source, 0, 0, 10)


def test_a_disk_that_shares_blocks_is_asked_for_it(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ioctl(fd: int, code: int, argument: bytes) -> int:
        asked.append((code, extents._CLONE.unpack(argument)[1:]))
        return 0

    monkeypatch.setattr("fcntl.ioctl", ioctl)
    source, target = opened("a", b"0123456789"), opened("b")
    assert target.copy_from(source, 1, 2, 3) == 3
    assert asked == [(0x4020940D, (1, 3, 2))]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("offset", "length", "left"),
    [
        (2, 3, b"01\0\0\0" + b"56789"),
        (8, 100, b"01234567\0\0"),
        (10, 5, b"0123456789"),
        (0, 10, bytes(10)),
    ],
)
def test_zero(opened: Open, offset: int, length: int, left: bytes) -> None:
    file = opened("a", b"0123456789")
    file.zero(offset, length)
    assert file.read(0, 100) == left


def test_zero_by_hand_is_done_in_parts(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extents, "_FALLOCATE", None)
    written: list[int] = []
    real = os.pwrite

    def write(fd: int, data: bytes, offset: int) -> int:
        written.append(len(data))
        return real(fd, data, offset)

    file = opened("a", b"x" * (2 * MIB + 3))
    monkeypatch.setattr(os, "pwrite", write)
    file.zero(1, 2 * MIB + 1)
    assert file.read(0, 3 * MIB) == b"x" + bytes(2 * MIB + 1) + b"x"
    assert written == [MIB, MIB, 1]


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EIO])
def test_a_disk_without_holes(opened: Open, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(extents, "_FALLOCATE", lambda *_: -1)
    monkeypatch.setattr(ctypes, "get_errno", lambda: code)
    file = opened("a", b"abc")
    if code == errno.EIO:
        with pytest.raises(OSError, match="Input/output"):
            file.zero(0, 2)
    else:
        file.zero(0, 2)
        assert file.read(0, 100) == b"\0\0c"


def test_allocated_ranges(opened: Open) -> None:
    file = opened("a")
    unit = 1 << 16
    file.write(0, [b"x" * unit])
    file.write(3 * unit, [b"x" * unit])
    file.truncate(6 * unit)
    assert list(file.allocated_ranges(0, 6 * unit)) == [(0, unit), (3 * unit, unit)]
    assert list(file.allocated_ranges(unit // 2, 3 * unit)) == [
        (unit // 2, unit // 2),
        (3 * unit, unit // 2),
    ]
    assert list(file.allocated_ranges(unit, unit)) == []
    assert list(file.allocated_ranges(5 * unit, unit)) == []
    assert list(file.allocated_ranges(10 * unit, unit)) == []


def test_other_errors_of_seeking_are_told(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "broken")

    file = opened("a", b"abc")
    monkeypatch.setattr(os, "lseek", broken)
    with pytest.raises(OSError, match="broken"):
        list(file.allocated_ranges(0, 3))


def test_sparse_is_kept(storage: LocalStorage, opened: Open, root: Path) -> None:
    file = opened("a")
    file.set_sparse(sparse=True)
    assert storage.stat("a").attributes & SPARSE
    file.set_attributes(2)
    assert storage.stat("a").attributes == SPARSE | 2
    file.set_attributes(SPARSE | 4)
    assert storage.stat("a").attributes == SPARSE | 4
    file.set_sparse(sparse=False)
    assert storage.stat("a").attributes == 4


def test_read_only(root: Path, read_only: LocalStorage) -> None:
    (root / "a").write_bytes(b"abc")
    file, _ = read_only.open("a")
    for change in (
        lambda: file.copy_from(file, 0, 1, 1),
        lambda: file.zero(0, 1),
        lambda: file.set_sparse(sparse=True),
    ):
        with pytest.raises(OSError, match="Read-only"):
            change()
    file.close()


def test_a_system_without_fallocate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert extents._find_fallocate() is None
