"""Extended attributes of the disk: what is kept with a file that POSIX has no place for.

Each user of them has names of its own, all defined here, so that none shows or overwrites what
belongs to another: `attributes` (DOS attributes and times), `streams`, `extended` (the
attributes of clients), security descriptors, and `sweep`. Python reaches them on Linux only.
"""

import errno
import os
from typing import Final

SUPPORTED: Final = hasattr(os, "getxattr")
"""Whether this platform's Python can reach extended attributes at all."""

PREFIX: Final = "user."
"""The namespace of extended attributes that ordinary users may set."""

DOS_ATTRIBUTES: Final = "user.DOSATTRIB"
STREAM: Final = "user.DosStream."
SECURITY: Final = "user.smbquic.sd"
SERVED: Final = "user.smbquic.served"

MAX_VALUE: Final = 65_536
"""Bytes of one value that Linux takes at most; most disks take less."""
MAX_NAME: Final = 255
"""Bytes of a name, with its prefix."""

# Names that this server or Samba keeps for itself, in lower case.
_OWN: Final = ("user.dosattrib", "user.samba_pai", "user.ntacl", "user.smbreparse")
_OWN_PREFIXES: Final = ("user.dosstream", "user.smbquic.")

ABSENT: Final = errno.ENODATA if hasattr(errno, "ENODATA") else errno.ENOENT
UNSUPPORTED: Final = frozenset((errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS))


def is_own(name: str) -> bool:
    """Return whether an attribute is the server's own, which clients neither see nor set."""
    folded = name.lower()
    return folded in _OWN or folded.startswith(_OWN_PREFIXES)


def names(file: int | bytes) -> list[str]:
    """Return the names of all attributes of a file; none on a disk without them."""
    if not SUPPORTED:
        return []
    try:
        return os.listxattr(file)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return []
        raise


def get(file: int | bytes, name: str) -> bytes | None:
    """Return a value; None if there is none, or the disk has no attributes. Raises `OSError`."""
    if not SUPPORTED:
        return None
    try:
        return os.getxattr(file, name)
    except OSError as error:
        if error.errno == ABSENT or error.errno in UNSUPPORTED:
            return None
        raise


def put(file: int, name: str, value: bytes) -> None:
    """Set a value. Raises `OSError`: ENOTSUP without them, ENOSPC where there is no room."""
    if not SUPPORTED:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), name)
    try:
        os.setxattr(file, name, value)
    except OSError as error:
        if error.errno in (errno.E2BIG, errno.ERANGE):
            # The errors of a disk whose blocks are too small for it.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name) from error
        raise


def remove(file: int, name: str) -> bool:
    """Remove an attribute; false if there was none."""
    if not SUPPORTED:
        return False
    try:
        os.removexattr(file, name)
    except OSError as error:
        if error.errno == ABSENT or error.errno in UNSUPPORTED:
            return False
        raise
    return True


def supported(file: int | bytes) -> bool:
    """Return whether the disk under a file has extended attributes of users."""
    if not SUPPORTED:
        return False
    try:
        os.getxattr(file, DOS_ATTRIBUTES)
    except OSError as error:
        return error.errno == ABSENT
    return True
