import ctypes
import errno
import fcntl
import os
import struct
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smbquic.storage.local import descriptor
from smbquic.storage.local.descriptor import (
    SharedDescriptor,
    birth_time,
    rename_exclusive,
    synchronise,
)


def test_closing_waits_for_who_is_still_at_it(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    seen: list[int] = []
    done: list[int] = []
    owned = SharedDescriptor(fd, lambda: done.append(len(seen)))
    inside, closed = threading.Event(), threading.Event()

    def work() -> None:
        with owned as mine:
            inside.set()
            closed.wait()
            seen.append(os.fstat(mine).st_ino)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    assert owned.closed is False
    owned.close()
    assert owned.closed is True
    with pytest.raises(OSError, match="closed") as caught, owned:
        pass
    closed.set()
    thread.join()

    assert caught.value.errno == errno.EBADF
    assert seen == [tmp_path.stat().st_ino]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    owned.close()
    assert done == [1]


UNABLE = {
    "not on this disk": errno.EINVAL,
    "not in this system": errno.ENOSYS,
    "not supported": errno.ENOTSUP,
}


@pytest.fixture(params=["system call", "check first", *UNABLE])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With and without the system call."""
    if request.param == "check first":
        monkeypatch.setattr(descriptor, "_RENAME", None)
    if request.param in UNABLE:

        def refuse(*_: object) -> int:
            ctypes.set_errno(UNABLE[request.param])
            return -1

        monkeypatch.setattr(descriptor, "_RENAME", (refuse, 1))
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_renaming_onto_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        rename_exclusive(b"a", b"b", fd, fd)
    finally:
        os.close(fd)

    assert (tmp_path / "b").read_bytes() == b"a"
    assert not (tmp_path / "a").exists()


@pytest.mark.usefixtures("way")
def test_never_onto_something(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").symlink_to("nowhere")
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(FileExistsError):
            rename_exclusive(b"a", b"b", fd, fd)
    finally:
        os.close(fd)

    assert (tmp_path / "a").read_bytes() == b"a"
    assert (tmp_path / "b").is_symlink()


@pytest.mark.usefixtures("way")
def test_a_folder_does_not_go_into_itself(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    fd = os.open(tmp_path, os.O_RDONLY)
    inner = os.open(tmp_path / "a", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="Invalid argument"):
            rename_exclusive(b"a", b"b", fd, inner)
        with pytest.raises(FileNotFoundError):
            rename_exclusive(b"gone", b"b", fd, fd)
    finally:
        os.close(fd)
        os.close(inner)


def test_what_the_system_call_refuses_is_not_tried_in_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        ctypes.set_errno(errno.EACCES)
        return -1

    (tmp_path / "a").touch()
    fd = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.setattr(descriptor, "_RENAME", (refuse, 1))
    try:
        with pytest.raises(PermissionError):
            rename_exclusive(b"a", b"b", fd, fd)
    finally:
        os.close(fd)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(("name", "flag"), [("renameat2", 1), ("renameatx_np", 4)])
def test_the_system_call_of_each_system(
    monkeypatch: pytest.MonkeyPatch, name: str, flag: int
) -> None:
    function = SimpleNamespace()
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(**{name: function}))

    found: object = descriptor._find_rename()
    assert found == (function, flag)
    number, path = ctypes.c_int, ctypes.c_char_p
    assert function.argtypes == (number, path, number, path, ctypes.c_uint)
    assert function.restype is number


def test_a_c_library_without_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())

    assert descriptor._find_rename() is None


def test_synchronising_goes_to_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "fsync", lambda fd: calls.append(("fsync", fd)))
    monkeypatch.setattr(fcntl, "fcntl", lambda fd, what: calls.append((what, fd)))
    monkeypatch.delattr(fcntl, "F_FULLFSYNC", raising=False)

    synchronise(7)
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    synchronise(8)

    assert calls == [("fsync", 7), (51, 8)]


def test_only_failures_to_synchronise_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(code: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    synchronise(errno.EINVAL)
    with pytest.raises(OSError, match="Input/output"):
        synchronise(errno.EIO)


@pytest.mark.parametrize(
    ("result", "mask", "expected"),
    [(0, 0x800, 7_000_000_009), (0, 0x7FF, None), (-1, 0x800, None)],
)
def test_when_a_file_was_made(
    monkeypatch: pytest.MonkeyPatch, result: int, mask: int, expected: int | None
) -> None:
    """Unless the call fails, or does not tell."""

    def statx(folder: int, path: bytes, flags: int, wanted: int, answer: Any) -> int:
        struct.pack_into("<I", answer, 0, mask)
        struct.pack_into("<qI", answer, 80, 7, 9)
        return result

    monkeypatch.setattr(descriptor, "_STATX", statx)
    assert birth_time(3) == birth_time(b"name") == expected


@pytest.mark.parametrize(
    ("seconds", "nanoseconds", "expected"), [(0, 0, None), (0, 1, 1), (-1, 0, -1_000_000_000)]
)
def test_a_disk_that_is_older_than_birth_times(
    monkeypatch: pytest.MonkeyPatch, seconds: int, nanoseconds: int, expected: int | None
) -> None:
    def statx(folder: int, path: bytes, flags: int, wanted: int, answer: Any) -> int:
        struct.pack_into("<I", answer, 0, 0x800)
        struct.pack_into("<qI", answer, 80, seconds, nanoseconds)
        return 0

    monkeypatch.setattr(descriptor, "_STATX", statx)
    assert birth_time(3) == expected


def test_the_descriptor_and_every_path_tell_the_same_birth_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    born = birth_time(fd)
    os.close(fd)
    if born is None:
        pytest.skip("the system knows no birth times")
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("nowhere")

    assert birth_time(b"file") == birth_time(os.fsencode(tmp_path / "file")) == born
    assert birth_time(b"link") is not None
