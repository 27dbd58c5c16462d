import errno
import os
import stat as modes
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from smbquic.client.mount.attributes import Ownership
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
    operations = MountOperations(cast(Any, Loop()), cast(Any, share), Ownership(1, 2))
    operations.listed.keep("", [stat("file")], operations.listed.changes)
    return operations


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
    assert operations.listed.get("file") is None


def test_what_changes_a_file(operations: MountOperations, share: FakeShare) -> None:
    acts: tuple[Callable[[Any], int], ...] = (
        lambda fi: operations.truncate("/file", 7, fi),
        lambda fi: operations.truncate("/file", 7),
        lambda fi: operations.fallocate("/file", 0, 3, 4, fi),
        lambda fi: operations.chmod("/file", 0o444),
        lambda fi: operations.utimens("/file"),
        lambda fi: operations.unlink("/file"),
        lambda fi: operations.rename("/other", "/file"),
    )
    for act in acts:
        fi = opened(operations, os.O_RDWR)
        operations.listed.keep("", [stat("file")], operations.listed.changes)
        assert act(fi) == 0
        assert operations.listed.get("file") is None
        operations.release("/file", fi)
    assert [each[0] for each in share.done if each[0] not in ("open", "close")] == [
        *("truncate", "truncate", "size", "truncate", "chmod", "request", "unlink", "rename")
    ]


def test_space_that_is_there_already(operations: MountOperations, share: FakeShare) -> None:
    fi = opened(operations, os.O_RDWR)
    operations.fallocate("/file", 0, 0, 5, fi)
    assert share.done[1:] == [("size",)]
    fails_with(errno.EOPNOTSUPP, operations.fallocate, "/file", 1, 0, 5, fi)


def test_only_files_that_are_written_are_flushed(
    operations: MountOperations, share: FakeShare
) -> None:
    operations.fsync("/file", 0, opened(operations, os.O_RDONLY))
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
    assert [each[0] for each in share.done] == ["open", "open", "request"]
