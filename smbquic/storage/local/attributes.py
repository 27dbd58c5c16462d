"""DOS attributes and creation times, which a disk has no other place for.

They live in the extended attribute ``user.DOSATTRIB`` in Samba's format, so that a folder can move
between Samba and this server without losing them: an NDR structure of a hexadecimal string (empty
since version 3), a version, and a block whose layout hangs on it. Versions 3 to 5 are read, 5 is
written. Times in it are FILETIMEs: units of 100 ns since 1601.

What Samba has no field for stands behind its block, which Samba does not read, and goes when Samba
writes: the number of the account that made the file, and, if there is any, the size of the
clients' extended attributes and a change time that a client has set. The disk's own change time
cannot be set, so ours comes with the moment of its setting: it counts until the disk's is later.
"""

import errno
import os
import stat
import struct
from typing import Final, NamedTuple, Self

from smbquic.storage import types
from smbquic.storage.local.descriptor import birth_time
from smbquic.storage.local.xattrs import DOS_ATTRIBUTES, SUPPORTED

_HAS_ATTRIBUTES: Final = 0x01
_HAS_CREATION_TIME: Final = 0x10
_VERSIONS: Final = struct.Struct("<HH")
_FLAGS: Final = struct.Struct("<II")
_TIME: Final = struct.Struct("<Q")
_TIME_OFFSET: Final = {3: 28, 4: 16, 5: 8}
_VERSION_5: Final = struct.Struct("<2xHH2xIIQ")
_FAST_HEAD: Final = struct.pack("<2xHH2xI", 5, 5, _HAS_ATTRIBUTES | _HAS_CREATION_TIME)
_ACCOUNT: Final = struct.Struct("<I")
_REST: Final = struct.Struct("<IIQQ")
_EPOCH: Final = 116_444_736_000_000_000
_LATER: Final = 20_000_000
"""Nanoseconds that the clock of a disk may be off, or take to note a change."""

_NO_ROOM: Final = frozenset((errno.ENOTSUP, errno.ENOSPC, errno.EDQUOT, errno.E2BIG))


class Stored(NamedTuple):
    """The contents of the extended attribute. Times are in nanoseconds since 1970.

    `account` is 0 if nobody knows; `change_time` counts while the disk's is not later than `until`.
    """

    attributes: int | None = None
    creation_time: int | None = None
    account: int = 0
    ea_size: int = 0
    change_time: int | None = None
    until: int = 0

    @classmethod
    def decode(cls, blob: bytes) -> Self:
        """Decode Samba's format, from any bytes; a part that cannot be decoded is None."""
        if blob.startswith(_FAST_HEAD) and len(blob) >= _VERSION_5.size:
            _, _, _, attributes, filetime = _VERSION_5.unpack_from(blob)
            attributes &= types.KEPT
            if len(blob) == _VERSION_5.size:
                return cls(attributes, _from_filetime(filetime))
            return cls(attributes, _from_filetime(filetime), *_decode_rest(blob))
        try:
            position = (blob.index(0) + 2) & ~1
            version, _ = _VERSIONS.unpack_from(blob, position)
            position = (position + _VERSIONS.size + 3) & ~3
            flags, attributes = _FLAGS.unpack_from(blob, position)
            (filetime,) = _TIME.unpack_from(blob, position + _TIME_OFFSET[version])
        except (ValueError, KeyError, struct.error):
            return cls()
        return cls(
            attributes & types.KEPT if flags & _HAS_ATTRIBUTES else None,
            _from_filetime(filetime) if flags & _HAS_CREATION_TIME else None,
        )

    def encode(self, *, is_directory: bool) -> bytes:
        """Encode version 5 of Samba's extended attribute, with our own part behind it."""
        attributes = (self.attributes or 0) & types.KEPT
        if is_directory:
            attributes |= types.DIRECTORY
        blob = _VERSION_5.pack(
            5,
            5,
            _HAS_ATTRIBUTES | _HAS_CREATION_TIME,
            attributes,
            _to_filetime(self.creation_time),
        )
        if self.ea_size or self.change_time is not None:
            changed, until = _to_filetime(self.change_time), _to_filetime(self.until)
            return blob + _REST.pack(self.account, self.ea_size, changed, until)
        return blob + _ACCOUNT.pack(self.account) if self.account else blob


