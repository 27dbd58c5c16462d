"""Named streams of a file, each in an extended attribute of the disk.

They are kept as Samba's ``streams_xattr`` keeps them, so that a folder can move between the two:
the stream ``s`` of a file is its attribute ``user.DosStream.s:$DATA``, whose value is the stream's
content and a zero byte. What Linux and the disk take for a value bounds a stream: 64 KiB, and
4 KiB for all of a file together on ext4.
"""

import errno
import os
from typing import Final

from smbquic.storage.errors import NameInvalid
from smbquic.storage.local import xattrs
from smbquic.storage.names import check_stream_name, fold, is_stream_name
from smbquic.storage.types import Stream

MAX_SIZE: Final = xattrs.MAX_VALUE - 1
"""Bytes of a stream at most; the disk may take less."""

_TYPE: Final = ":$DATA"
_END: Final = b"\0"
_MAX_NAME: Final = xattrs.MAX_NAME - len(xattrs.STREAM) - len(_TYPE)


def check_name(name: str) -> None:
    """Raise NameInvalid for what no stream can be called here."""
    check_stream_name(name)
    if len(name.encode()) > _MAX_NAME:
        raise NameInvalid("a stream's name that is too long", name)


def find(file: int, name: str) -> str | None:
    """Return the real name of the stream that `name` means in any case; None without one."""
    folded = fold(name)
    found = None
    for real in _names(file):
        if real == name:
            return real
        if found is None and fold(real) == folded:
            found = real
    return found


def read_all(file: int) -> list[Stream]:
    """Return all streams of a file, in the order of their names."""
    found = []
    for name in _names(file):
        content = read(file, name)
        if content is not None:
            found.append(Stream(name, len(content)))
    return found


def read(file: int, name: str) -> bytes | None:
    """Return the content of a stream; None if there is none of exactly that name."""
    value = xattrs.get(file, _attribute(name))
    return None if value is None else value[:-1]


def write(file: int, name: str, content: bytes) -> None:
    """Make or replace a stream. Raises `OSError`: EFBIG, or ENOSPC if the disk has no room."""
    if len(content) > MAX_SIZE:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
    xattrs.put(file, _attribute(name), content + _END)


def remove(file: int, name: str) -> bool:
    """Remove a stream; false if there is none of exactly that name."""
    return xattrs.remove(file, _attribute(name))


def remove_all(file: int, names: list[str]) -> None:
    """Remove those of the disk's attributes `names` that are streams."""
    for name in names:
        if name.startswith(xattrs.STREAM):
            xattrs.remove(file, name)


def _attribute(name: str) -> str:
    return f"{xattrs.STREAM}{name}{_TYPE}"


def _names(file: int) -> list[str]:
    start, end = len(xattrs.STREAM), -len(_TYPE)
    return sorted(
        name[start:end]
        for name in xattrs.names(file)
        if name.startswith(xattrs.STREAM)
        and name.endswith(_TYPE)
        and is_stream_name(name[start:end])
    )
