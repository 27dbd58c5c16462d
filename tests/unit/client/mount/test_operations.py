import errno
import fcntl
import os
import stat as modes
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from smbquic.client.background import LoopThread
from smbquic.client.mount.attributes import Ownership
from smbquic.client.mount.locks import END
from smbquic.client.mount.operations import (
    RENAME_NOREPLACE,
    UTIME_NOW,
    UTIME_OMIT,
    MountOperations,
)
from smbquic.errors import DeniedError
from smbquic.ntstatus import NtStatus
from smbquic.wire.fscc.attributes import FileAttributes
from tests.unit.client.mount.operating import FakeShare, Loop, info, stat


@pytest.fixture
def share() -> FakeShare:
    return FakeShare()


@pytest.fixture
def operations(share: FakeShare) -> MountOperations:
    return MountOperations(cast(Any, Loop()), cast(Any, share), Ownership(1, 2))


def opened(operations: MountOperations, flags: int, path: str = "/file") -> Any:
    fi = info(flags)
    operations.open(path, fi)
    return fi


def fails_with(number: int, act: Any, *arguments: Any) -> None:
    with pytest.raises(OSError, match="Errno") as caught:
        act(*arguments)
    assert caught.value.errno == number


def test_a_new_file_is_open(operations: MountOperations, share: FakeShare) -> None:
    fi = info(os.O_WRONLY | os.O_EXCL)
    operations.create("/file", 0o640, fi)
    assert fi.fh == 1
    assert share.done == [("create", "file", os.O_WRONLY | os.O_EXCL, 0o640)]


def test_what_is_done_by_path_or_by_what_is_open(
    operations: MountOperations, share: FakeShare
) -> None:
    operations.truncate("/file", 7)
    fi = opened(operations, os.O_RDWR)
    operations.truncate("/file", 8)
    operations.truncate("/file", 9, fi)
    operations.fallocate("/file", 0, 3, 4, fi)
    operations.write("/file", b"data", 6, fi)
    operations.flush("/file", fi)
    assert share.done == [
        ("truncate", "file", 7),
        ("open", "file", os.O_RDWR),
        ("truncate", 8),
        ("truncate", 9),
        ("size",),
        ("truncate", 7),
        ("write", 6, b"data"),
        ("drain",),
    ]
    share.done.clear()
    operations.chmod("/file", 0o444)
    operations.unlink("/file")
    assert share.done == [("chmod", "file", 0o444), ("unlink", "file")]


def test_space_that_is_there_already(operations: MountOperations, share: FakeShare) -> None:
    fi = opened(operations, os.O_RDWR)
    operations.fallocate("/file", 0, 0, 5, fi)
    assert share.done[1:] == [("size",)]
    fails_with(errno.EOPNOTSUPP, operations.fallocate, "/file", 1, 0, 5, fi)


def test_only_files_that_are_written_are_flushed(
    operations: MountOperations, share: FakeShare
) -> None:
    fi = opened(operations, os.O_RDONLY)
    operations.fsync("/file", 0, fi)
    operations.flush("/file", fi)
    assert share.done == [("open", "file", os.O_RDONLY)]
    operations.fsync("/file", 0, opened(operations, os.O_WRONLY))
    assert share.done[-1] == ("flush",)


def test_names(operations: MountOperations, share: FakeShare) -> None:
    operations.mkdir("/folder", 0o700)
    operations.mknod("/new", modes.S_IFREG | 0o600, 0)
    operations.rmdir("/folder")
    operations.link("/further", "/file")
    assert share.done == [
        ("mkdir", "folder"),
        ("create", "new", os.O_WRONLY | os.O_EXCL, modes.S_IFREG | 0o600),
        ("close",),
        ("rmdir", "folder"),
        ("link", "file", "further"),
    ]
    fails_with(errno.EPERM, operations.mknod, "/fifo", modes.S_IFIFO | 0o600, 0)


def test_renaming(operations: MountOperations, share: FakeShare) -> None:
    fi = opened(operations, os.O_RDONLY, "/old")
    operations.rename("/old", "/new")
    operations.rename("/new", "/newer", RENAME_NOREPLACE)
    assert share.done[1:] == [("rename", "old", "new", True), ("rename", "new", "newer", False)]
    assert operations.files[fi.fh].path == "newer"
    fails_with(errno.EINVAL, operations.rename, "/a", "/b", 2)


def test_what_was_not_renamed_keeps_its_path(operations: MountOperations, share: FakeShare) -> None:
    fi = opened(operations, os.O_RDONLY, "/old")
    share.error = DeniedError(NtStatus.ACCESS_DENIED)
    fails_with(errno.EACCES, operations.rename, "/old", "/new")
    assert operations.files[fi.fh].path == "old"


def test_symbolic_links(operations: MountOperations, share: FakeShare) -> None:
    share.there["folder/sub"] = stat("sub", FileAttributes.DIRECTORY)
    operations.symlink("/link", "a:b")
    operations.symlink("/folder/link", "./sub")
    operations.symlink("/folder/up", "../folder")
    assert [each for each in share.done if each[0] == "symlink"] == [
        ("symlink", "a\uf022b", "link", False),
        ("symlink", "./sub", "folder/link", True),
        ("symlink", "../folder", "folder/up", False),
    ]
    for target in ("/etc/passwd", "../x", "a/../../x"):
        fails_with(errno.EPERM, operations.symlink, "/link", target)


