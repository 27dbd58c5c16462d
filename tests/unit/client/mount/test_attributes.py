import stat
from dataclasses import replace

import pytest

from smbquic.client.mount.attributes import (
    BLOCK_SIZE,
    Ownership,
    changed_attributes,
    inode,
    is_symlink,
)
from smbquic.client.stat import Stat
from smbquic.wire.fscc.attributes import FileAttributes

OWNER = Ownership(1000, 100, 0o640, 0o750)
FILE = Stat("file", 10, 4096, FileAttributes.ARCHIVE, 1, 2, 3, 4, file_id=77)
FOLDER = replace(FILE, attributes=FileAttributes.DIRECTORY, size=123)
LINK = replace(FILE, attributes=FileAttributes.REPARSE_POINT, reparse_tag=0xA000000C)


def test_a_file() -> None:
    assert OWNER.attributes("a/file", FILE) == {
        "st_mode": stat.S_IFREG | 0o640,
        "st_ino": 77,
        "st_nlink": 1,
        "st_uid": 1000,
        "st_gid": 100,
        "st_size": 10,
        "st_blocks": 8,
        "st_blksize": BLOCK_SIZE,
        "st_atime": 2,
        "st_mtime": 3,
        "st_ctime": 4,
        "st_birthtime": 1,
    }


def test_folders_and_links() -> None:
    folder = OWNER.attributes("folder", FOLDER)
    assert (folder["st_mode"], folder["st_size"]) == (stat.S_IFDIR | 0o750, 0)
    assert OWNER.mode(LINK) == stat.S_IFLNK | 0o777
    # A file in the cloud is a file.
    other = replace(LINK, reparse_tag=0x9000001A)
    assert OWNER.mode(other) == stat.S_IFREG | 0o640
    assert (is_symlink(LINK), is_symlink(other), is_symlink(FILE)) == (True, False, False)


def test_a_file_that_nobody_may_write() -> None:
    readonly = replace(FILE, attributes=FileAttributes.READONLY)
    assert OWNER.mode(readonly) == stat.S_IFREG | 0o440
    assert OWNER.mode(replace(FOLDER, attributes=FOLDER.attributes | FileAttributes.READONLY)) == (
        stat.S_IFDIR | 0o750
    )


@pytest.mark.parametrize(("size", "shown"), [(1 << 63, (1 << 63) - 1), (-1, 0), (5, 5)])
def test_sizes_that_no_file_can_have(size: int, shown: int) -> None:
    found = OWNER.attributes("file", replace(FILE, size=size, allocation_size=size))
    assert found["st_size"] == shown
    assert found["st_blocks"] == -(-shown // 512)


def test_files_without_a_number() -> None:
    one, other = replace(FILE, file_id=0), replace(FILE, file_id=(1 << 64) - 1)
    assert inode("a/b", one) == inode("a/b", other) == inode("A/B", one)
    assert inode("a/b", one) != inode("a/c", one)
    assert inode("a/b", one) >= 1 << 32


@pytest.mark.parametrize(
    ("before", "mode", "after"),
    [
        (FileAttributes.ARCHIVE, 0o755, None),
        (FileAttributes.ARCHIVE, 0o444, FileAttributes.ARCHIVE | FileAttributes.READONLY),
        (FileAttributes.NORMAL, 0o500, FileAttributes.READONLY),
        (FileAttributes.READONLY, 0o200, FileAttributes(0)),
        (FileAttributes.READONLY, 0o111, None),
    ],
)
def test_modes_as_attributes(
    before: FileAttributes, mode: int, after: FileAttributes | None
) -> None:
    assert changed_attributes(before, mode) == after