NOTHING: Final = Stored()


def _decode_rest(blob: bytes) -> tuple[int, int, int | None, int]:
    size = len(blob) - _VERSION_5.size
    if size == _ACCOUNT.size:
        return (*_ACCOUNT.unpack_from(blob, _VERSION_5.size), 0, None, 0)
    if size != _REST.size:
        return 0, 0, None, 0
    account, ea_size, changed, until = _REST.unpack_from(blob, _VERSION_5.size)
    return account, ea_size, _from_filetime(changed), _from_filetime(until) or 0


def read(file: int | bytes) -> Stored:
    """Return what is stored with a file, by its descriptor or by a path, whose last part is not
    followed.

    A disk without room for it, a file of before, one that may not be read or that was deleted: all
    have nothing stored, and are shown with what can be derived.
    """
    if not SUPPORTED:
        return NOTHING
    try:
        blob = os.getxattr(file, DOS_ATTRIBUTES, follow_symlinks=isinstance(file, int))
    except OSError:
        return NOTHING
    return Stored.decode(blob)


def write(file: int, stored: Stored, *, is_directory: bool) -> None:
    """Store it. A disk that has no room for it goes without; other errors are raised."""
    if not SUPPORTED:
        return
    try:
        os.setxattr(file, DOS_ATTRIBUTES, stored.encode(is_directory=is_directory))
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise


def describe(
    name: str, status: os.stat_result, stored: Stored, home: int, file: int | bytes
) -> types.FileStat:
    """Put together what the disk says of a file and what is stored with it.

    `home` is the share's own device: inode numbers of disks mounted below it are kept apart.
    `file` is its descriptor or path, for what the status does not contain.
    """
    is_directory = stat.S_ISDIR(status.st_mode)
    size = 0 if is_directory else status.st_size
    attributes = types.DIRECTORY if is_directory else 0
    if stored.attributes is not None:
        attributes |= stored.attributes
    if name.startswith("."):
        attributes |= types.HIDDEN
    created = stored.creation_time
    changed = status.st_ctime_ns
    if stored.change_time is not None and changed <= stored.until + _LATER:
        changed = stored.change_time
    file_id = status.st_ino
    if status.st_dev != home:
        file_id ^= (status.st_dev & 0xFFFFFFFF) << 32
    return types.FileStat(
        name,
        is_directory,
        size,
        # The blocks of an empty file hold its extended attributes.
        status.st_blocks * 512 if size else 0,
        attributes or types.NORMAL,
        derived_creation_time(status, file) if created is None else created,
        status.st_atime_ns,
        status.st_mtime_ns,
        changed,
        file_id,
        1 if is_directory else status.st_nlink,
        stored.ea_size,
        status.st_uid,
        status.st_gid,
        status.st_mode & 0o777,
        stored.account,
    )


def derived_creation_time(status: os.stat_result, file: int | bytes) -> int:
    """Return the birth time where the platform has it, else the earliest of the other times."""
    birth: float | None = getattr(status, "st_birthtime", None)
    if birth is not None:
        return int(birth * 1_000_000_000)
    born = birth_time(file)
    if born is not None:
        return born
    return min(status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)


def _from_filetime(filetime: int) -> int | None:
    # 0 and -1 are Windows' ways to say "no time".
    if filetime in (0, 2**64 - 1):
        return None
    return (filetime - _EPOCH) * 100


def _to_filetime(time: int | None) -> int:
    return 0 if time is None else min(max(time // 100 + _EPOCH, 0), 2**64 - 1)