def test_owners(operations: MountOperations) -> None:
    for uid, gid in [(1, 2), (-1, 2), (1, -1), (-1, -1)]:
        assert operations.chown("/file", uid, gid) == 0
    for uid, gid in [(0, 2), (1, 0), (-1, 1)]:
        fails_with(errno.EPERM, operations.chown, "/file", uid, gid)


def test_times(operations: MountOperations, share: FakeShare) -> None:
    operations.utimens("/file", (5, UTIME_OMIT))
    operations.utimens("/file", (UTIME_OMIT, UTIME_OMIT))
    assert share.done == [("utime", "file", 5, None)]
    before = time.time_ns()
    operations.utimens("/file", (UTIME_OMIT, UTIME_NOW))
    *_, modified = share.done[-1]
    assert before <= modified <= time.time_ns()


def test_times_of_a_file_that_is_being_written(
    operations: MountOperations, share: FakeShare
) -> None:
    opened(operations, os.O_RDONLY)
    opened(operations, os.O_WRONLY)
    operations.utimens("/file", (5, 6))
    assert [each[0] for each in share.done] == ["open", "open", "settle", "request", "changed"]


def test_extended_attributes(operations: MountOperations, share: FakeShare) -> None:
    share.known |= {"file": stat("file"), "plain": stat("plain", ea_size=0)}
    assert operations.getxattr("/file", "user.x") == b"value"
    assert operations.listxattr("/file") == ["user.A", "user.b"]
    assert operations.listxattr("/plain") == []
    operations.setxattr("/file", "user.x", b"1", 0)
    operations.removexattr("/file", "user.B")
    assert share.done == [
        ("getxattr", "file", "x"),
        ("listxattr", "file"),
        ("setxattr", "file", "x", b"1"),
        ("listxattr", "file"),
        ("removexattr", "file", "B"),
    ]
    share.done.clear()
    for name in ("security.capability", "system.posix_acl_access", "trusted.x", "user."):
        fails_with(errno.ENOTSUP, operations.getxattr, "/file", name)
        fails_with(errno.ENOTSUP, operations.setxattr, "/file", name, b"1", 0)
        fails_with(errno.ENOTSUP, operations.removexattr, "/file", name)
    assert share.done == []


def range_of(kind: int, start: int = 0, length: int = 0) -> Any:
    return SimpleNamespace(contents=SimpleNamespace(l_type=kind, l_start=start, l_len=length))


def test_locks(operations: MountOperations, share: FakeShare) -> None:
    loop = LoopThread()
    operations.loop = loop
    try:
        fi, other = opened(operations, os.O_RDWR), info()
        other.fh, other.lock_owner = fi.fh, 2
        share.done.clear()
        assert operations.lock("/file", fi, fcntl.F_SETLK, range_of(fcntl.F_UNLCK)) == 0
        assert share.done == []
        assert operations.lock("/file", fi, fcntl.F_SETLKW, range_of(fcntl.F_WRLCK, 5, 10)) == 0
        assert share.done == [("lock", 5, 10)]
        write = range_of(fcntl.F_WRLCK, 14, 1)
        fails_with(errno.EAGAIN, operations.lock, "/file", other, fcntl.F_SETLK, write)
        operations.lock("/file", other, fcntl.F_GETLK, write)
        assert write.contents.l_type == fcntl.F_WRLCK
        operations.lock("/file", fi, fcntl.F_SETLK, range_of(fcntl.F_UNLCK))
        operations.lock("/file", other, fcntl.F_GETLK, write)
        assert write.contents.l_type == fcntl.F_UNLCK
        operations.lock("/file", other, fcntl.F_SETLK, range_of(fcntl.F_RDLCK, 3))
        assert share.done[-1] == ("lock", 3, END - 3)
    finally:
        loop.stop()


def test_what_succeeds_is_zero(operations: MountOperations) -> None:
    """Libfuse takes any other number for an error, or for a count of bytes."""
    fi = info(os.O_WRONLY)
    assert operations.create("/new", 0o640, fi) == 0
    reading = opened(operations, os.O_RDONLY)
    results = [
        operations.flush("/new", fi),
        operations.flush("/file", reading),
        operations.fsync("/new", 0, fi),
        operations.fsync("/file", 0, reading),
        operations.truncate("/file", 7),
        operations.truncate("/new", 7, fi),
        operations.fallocate("/new", 0, 0, 100, fi),
        operations.mkdir("/folder", 0o700),
        operations.mknod("/other", modes.S_IFREG | 0o600, 0),
        operations.unlink("/file"),
        operations.rmdir("/folder"),
        operations.rename("/old", "/new"),
        operations.link("/further", "/file"),
        operations.symlink("/link", "file"),
        operations.chmod("/file", 0o444),
        operations.utimens("/file", (1, 2)),
        operations.utimens("/file", (UTIME_OMIT, UTIME_OMIT)),
        operations.setxattr("/file", "user.x", b"1", 0),
        operations.removexattr("/file", "user.A"),
        operations.release("/file", reading),
    ]
    assert results == [0] * len(results)
    assert operations.write("/new", b"data", 6, fi) == 4


def test_a_handle_of_zero_is_none(operations: MountOperations, share: FakeShare) -> None:
    operations.truncate("/file", 9, info(fh=0))
    assert share.done == [("truncate", "file", 9)]


def test_all_times_are_now_if_none_are_given(operations: MountOperations, share: FakeShare) -> None:
    before = time.time_ns()
    operations.utimens("/file")
    [(_, path, accessed, modified)] = share.done
    assert path == "file"
    assert before <= accessed == modified <= time.time_ns()
