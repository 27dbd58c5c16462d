"""What `stat` says of a file in the mount."""

from stat import S_IFDIR, S_IFLNK, S_IFREG
from zlib import crc32

from smbquic.client.stat import Stat
from smbquic.lazy_dataclass import dataclass
from smbquic.wire.fscc.attributes import FileAttributes
from smbquic.wire.fscc.reparse import IO_REPARSE_TAG_SYMLINK

BLOCK_SIZE = 1 << 20
"""Bytes that programs read and write at once: one request to the server."""
WRITE_BITS = 0o222

_LARGEST = (1 << 63) - 1
_UNKNOWN_IDS = frozenset({0, (1 << 64) - 1})
"""What servers say whose file system has no numbers. [MS-FSCC] 2.1.9"""
_SECTOR = 512


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns the files of a mount, and what the mode of each is: SMB says neither."""

    uid: int
    gid: int
    file_mode: int = 0o644
    dir_mode: int = 0o755

    def mode(self, stat: Stat) -> int:
        """Return type and mode. A file with the attribute READONLY cannot be written by anybody."""
        if is_symlink(stat):
            return S_IFLNK | 0o777
        if stat.is_directory:
            return S_IFDIR | self.dir_mode
        if stat.attributes & FileAttributes.READONLY:
            return S_IFREG | (self.file_mode & ~WRITE_BITS)
        return S_IFREG | self.file_mode

    def attributes(self, path: str, stat: Stat) -> dict[str, int]:
        """Return the fields of `struct stat`. Times are in nanoseconds."""
        size = 0 if stat.is_directory else _bounded(stat.size)
        return {
            "st_mode": self.mode(stat),
            "st_ino": inode(path, stat),
            # SMB tells it for one file at a time; 1 for a folder means that nobody has counted.
            "st_nlink": 1,
            "st_uid": self.uid,
            "st_gid": self.gid,
            "st_size": size,
            "st_blocks": -(-_bounded(stat.allocation_size) // _SECTOR),
            "st_blksize": BLOCK_SIZE,
            "st_atime": stat.last_access_time,
            "st_mtime": stat.last_write_time,
            "st_ctime": stat.change_time,
            "st_birthtime": stat.creation_time,
        }


def is_symlink(stat: Stat) -> bool:
    """Return whether it is a symbolic link; other reparse points are shown as what they stand for.

    [MS-FSCC] 2.1.2.1
    """
    return stat.is_link and stat.reparse_tag == IO_REPARSE_TAG_SYMLINK


def inode(path: str, stat: Stat) -> int:
    """Return the server's number of a file, or one made of its path where there is none."""
    if stat.file_id not in _UNKNOWN_IDS:
        return stat.file_id
    return (1 << 32) + crc32(path.lower().encode("utf-8", "surrogatepass"))


def changed_attributes(attributes: FileAttributes, mode: int) -> FileAttributes | None:
    """Return the attributes of a file after a chmod; None if they stay as they are.

    READONLY stands for a mode in which nobody may write. All else of a mode has no place on a
    server.
    """
    readonly = not mode & WRITE_BITS
    if bool(attributes & FileAttributes.READONLY) == readonly:
        return None
    changed = attributes & ~(FileAttributes.READONLY | FileAttributes.NORMAL)
    return changed | FileAttributes.READONLY if readonly else changed


def _bounded(size: int) -> int:
    """Return a size that a file can have, whatever the server says."""
    return min(max(size, 0), _LARGEST)
