"""DOS attributes and creation times, which a disk has no other place for.

They live in the extended attribute ``user.DOSATTRIB`` in Samba's format, so that a folder can move
between Samba and this server without losing them: an NDR structure of a hexadecimal string (empty
since version 3), a version, and a block whose layout hangs on it. Versions 3 to 5 are read, 5 is
written. Times in it are FILETIMEs: units of 100 ns since 1601.
"""

import errno
import os
import stat
import struct
from typing import Final, NamedTuple, Self

from smbquic.storage import base

XATTR: Final = "user.DOSATTRIB"
SUPPORTED: Final = hasattr(os, "getxattr")
"""Whether this platform's Python can reach extended attributes at all."""

_HAS_ATTRIBUTES: Final = 0x01
_HAS_CREATION_TIME: Final = 0x10
_VERSIONS: Final = struct.Struct("<HH")
_FLAGS: Final = struct.Struct("<II")
_TIME: Final = struct.Struct("<Q")
_TIME_OFFSET: Final = {3: 28, 4: 16, 5: 8}
_VERSION_5: Final = struct.Struct("<2xHH2xIIQ")
_FAST_HEAD: Final = _VERSION_5.pack(5, 5, _HAS_ATTRIBUTES | _HAS_CREATION_TIME, 0, 0)[:12]
_EPOCH: Final = 116_444_736_000_000_000

_NO_ROOM: Final = frozenset((errno.ENOTSUP, errno.ENOSPC, errno.EDQUOT, errno.E2BIG))


class Stored(NamedTuple):
    """What the extended attribute holds. `creation_time` is in nanoseconds since 1970."""

    attributes: int | None
    creation_time: int | None

    @classmethod
    def decode(cls, blob: bytes) -> Self:
        """Read Samba's format; what can't be made out is None, on any bytes."""
        if len(blob) == _VERSION_5.size and blob.startswith(_FAST_HEAD):
            _, _, _, attributes, filetime = _VERSION_5.unpack(blob)
            return cls(attributes & base.SETTABLE, _from_filetime(filetime))
        try:
            position = (blob.index(0) + 2) & ~1
            version, _ = _VERSIONS.unpack_from(blob, position)
            position = (position + _VERSIONS.size + 3) & ~3
            flags, attributes = _FLAGS.unpack_from(blob, position)
            (filetime,) = _TIME.unpack_from(blob, position + _TIME_OFFSET[version])
        except (ValueError, KeyError, struct.error):
            return cls(None, None)
        return cls(
            attributes & base.SETTABLE if flags & _HAS_ATTRIBUTES else None,
            _from_filetime(filetime) if flags & _HAS_CREATION_TIME else None,
        )


NOTHING: Final = Stored(None, None)


def encode(attributes: int, creation_time: int, *, is_directory: bool) -> bytes:
    """Samba's version 5 of the extended attribute."""
    attributes &= base.SETTABLE
    if is_directory:
        attributes |= base.DIRECTORY
    filetime = min(max(creation_time // 100 + _EPOCH, 0), 2**64 - 1)
    return _VERSION_5.pack(5, 5, _HAS_ATTRIBUTES | _HAS_CREATION_TIME, attributes, filetime)


def read(file: int | bytes) -> Stored:
    """What is stored with a file, by descriptor or by path (whose last part is not followed).

    A disk without room for it, a file of before, one that may not be read or that is gone: all
    have nothing stored, and are shown with what can be derived.
    """
    if not SUPPORTED:
        return NOTHING
    try:
        return Stored.decode(os.getxattr(file, XATTR, follow_symlinks=isinstance(file, int)))
    except OSError:
        return NOTHING


def write(file: int, attributes: int, creation_time: int, *, is_directory: bool) -> None:
    """Store both. A disk that has no room for them goes without; other errors are raised."""
    if not SUPPORTED:
        return
    try:
        os.setxattr(file, XATTR, encode(attributes, creation_time, is_directory=is_directory))
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise


def describe(name: str, status: os.stat_result, stored: Stored, home: int) -> base.FileStat:
    """Put together what the disk says of a file and what is stored with it.

    `home` is the share's own device: inode numbers of disks mounted below it are kept apart.
    """
    is_directory = stat.S_ISDIR(status.st_mode)
    attributes = base.DIRECTORY if is_directory else 0
    if stored.attributes is not None:
        attributes |= stored.attributes
    if name.startswith("."):
        attributes |= base.HIDDEN
    created = stored.creation_time
    file_id = status.st_ino
    if status.st_dev != home:
        file_id ^= (status.st_dev & 0xFFFFFFFF) << 32
    return base.FileStat(
        name,
        is_directory,
        0 if is_directory else status.st_size,
        0 if is_directory else status.st_blocks * 512,
        attributes or base.NORMAL,
        derived_creation_time(status) if created is None else created,
        status.st_atime_ns,
        status.st_mtime_ns,
        status.st_ctime_ns,
        file_id,
        1 if is_directory else status.st_nlink,
        0,
        status.st_uid,
        status.st_gid,
        status.st_mode & 0o777,
    )


def derived_creation_time(status: os.stat_result) -> int:
    """The birth time where the platform tells it, else the earliest of the other three."""
    birth: float | None = getattr(status, "st_birthtime", None)
    if birth is not None:
        return int(birth * 1_000_000_000)
    return min(status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)


def _from_filetime(filetime: int) -> int | None:
    # 0 and -1 are Windows' ways to say "no time".
    if filetime in (0, 2**64 - 1):
        return None
    return (filetime - _EPOCH) * 100
